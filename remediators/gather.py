"""Gather: everything a decision depends on is read again, now; what cannot be read stays None, and no guard passes on that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from alarms.domain.alarm import Policy
from alarms.domain.decision import Proposal
from alarms.domain.errors import Permanent, Retryable
from alarms.domain.event import State
from remediators import aws_incident
from remediators.action import Action, Situation, unfit
from remediators.candidate import Candidate
from remediators.decide import wants_proposal
from remediators.facts import Facts, LiveAlarm
from remediators.ports import Delivery, Ports
from remediators.records import Claimed, around
from remediators.standing import ResourceState
from remediators.switch import Switch
from remediators.telling import Telling
from remediators.writes import Counts


@dataclass(frozen=True, slots=True)
class Seen:
    """What is read once for all candidates of a plan. ``peers`` is all that rings in the stage, by name."""

    live: Mapping[str, LiveAlarm] | None
    peers: Mapping[str, LiveAlarm] | None
    switch: Switch | None


@dataclass(frozen=True, slots=True)
class Gathered:
    """The facts of one candidate, and what acting on them needs beside: where it counts, and what is kept before it acts.

    ``observed`` is what the action saw, in its own type.
    """

    facts: Facts
    resource: ResourceState
    counts: Counts | None = None
    evidence: Mapping[str, Any] | None = None
    observed: Any = None


class Gatherer:
    """Reads for decisions."""

    def __init__(self, ports: Ports, telling: Telling) -> None:
        self._ports = ports
        self._telling = telling

    def look(self, candidates: list[Candidate], now: datetime) -> Seen:
        """Read what rings, and the switch. An alarm that is not among what rings is asked for by name: it may be gone.

        The candidates are of one service, and so of one account and region.
        """
        names = sorted({candidate.ring.alarm_name for candidate in candidates})
        live: dict[str, LiveAlarm] | None = None
        peers: Mapping[str, LiveAlarm] | None = None
        try:
            alarms = self._ports.sites.at(candidates[0].ring.place, now).alarms
            peers = alarms.ringing("/".join(names[0].split("/")[:2]) + "/")
            live = {name: peers[name] for name in names if name in peers}
            if others := [name for name in names if name not in peers]:
                live.update(alarms.states(others))
        except (Retryable, Permanent):
            live = None
        try:
            switch: Switch | None = self._ports.switch.read()
        except (Retryable, Permanent):
            switch = None
        return Seen(live, peers, switch)

    def gather(
        self, candidate: Candidate, seen: Seen, covered_by: str, delivery: Delivery, *, run: str = "", approved: bool = False
    ) -> Gathered:
        """Return the facts of ``candidate``. ``run`` is the one that holds the resource rightly, where there is one."""
        policy, alarm, name = candidate.policy, candidate.alarm, candidate.ring.alarm_name
        action = self.action(policy)
        facts = Facts(
            now=delivery.now,
            ring=candidate.ring if candidate.episode.is_open else replace(candidate.ring, state=State.OK),
            alarm=alarm,
            row_unread=candidate.unread,
            home=self._ports.sites.home,
            reached=self._ports.sites.reaches(candidate.ring.place, delivery.now),
            policy=policy,
            spec=action.spec if action else None,
            problem=unfit(action, policy) if action and policy else "",
            claimed=Claimed.NEW,
            covered_by=covered_by,
            live=seen.live.get(name) if seen.live is not None else None,
            alarm_gone=seen.live is not None and name not in seen.live,
            peers=seen.peers,
            switch=seen.switch,
            approved=approved,
            run=run,
        )
        if action is None or alarm is None or policy is None or facts.problem:
            return Gathered(facts, ResourceState())
        situation = Situation(alarm, policy, candidate.ring.value, delivery.now, left_s=delivery.left_s)
        if not action.spec.changes:
            return self._asked(Gathered(facts, ResourceState()), action, situation)
        place = around(alarm, policy.action, action.resource(situation))
        resource, standing = self._ports.surroundings.read(place)
        gathered = Gathered(replace(facts, resource=resource, standing=standing), resource, Counts(place, standing))
        return self._asked(gathered, action, situation)

    def action(self, policy: Policy | None) -> Action | None:
        """Return the action of ``policy``; None when this version of the code has none of that name."""
        try:
            return self._ports.actions.get(policy.action) if policy else None
        except KeyError:
            return None

    def _asked(self, gathered: Gathered, action: Action, situation: Situation) -> Gathered:
        """Let the action look and answer, where that matters; what it cannot see stays unknown."""
        if not wants_proposal(gathered.facts):
            return gathered
        try:
            clients = self._ports.sites.at(situation.alarm.place, situation.now, gathered.facts.run).clients
            observed = action.observe(clients, situation)
        except (Retryable, Permanent) as failure:
            self._telling.note("observe", situation.alarm.name, str(failure), situation.now)
            return gathered
        proposal = action.propose(observed, situation)
        if isinstance(proposal, Proposal):
            proposal = aws_incident.refusal(clients, action.spec, situation) or proposal
        facts = replace(gathered.facts, proposal=proposal)
        return replace(gathered, facts=facts, evidence=action.evidence(observed, situation), observed=observed)
