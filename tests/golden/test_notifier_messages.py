"""What Slack would be sent for each shape of alarm, with and without a row, in both languages: reviewed as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from notifier_samples import T0, event, minute, ok, report, row, unknown

from alarms.domain.alarm import Alarm
from alarms.domain.event import AlarmEvent
from alarms.domain.payload import parse_all
from alarms.domain.report import Phase
from alarms.domain.text import Language, Text
from notifier.explain import explain
from notifier.limits import problems
from notifier.record import Thread
from notifier.render import incident
from notifier.standing import Silence
from notifier.thread import ending_reply, report_reply
from notifier.timeline import incident_of

EVENTS = Path(__file__).parents[1] / "events"
LANGUAGES = pytest.mark.parametrize("language", Language)
SHAPES = (
    "bare-2017-without-arn",
    "bare-anomaly-band",
    "bare-bad-time",
    "bare-china-after-mute",
    "bare-composite-children-as-text",
    "bare-contributor-promql",
    "bare-first-evaluation-ok",
    "bare-insufficient-data",
    "bare-log-alarm",
    "bare-ok-from-missing-data",
    "eventbridge-composite-suppressed",
    "sns-lambda-extended-statistic",
    "sns-metric-math",
    "sns-sqs-single-metric",
)


def text(payload: Any) -> str:
    """Return a payload as a file to review."""
    return json.dumps(payload, ensure_ascii=False, indent=1) + "\n"


@pytest.mark.parametrize("name", SHAPES)
@LANGUAGES
def test_a_foreign_alarm_of_each_shape(name: str, language: Language, golden: Any) -> None:
    found = parse_all(json.loads((EVENTS / f"{name}.json").read_text("utf-8")), received_at=T0)
    said = [one for one in found if isinstance(one, AlarmEvent)]
    shown = [explain(one, None, default_channel="#default", language=language) for one in said]
    for one in shown:
        assert one["payload"] is None or problems(one["payload"]) == []
    golden.check(f"notifier/{name}.{language.value}.json", text(shown))


def story(name: str, of: Alarm) -> dict[str, Any]:
    """Return the message of one incident of ``of`` at the end of a story."""
    seen = {
        "rings": [event()],
        "recovered": [event(), ok(minute(21))],
        "no-data-ok": [event(), ok(minute(21), values=(), no_data=True)],
        "unknown": [event(), unknown(minute(21))],
        "unseen": [event(), event(at=minute(30))],
    }[name]
    known = incident_of(seen, seen[0])
    assert known
    reports = (report("1", minute(1)), report("2", minute(12), Phase.HELPED)) if name == "recovered" else ()
    return incident(known.last, of, channel=of.channel, known=known, thread=Thread("", "", reports=reports)).payload()


@pytest.mark.parametrize("name", ["rings", "recovered", "no-data-ok", "unknown", "unseen"])
@LANGUAGES
def test_an_alarm_of_the_catalogue_through_its_life(name: str, language: Language, golden: Any) -> None:
    payload = story(name, row(language=language))
    assert problems(payload) == []
    golden.check(f"notifier/row-{name}.{language.value}.json", text(payload))


RUN = "a1b2c3d4e5f60718"
PHASES: dict[Phase, dict[str, Any]] = {
    Phase.ASKED: {
        "run": RUN, "until": minute(31), "risk": "disruptive", "approvers": ("U0AAAAAAA", "U0BBBBBBB"), "mode": "approve",
    },
    Phase.APPROVED: {"run": RUN, "by": "U0AAAAAAA", "approvals": ("U0AAAAAAA",), "needed": 2},
    Phase.DENIED: {"run": RUN, "by": "U0BBBBBBB"},
    Phase.HELD: {"by": "U0CCCCCCC", "until": minute(61)},
    Phase.ACTED: {"run": RUN, "undoable": True, "row_digest": "0123456789abcdef"},
    Phase.REVERTED: {"run": RUN, "by": "U0CCCCCCC"},
    Phase.DIAGNOSED: {
        "changes": (),
        "lines": (
            Text("14:58 image-consumer:42 was deployed", "14:58 image-consumer:42 배포됨"),
            Text("3 tasks stopped: OutOfMemoryError (exit code 137)", "태스크 3개 중지: OutOfMemoryError (종료 코드 137)"),
        ),
    },
}  # fmt: skip


@pytest.mark.parametrize("name", ["asked", "acted", "held"])
@LANGUAGES
def test_what_a_person_can_press(name: str, language: Language, golden: Any) -> None:
    """The question with its buttons; a change that is out; automation held and people silenced."""
    held = report("h", minute(2), Phase.HELD, **PHASES[Phase.HELD])
    said = {
        "asked": (report("a", minute(1), Phase.ASKED, **PHASES[Phase.ASKED]),),
        "acted": (report("a", minute(1), **PHASES[Phase.ACTED]),),
        "held": (report("a", minute(1), **PHASES[Phase.ACTED]), held),
    }[name]
    silence = Silence("U0DDDDDDD", minute(3), minute(63)) if name == "held" else None
    thread = Thread("", "", reports=said, silence=silence, revision=7)
    payload = incident(event(), row(language=language), channel="#ops-alerts", thread=thread, now=minute(4)).payload()
    assert problems(payload) == []
    golden.check(f"notifier/press-{name}.{language.value}.json", text(payload))


@LANGUAGES
def test_the_replies_of_a_thread(language: Language, golden: Any) -> None:
    known = incident_of([event(), ok(minute(21))], event())
    assert known
    place = {"channel": "C00000001", "thread_ts": "1793459000.000000", "language": language}
    said = [report(phase.value, minute(1), phase, **PHASES.get(phase, {})) for phase in Phase]
    shown = [report_reply(one, **place).payload() for one in said]
    shown.append(ending_reply(known, row(language=language), **place).payload())
    for payload in shown:
        assert problems(payload) == []
    golden.check(f"notifier/replies.{language.value}.json", text(shown))
