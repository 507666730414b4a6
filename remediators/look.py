"""The diagnosis: always first, always allowed, changing nothing. What it finds is kept as evidence and told in the thread."""

from __future__ import annotations

from alarms.domain.alarm import Alarm, Mode, Policy
from alarms.domain.errors import Permanent, Retryable
from alarms.domain.report import Phase
from remediators.action import Action, Refusal, Situation, unfit
from remediators.ports import Delivery, Ports
from remediators.records import EpisodeRecord, Ring
from remediators.telling import Detail, Telling

DIAGNOSE = "diagnose"
AT_MOST = 3  # episodes of one service that are looked at in one delivery


class Looker:
    """Takes diagnose timers."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._telling = Telling(ports)

    def on_timer(self, service: str, delivery: Delivery) -> None:
        """Look at what rings in ``service`` and was not looked at yet."""
        open_now = [item for item in self._ports.history.service(service).episodes if item.is_open and item.ring]
        for episode in [item for item in open_now if not item.diagnosed][:AT_MOST]:
            if episode.ring is not None:
                self._diagnose(service, episode, episode.ring, delivery)

    def _diagnose(self, service: str, episode: EpisodeRecord, ring: Ring, delivery: Delivery) -> None:
        """Diagnose one episode; a failing look is no reason to try for ever, nor to keep anything else from happening."""
        try:
            alarm = self._ports.rows.row(ring.alarm_key)
            action = self._ports.actions.get(DIAGNOSE)
        except (KeyError, Permanent) as failure:
            self._telling.note("diagnose", ring.alarm_name, str(failure), delivery.now)
            return
        if alarm is not None:
            self._tell(action, alarm, ring, delivery)
        self._ports.history.diagnosed(service, episode)

    def _tell(self, action: Action, alarm: Alarm, ring: Ring, delivery: Delivery) -> None:
        policy = Policy(DIAGNOSE, _defaults(action), Mode.OBSERVE, (), 0, 0, None)
        if problem := unfit(action, policy):
            self._telling.note("diagnose", alarm.name, problem, delivery.now)
            return
        situation = Situation(alarm, policy, ring.value, delivery.now, left_s=delivery.left_s)
        try:
            observed = action.observe(self._ports.sites.at(alarm.place, delivery.now).clients, situation)
        except (Retryable, Permanent) as failure:
            self._telling.note("diagnose", alarm.name, str(failure), delivery.now)
            return
        found = action.propose(observed, situation)
        evidence = action.evidence(observed, situation)
        try:
            if evidence is not None:
                self._ports.evidence.keep(ring.episode.id, DIAGNOSE, evidence, delivery.now)
        except Permanent as failure:  # what was found is told all the same
            self._telling.note("diagnose", alarm.name, str(failure), delivery.now)
        if isinstance(found, Refusal):
            self._telling.episode(ring, Phase.DIAGNOSED, DIAGNOSE, found.why, delivery.now, Detail(reason=found.reason))
        else:
            self._telling.episode(ring, Phase.DIAGNOSED, DIAGNOSE, found.why, delivery.now, lines=found.lines)


def _defaults(action: Action) -> dict[str, object]:
    return {item.name: item.default for item in action.spec.parameters if item.default is not None}
