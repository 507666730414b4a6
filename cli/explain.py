"""tocsin explain: what any CloudWatch payload leads to, without touching anything."""

from __future__ import annotations

import html
import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alarms.domain.errors import BadInput
from remediators.wording import NOT_ASKED

if TYPE_CHECKING:
    from cli.explanation import FindRow

LARGEST = 1 << 20  # bytes; an SQS or SNS message is at most 1 MiB
DEFAULT_CHANNEL = "tocsin"
MARKS = {True: "yes", False: "NO ", None: " ? "}


class Format(StrEnum):
    """How the explanation is printed."""

    TEXT = "text"
    JSON = "json"


def command(
    event: Annotated[Path, typer.Argument(help="A file with any payload of CloudWatch, SNS, SQS or EventBridge; - for stdin.")],
    catalogue: Annotated[Path | None, typer.Option(help="A catalogue; the packaged one when left out.")] = None,
    stage: Annotated[str | None, typer.Option(help="Its stage; taken from the alarm's name when left out.")] = None,
    form: Annotated[Format, typer.Option("--format", help="text for people, json for programs.")] = Format.TEXT,
) -> None:
    """Show what an event leads to; changes nothing.

    The parsed event, its route, the Slack message and the decision with each guard's answer.
    """
    from alarms.domain.text import Language
    from cli.catalogue import now
    from cli.explanation import explanation
    from remediators.registry import registry

    found = explanation(
        _payload(event),
        row_of=_rows(catalogue, stage),
        actions=registry(),
        default_channel=DEFAULT_CHANNEL,
        language=Language.EN,
        now=now(),
    )
    typer.echo(
        json.dumps(found, ensure_ascii=False, indent=2) if form is Format.JSON else "\n\n".join(map(_text, found["events"]))
    )


def _payload(path: Path) -> object:
    """Return the JSON in ``path``, or its text when it is none: plain text is a message too."""
    try:
        data = sys.stdin.buffer.read(LARGEST + 1) if str(path) == "-" else _read(path)
    except OSError as failure:
        raise BadInput(f"{path}: {failure.strerror or failure}; name a file that holds one payload") from failure
    if len(data) > LARGEST:
        raise BadInput(f"{path}: larger than 1 MiB; no alarm message is, so give the one payload alone")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as failure:
        raise BadInput(f"{path}: not UTF-8 at byte {failure.start}; payloads are JSON in UTF-8") from failure
    return _json(path, text)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST + 1)


def _json(path: Path, text: str) -> object:
    """Read JSON; what looks like JSON and is broken is the user's mistake, anything else is a plain-text message."""
    try:
        parsed: object = json.loads(text)
    except json.JSONDecodeError as failure:
        if text.lstrip()[:1] not in {"{", "["}:
            return text
        where = f"{path}:{failure.lineno}:{failure.colno}"
        raise BadInput(f"{where}: not valid JSON ({failure.msg.lower()}); give the payload as AWS sent it") from failure
    except RecursionError as failure:
        raise BadInput(f"{path}: nested too deep for a payload; give the payload as AWS sent it") from failure
    return parsed


def _rows(path: Path | None, stage: str | None) -> FindRow:
    """Return how an event's row is found: by the alarm's name, in the stage that the name itself tells."""
    from alarms.domain.alarm import Alarm
    from alarms.domain.event import AlarmEvent
    from cli.catalogue import alarms_by_name

    known: dict[str, dict[str, Alarm]] = {}

    def row_of(event: AlarmEvent) -> Alarm | None:
        parts = event.alarm_name.split("/")
        chosen = stage or (parts[1] if len(parts) > 2 else "")
        if chosen not in known:
            known[chosen] = alarms_by_name(path, chosen)
        row = known[chosen].get(event.alarm_name)
        return row if row and (not event.account or event.alarm_key == row.key) else None

    return row_of


def _text(entry: dict[str, Any]) -> str:
    if "ignored" in entry:
        return f"not an alarm: {entry['ignored']}\n  {entry['detail']}"
    event, way, decision = entry["event"], entry["route"], entry["decision"]
    when = event["changed_at"] if event["changed_at_known"] else "a time that the message does not tell"
    changed = f"{event['previous_state'] or '?'} → {event['state']} at {when}"
    lines = [
        typer.style(event["alarm_name"], bold=True),
        f"  {changed} ({event['shape']}, by {event['envelope']})",
        f"  {event['reason']}",
        "",
        f"route     {way['channel']}: {way['why']}",
        f"slack     {_slack(entry['slack'])}",
        f"decision  {_verdict(decision)}",
        *_guards(entry["guards"]),
        *(f"  assumed: {text}" for text in decision["assumed"]),
    ]
    return "\n".join(lines)


def _guards(guards: list[dict[str, Any]]) -> list[str]:
    """Return a line for each guard that was asked, and one for all those that were not."""
    asked = [guard for guard in guards if guard["why"] != NOT_ASKED.en]
    lines = [f"  {MARKS[guard['passed']]} {guard['guard']:<12} {guard['why']}" for guard in asked]
    rest = ", ".join(guard["guard"] for guard in guards if guard not in asked)
    return [*lines, f"  not asked: {rest}"] if rest else lines


def _slack(slack: dict[str, Any]) -> str:
    if slack["method"] is None:
        return f"nothing is sent: {slack['quiet']}"
    return f"{slack['method']}: {html.unescape(slack['payload']['text'])}"


def _verdict(decision: dict[str, Any]) -> str:
    if decision["verdict"] == "skip" and decision["reason"] == "unknown" and decision["action"]:
        return (
            f"{decision['action']} (mode {decision['mode']}) is asked when every guard passes live; here: {decision['why']['en']}"
        )
    reason = f" ({decision['reason']})" if decision["reason"] else ""
    return f"{decision['verdict']}{reason}: {decision['why']['en']}"
