"""One policy, exercised from its alarm to what it gives back: the steps of `tocsin drill`, each awaited, and the tidying up.

The drill's alarm watches a metric of its own, ``Tocsin/Drill``, so that nothing real has to break. Its row is the policy's own,
under the drill alarm's name, with shorter waits; its mode is the row's and never raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from alarms.domain.alarm import Alarm, Mode, Revert
from alarms.domain.errors import CannotRun, Permanent, Refused

if TYPE_CHECKING:
    from remediators.looking_back.journal_reader import JournalReader

NAMESPACE, METRIC, DIMENSION = "Tocsin/Drill", "Ringing", "AlarmName"
LONGEST_NAME = 255
POLL_S = 10.0
PATIENCE_S = 300.0  # what each step may take beside what its policy says
EXPIRES_AFTER = timedelta(hours=6)
# A drill shows that it works, not how long it waits.
VERIFY_S, AFTER_OK_S, AT_LATEST_S = 600, 60, 3600
GIVEN_BACK = ("reverted", "kept", "drifted")
NOT_DONE = ("failed", "skipped", "denied", "expired", "escalated")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One step: what was awaited, whether it came, after how many seconds, and what there is to say of it."""

    step: str
    passed: bool
    took_s: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the drill goes: clients of the stage's account (their failures have their verdict), its names, its clock."""

    clients: Callable[[str], Any]
    journal: JournalReader
    base: str  # <prefix>-<stage>
    topic_arn: str
    tags: Mapping[str, str]
    now: Callable[[], datetime]
    sleep: Callable[[float], None]


def drill_row(alarm: Alarm, prefix: str) -> Alarm:
    """Return the row of the drill: the policy's own under the drill's name, with shorter waits. Refused when there is none."""
    if not alarm.policies:
        raise Refused(f"{alarm.row} has no policy to exercise: {alarm.no_action or 'nothing may be done there'}")
    policy = alarm.policies[0]
    revert = policy.revert
    shorter = replace(
        policy,
        verify_within_s=min(policy.verify_within_s, VERIFY_S),
        revert=Revert(min(revert.after_ok_s, AFTER_OK_S), min(revert.at_latest_s, AT_LATEST_S)) if revert else None,
    )
    stage = f"{prefix}/{alarm.stage}/"
    name = f"{stage}drill/{alarm.name.removeprefix(stage)}"[:LONGEST_NAME]
    return replace(alarm, name=name, title=f"DRILL: {alarm.title}", policies=(shorter,))


