"""Any interleaving of events, clicks, timers, faults, people and brakes: what must hold holds at every step and at the end.

A machine draws the steps; the invariants are the promises P1, P3, P4, P5, P7 and P9, and that what a person said yes to is all
that is done.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from people import OWNER, STRANGER, allow, click
from remediation_world import (
    API,
    API_RESOURCE,
    CHANGING,
    CONSUMER_RESOURCE,
    QUEUE_AGE,
    SCALE_API,
    SCALE_CONSUMERS,
    World,
    api_alarm,
    queue_alarm,
    world,
)

from alarms.domain.alarm import Mode, Policy, Revert
from alarms.domain.bounds import Bounds, Limit, Storm
from alarms.domain.command import CommandKind
from alarms.domain.event import State, from_iso
from alarms.domain.report import Phase
from infra.local.faults import Fault
from infra.local.seam import Call

OTHER = "tocsin/dev/billing/ecs/cpu-high/image-api"
AT_MOST = Limit(3, 86400)
BASE = {API_RESOURCE: 4, CONSUMER_RESOURCE: 3}
CEILINGS = {API_RESOURCE: 20, CONSUMER_RESOURCE: 40}
BOUNDS = Bounds(storm=Storm(services=9))
TROUBLES = (
    ("dynamodb", "TransactWriteItems", "timeout", True),
    ("dynamodb", "UpdateItem", "ProvisionedThroughputExceededException", False),
    ("application-autoscaling", "RegisterScalableTarget", "timeout", True),
    ("application-autoscaling", "RegisterScalableTarget", "ThrottlingException", False),
    ("ecs", "DescribeServices", "ServerException", False),
    ("sqs", "SendMessage", "RequestThrottled", False),
    ("ssm", "GetParameter", "timeout", False),
)


def bounded(policy: Policy, **changes: Any) -> Policy:
    """Return ``policy`` with the bounds that the invariants know."""
    usual = {"limits": (AT_MOST,), "cooldown_s": 60, "verify_within_s": 300, "revert": Revert(after_ok_s=300, at_latest_s=3600)}
    return replace(policy, **{**usual, **changes})


ROWS = {
    API: api_alarm(bounded(SCALE_API), bounds=BOUNDS),
    QUEUE_AGE: queue_alarm(bounded(SCALE_CONSUMERS), bounds=BOUNDS),
    OTHER: api_alarm(
        bounded(SCALE_API, mode=Mode.APPROVE, approve_within_s=900),
        name=OTHER,
        service="billing",
        row="billing/ecs/cpu-high",
        bounds=BOUNDS,
    ),
}
NAMES = st.sampled_from(list(ROWS))


class Interleavings(RuleBasedStateMachine):
    """The world, and everybody in it."""

    def __init__(self) -> None:
        super().__init__()
        self._open = contextlib.ExitStack()
        self.told: World = self._open.enter_context(world())
        allow(self.told, OWNER)
        for row in ROWS.values():
            self.told.apply(row)
        self.told.pump()
        self.old: list[dict[str, Any]] = []
        self.broken: list[str] = []
        self.faults: list[Fault] = []
        self.paused = False
        self.touched: set[str] = set()
        self.states = dict.fromkeys(ROWS, State.OK)
        self.clicks = 0
        self.undone: set[str] = set()  # what a person wants back comes back, paused or not
        self.told.aws.seam.observe(self._judge)

    def teardown(self) -> None:
        """Let all end well, then look whether it did."""
        try:
            self._settle_down()
            assert list(self._left()) == []
            assert self.broken == []
        finally:
            self._open.close()

    # --- what happens -------------------------------------------------------------------------------------------------

    @rule(name=NAMES, state=st.sampled_from([State.ALARM, State.ALARM, State.OK]))
    def changes_state(self, name: str, state: State) -> None:
        if self.states[name] is not state:
            self.states[name] = state
            self.told.state(name, state)

    @rule(seconds=st.sampled_from([1, 25, 60, 200, 700]), copies=st.integers(1, 2), backwards=st.booleans())
    def time_passes(self, seconds: int, copies: int, backwards: bool) -> None:
        self.told.aws.clock.advance(seconds)
        self._deliver(copies, backwards=backwards)

    @precondition(lambda self: self.old)
    @rule(place=st.integers(0, 30))
    def an_old_message_comes_again(self, place: int) -> None:
        self.told.handle([dict(self.old[place % len(self.old)])])

    @precondition(lambda self: self._runs())
    @rule(
        kind=st.sampled_from([CommandKind.APPROVE, CommandKind.APPROVE, CommandKind.DENY, CommandKind.UNDO]),
        by=st.sampled_from([OWNER, STRANGER]),
        place=st.integers(0, 5),
        twice=st.booleans(),
    )
    def somebody_clicks(self, kind: CommandKind, by: str, place: int, twice: bool) -> None:
        runs = self._runs()
        chosen = runs[-1 - place % len(runs)]
        run = chosen["id"]
        if kind is CommandKind.UNDO:
            self.undone.add(chosen["proposal"]["resource"].removeprefix("ecs:"))
        for _ in range(1 + twice):
            self.clicks += 1
            click(self.told, kind, run, by, nth=self.clicks)
        self._deliver(1)

    @rule(paused=st.booleans())
    def somebody_pulls_the_brake(self, paused: bool) -> None:
        self.paused = paused
        self.told.switch(paused=paused)

    @rule(resource=st.sampled_from(list(BASE)), floor=st.integers(1, 9))
    def somebody_sets_a_floor(self, resource: str, floor: int) -> None:
        self.touched.add(resource)
        self.told.target(resource, floor)

    @rule(trouble=st.sampled_from(TROUBLES), times=st.integers(1, 3))
    def aws_fails(self, trouble: tuple[str, str, str, bool], times: int) -> None:
        service, operation, code, after = trouble
        here = lambda _: self.told.handling  # noqa: E731 - the handlers' calls only
        self.faults.append(self.told.aws.seam.fail(service, operation, code, times=times, after_effect=after, when=here))

    @rule(call=st.integers(0, 25))
    def the_worker_dies(self, call: int) -> None:
        self.told.kill_after(call)

    def _deliver(self, copies: int, *, backwards: bool = False) -> None:
        for _ in range(8):
            records = self.told.receive() if self.told.visible() else []
            if not records:
                return
            for record in reversed(records) if backwards else records:
                failed: set[str] = set()
                for _ in range(copies):
                    failed |= self.told.handle([dict(record)])
                self.old = [*self.old, record][-30:]
                if not failed:
                    self.told.client("sqs").delete_message(QueueUrl=self.told.commands_url, ReceiptHandle=record["receiptHandle"])

    # --- what holds at every moment -----------------------------------------------------------------------------------

    def _judge(self, call: Call) -> None:
        """Judge each change at the moment it is made."""
        if not self.told.handling or call.operation not in CHANGING or call.internal or call.served == "fault":
            return
        resource, value = call.params.get("ResourceId", ""), call.params.get("MinCapacity", 0)
        if self.paused and resource not in self.undone:
            self.broken.append(f"P7: {resource} {value} while paused")
        if value > CEILINGS.get(resource, 0):
            self.broken.append(f"P4: {resource} {value} above the ceiling")

    @invariant()
    def nothing_is_broken(self) -> None:
        assert self.broken == []

    @invariant()
    def one_run_an_episode_and_no_more_than_the_limit(self) -> None:
        intents = [entry for entry in self.told.audit if entry.get("phase") == "intent"]
        once = Counter((entry["row"], entry["resource"], entry["episode"], entry["step"]) for entry in intents)
        assert [key for key, times in once.items() if times > 1] == [], "P1"
        for row in ROWS.values():
            begun = sorted(from_iso(entry["at"]) for entry in intents if entry["row"] == row.row)
            assert _most_within(begun, timedelta(seconds=AT_MOST.window_s)) <= AT_MOST.count, "P4"

    @invariant()
    def one_change_in_flight_for_each_service(self) -> None:
        flying = [
            run for run in self._runs() if run["status"] in ("intent", "acted") and not run["concluded"] and run["borrowed"]
        ]
        many = [service for service, count in Counter(run["service"] for run in flying).items() if count > 1]
        assert many == [], f"P5: {[(run['id'], run['status']) for run in flying]}"

    @invariant()
    def only_what_was_shown_is_done(self) -> None:
        shown: dict[str, Any] = {}
        for report in self.told.reports():
            if report.phase is Phase.ASKED:
                shown[report.run] = set(report.changes)
            if report.phase is Phase.ACTED and report.run in shown:
                assert set(report.changes) <= shown[report.run]

    # --- what holds in the end ----------------------------------------------------------------------------------------

    def _settle_down(self) -> None:
        for fault in self.faults:
            fault.lift()
        self.told.kill_after(None)
        self.paused = False
        self.told.switch()
        for name, state in self.states.items():
            if state is not State.OK:
                self.told.state(name, State.OK)
        for _ in range(50):
            self.told.aws.clock.advance(200)
            self._deliver(1)

    def _runs(self) -> list[dict[str, Any]]:
        items = self.told.client("dynamodb").scan(TableName="tocsin-dev-history")["Items"]
        runs = [json.loads(item["document"]["S"]) for item in items if item["sk"]["S"] == "run"]
        return sorted(runs, key=lambda run: (run["created_at"], run["id"]))

    def _left(self) -> Any:
        for run in self._runs():
            if run["lending"] in ("held", "returning") or run["status"] in ("intent", "asked"):
                yield f"P9: run {run['id']} is left {run['status']}, {run['lending']}"
        gave_up = any(entry.get("phase") == "revert-failed" for entry in self.told.audit)
        for resource, base in BASE.items():
            if resource not in self.touched and not gave_up and self.told.floor(resource) != base:
                yield f"P9: the floor of {resource} is {self.told.floor(resource)}"


def _most_within(moments: list[datetime], window: timedelta) -> int:
    """Return how many of ``moments`` lie within one window at most."""
    return max((sum(start <= moment < start + window for moment in moments) for start in moments), default=0)


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(
    max_examples=8,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
