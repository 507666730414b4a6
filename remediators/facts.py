"""All that a decision may depend on, gathered before it is taken. Frozen values; None means: could not be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from alarms.domain.action import ActionSpec
from alarms.domain.alarm import Alarm, Mode, Policy, lowest
from alarms.domain.decision import Proposal
from alarms.domain.event import State
from remediators.action import Refusal
from remediators.records import Claimed, Ring
from remediators.standing import ResourceState, Standing
from remediators.switch import Hold, Switch

# What rings for longer than this is known by now: it is no part of a storm.
FRESH = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class LiveAlarm:
    """The alarm as DescribeAlarms tells it now. ``evaluation`` is EvaluationState, "" when the evaluation is sound."""

    state: State
    transitioned_at: datetime | None
    evaluation: str = ""
    suppressed_by: str = ""
    actions_enabled: bool = True


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a decision may depend on. None means: could not be read.

    ``claimed`` says whether this delivery opened the episode. ``covered_by`` names the run in flight for the service, ""
    when there is none. ``alarm_gone`` means that CloudWatch knows no such alarm any more. ``proposal`` is the action's
    own answer. ``row_unread``: there is a row and it cannot be read. ``home`` is where this remediator lives, as
    ``account/region``, "" when that is of no concern; ``reached`` whether it may act where the alarm lives. ``problem``
    says what of the parameters does not fit the action.
    ``peers`` are the alarms of the stage that ring now, by name; ``standing`` is what the history says around the
    resource. ``approved``: a person has said yes to it.
    """

    now: datetime
    ring: Ring
    alarm: Alarm | None = None
    row_unread: bool = False
    home: str = ""
    reached: bool | None = False
    policy: Policy | None = None
    spec: ActionSpec | None = None
    problem: str = ""
    claimed: Claimed | None = None
    covered_by: str | None = None
    live: LiveAlarm | None = None
    alarm_gone: bool = False
    switch: Switch | None = None
    peers: Mapping[str, LiveAlarm] | None = None
    resource: ResourceState | None = None
    standing: Standing | None = None
    approved: bool = False
    run: str = ""
    proposal: Proposal | Refusal | None = None

    @property
    def changes(self) -> bool:
        """Whether the action changes anything. An unknown action is taken to do so."""
        return self.spec is None or self.spec.changes

    def hold(self) -> Hold | None:
        """Return what the switch says of this policy; None when it could not be read."""
        if self.switch is None or self.alarm is None or self.policy is None:
            return None
        return self.switch.of(self.alarm.row, self.policy.action)

    def mode(self) -> Mode | None:
        """Return the effective mode: the lowest of policy and switch; None when it cannot be known."""
        hold = self.hold()
        return lowest(self.policy.mode, hold.mode) if hold and self.policy else None

    def ringing_groups(self) -> frozenset[str] | None:
        """Return what else began to ring of late, by service (rows of no service: by component); None when nobody can see."""
        if self.peers is None or self.alarm is None:
            return None
        fresh = (
            name for name, live in self.peers.items() if live.transitioned_at is None or live.transitioned_at > self.now - FRESH
        )
        return frozenset(group_of(name) for name in fresh) - {group_of(self.alarm.name)}


def group_of(alarm_name: str) -> str:
    """Return the part of ``<prefix>/<stage>/<service>/…`` that tells services apart."""
    parts = alarm_name.split("/")
    return parts[2] if len(parts) > 2 else alarm_name