class Drill:
    """One exercise. ``begin`` once, ``steps`` once, ``end`` always."""

    def __init__(self, place: Place, row: Alarm) -> None:
        self._place = place
        self._row = row
        self._started = place.now()
        self._value = 1.0
        self._acted = False

    # --- before and after ---------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Put the row and the alarm. An earlier drill's are taken over; Refused when an alarm of that name is not a drill's."""
        cloudwatch, name = self._place.clients("cloudwatch"), self._row.name
        for found in cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm"])["MetricAlarms"]:
            if found.get("Namespace") != NAMESPACE:
                raise Refused(f"an alarm {name!r} is there already, and it is not a drill's: it is left alone")
            cloudwatch.delete_alarms(AlarmNames=[name])
        self._publish()
        expires = {"tocsin:expires": (self._started + EXPIRES_AFTER).strftime("%Y-%m-%dT%H:%M:%SZ")}
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            AlarmDescription="A drill of tocsin: it watches a metric of its own and is deleted when the drill is over.",
            Namespace=NAMESPACE,
            MetricName=METRIC,
            Dimensions=[{"Name": DIMENSION, "Value": name}],
            Statistic="Maximum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1.0,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            TreatMissingData="ignore",
            AlarmActions=[self._place.topic_arn],
            OKActions=[self._place.topic_arn],
            Tags=[{"Key": key, "Value": value} for key, value in {**self._place.tags, **expires}.items()],
        )

    def end(self) -> str:
        """Take away alarm and row, whatever happened. Returns what is still out, "" when nothing is."""
        self._place.clients("cloudwatch").delete_alarms(AlarmNames=[self._row.name])
        self._place.clients("dynamodb").delete_item(TableName=f"{self._place.base}-catalogue", Key=self._key())
        revert = self._row.policies[0].revert
        if not self._acted or revert is None:
            return ""
        latest = self._place.now() + timedelta(seconds=revert.at_latest_s)
        return f"what the drill changed is still out; it is given back at the latest at {latest:%H:%M} UTC"

    def _publish(self) -> None:
        from alarms.configuration import canonical

        item = {**self._key(), "document": {"S": canonical(self._row.to_document())}, "digest": {"S": self._row.digest}}
        try:
            self._place.clients("dynamodb").put_item(TableName=f"{self._place.base}-catalogue", Item=item)
        except Permanent as failure:
            if failure.code == "ResourceNotFoundException":
                raise CannotRun(
                    f"there is no table {self._place.base}-catalogue: tocsin is not deployed in this stage"
                ) from failure
            raise

    def _key(self) -> dict[str, Any]:
        return {"alarm": {"S": self._row.key}, "version": {"S": "current"}}

    # --- the exercise -------------------------------------------------------------------------------------------------

    def steps(self) -> Iterator[Outcome]:
        """Yield each step as it ends; the first that fails is the last."""
        for step in (self._rings, self._told, self._decided, self._done, self._recovers, self._verified, self._given_back):
            outcome = step()
            if outcome is not None:
                yield outcome
                if not outcome.passed:
                    return

    def _rings(self) -> Outcome:
        return self._await("the drill alarm rings", lambda: self._state() == "ALARM" or None, PATIENCE_S)

    def _told(self) -> Outcome:
        return self._await("people are told in Slack", lambda: self._shown() or None, PATIENCE_S)

    def _decided(self) -> Outcome:
        def decided() -> str | None:
            for entry in self._entries():
                if entry.get("type") == "decision":
                    return f"{entry.get('verdict')}{': ' if entry.get('reason') else ''}{entry.get('reason', '')}"
            return None

        waits = self._row.settle_s + PATIENCE_S
        outcome = self._await(f"it decides, in mode {self._row.policies[0].mode.value} at most", decided, waits)
        refused = outcome.note.startswith("skip") and self._row.policies[0].mode.rank >= Mode.APPROVE.rank
        return replace(outcome, passed=False) if refused and outcome.note != "skip: mode-observe" else outcome

    def _done(self) -> Outcome | None:
        phases = self._phases()
        if "asked" in phases and "acted" not in phases:
            outcome = self._await_phase("somebody approves in Slack", ("acted",), self._row.policies[0].approve_within_s)
        elif any(entry.get("verdict") == "run" for entry in self._entries()):
            outcome = self._await_phase("it acts", ("acted",), PATIENCE_S)
        else:
            return None  # observed or proposed: nothing is to be done
        self._acted = outcome.passed and self._row.policies[0].revert is not None
        return outcome

    def _recovers(self) -> Outcome:
        self._value = 0.0
        return self._await("the drill alarm recovers", lambda: self._state() == "OK" or None, PATIENCE_S)

    def _verified(self) -> Outcome | None:
        if "acted" not in self._phases():
            return None
        within = self._row.policies[0].verify_within_s + PATIENCE_S
        return self._await_phase("it helped", ("helped",), within, ("no-help", *NOT_DONE))

    def _given_back(self) -> Outcome | None:
        if not self._acted:
            return None
        outcome = self._await_phase("what it borrowed is given back", GIVEN_BACK, AFTER_OK_S + 2 * PATIENCE_S, ("failed",))
        self._acted = not outcome.passed
        return outcome

    # --- what is seen -------------------------------------------------------------------------------------------------

    def _await_phase(self, step: str, wanted: tuple[str, ...], within_s: float, ends: tuple[str, ...] = NOT_DONE) -> Outcome:
        def seen() -> str | None:
            return next((phase for phase in self._phases() if phase in (*wanted, *ends)), None)

        outcome = self._await(step, seen, within_s)
        return outcome if outcome.note in wanted else replace(outcome, passed=False)

    def _await(self, step: str, seen: Callable[[], str | bool | None], within_s: float) -> Outcome:
        """Feed the metric and look, until something is seen or the time is over."""
        began = self._place.now()
        while True:
            self._feed()
            found, took = seen(), (self._place.now() - began).total_seconds()
            if found is not None:
                return Outcome(step, True, took, found if isinstance(found, str) else "")
            if took >= within_s:
                return Outcome(step, False, took, f"not within {within_s:.0f} s")
            self._place.sleep(POLL_S)

    def _feed(self) -> None:
        point = {
            "MetricName": METRIC,
            "Dimensions": [{"Name": DIMENSION, "Value": self._row.name}],
            "Timestamp": self._place.now(),
            "Value": self._value,
        }
        self._place.clients("cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=[point])

    def _state(self) -> str:
        found = self._place.clients("cloudwatch").describe_alarms(AlarmNames=[self._row.name], AlarmTypes=["MetricAlarm"])
        return next((str(alarm["StateValue"]) for alarm in found["MetricAlarms"]), "")

    def _shown(self) -> bool:
        answer = self._place.clients("dynamodb").query(
            TableName=f"{self._place.base}-threads",
            KeyConditionExpression="subject = :subject",
            ExpressionAttributeValues={":subject": {"S": self._row.key}},
            ConsistentRead=True,
        )
        return any(item.get("ts", {}).get("S") for item in answer["Items"])

    def _entries(self) -> list[Mapping[str, Any]]:
        found = self._place.journal.between(self._started - timedelta(minutes=1), self._place.now() + timedelta(minutes=1))
        return [entry for entry in found if entry.get("alarm") == self._row.name]

    def _phases(self) -> list[str]:
        return [str(entry["phase"]) for entry in self._entries() if entry.get("phase")]
