"""CPU time of one alarm event in a warm notifier, from SQS record to rendered blocks, and of one decision with all guards."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from datetime import datetime

from alarms.domain.alarm import Alarm, Policy
from alarms.domain.event import AlarmEvent, State
from alarms.domain.payload import parse
from benchmarks.recording import START, Recording
from notifier.render import incident
from remediators.decide import decide
from remediators.facts import Facts, LiveAlarm
from remediators.records import Claimed, Ring
from remediators.registry import registry
from remediators.standing import ResourceState, Standing
from remediators.switch import Hold, Switch

ROUNDS, TIMES = 9, 300


def per_event_ms(recording: Recording, row: Alarm) -> tuple[float, float]:
    """Return (parse to rendered payload, only decoding the same JSON) in milliseconds of CPU time."""
    record = recording.event["Records"][0]

    def whole() -> None:
        event = parse(record, received_at=START)
        if not isinstance(event, AlarmEvent):
            raise TypeError("the recorded event is no alarm")
        json.dumps(incident(event, row, channel=row.channel).payload())

    return _cpu_ms(whole), _cpu_ms(lambda: json.loads(json.loads(record["body"])["Message"]))


def per_decision_ms(recording: Recording, row: Alarm) -> float:
    """Return the CPU time of one decision with every guard asked, in milliseconds."""
    event = parse(recording.event["Records"][0], received_at=START)
    if not isinstance(event, AlarmEvent):
        raise TypeError("the recorded event is no alarm")
    facts = _facts(event, row, row.policies[0], START)
    return _cpu_ms(lambda: decide(facts))


def _facts(event: AlarmEvent, row: Alarm, policy: Policy, now: datetime) -> Facts:
    return Facts(
        now=now,
        ring=Ring.of(event),
        alarm=row,
        policy=policy,
        spec=registry().specs()[policy.action],
        claimed=Claimed.NEW,
        covered_by="",
        live=LiveAlarm(State.ALARM, event.changed_at),
        switch=Switch(Hold(paused=False, mode=policy.mode)),
        peers={},
        resource=ResourceState(),
        standing=Standing(),
    )


def _cpu_ms(work: Callable[[], object]) -> float:
    work()
    rounds = []
    for _ in range(ROUNDS):
        before = time.process_time()
        for _ in range(TIMES):
            work()
        rounds.append((time.process_time() - before) / TIMES * 1000)
    return statistics.median(rounds)
