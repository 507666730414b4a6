"""While a change is out its action is asked, again and again, whether it does harm; harm takes it back at once."""

from __future__ import annotations

from dataclasses import replace

from alarms.domain.decision import Reason
from alarms.domain.errors import Permanent
from alarms.domain.report import Phase
from remediators.acting import Acting
from remediators.action import Purpose
from remediators.ports import Delivery, Ports
from remediators.records import Lending, RunRecord, RunStatus
from remediators.revert import Reverter
from remediators.telling import Detail, Telling
from remediators.timers import Timer, TimerKind

OUT = frozenset({RunStatus.ACTED, RunStatus.HELPED, RunStatus.NO_HELP})


class Watcher:
    """Takes watch timers."""

    def __init__(self, ports: Ports, reverter: Reverter) -> None:
        self._ports = ports
        self._reverter = reverter
        self._telling = Telling(ports)
        self._acting = Acting(ports, self._telling)

    def on_timer(self, run_id: str, delivery: Delivery) -> None:
        """Ask once, and set the next call; a run whose change is back, or not yet out, is not watched (any more)."""
        run = self._ports.history.run(run_id)
        if run is None or run.lending is not Lending.HELD or run.status not in (*OUT, RunStatus.INTENT):
            self._telling.note("watch", run_id, "nothing is out (any more)", delivery.now)
            return
        action = self._ports.actions.get(run.policy.action)
        if run.status in OUT and self._harmed(run, delivery):
            self._reverter.on_timer(run.id, delivery)
            return
        self._ports.timers.after(action.spec.watch_every_s, Timer(TimerKind.WATCH, run.id))

    def _harmed(self, run: RunRecord, delivery: Delivery) -> bool:
        """Tell whether the change does harm; what cannot be seen now is asked again the next time."""
        action = self._ports.actions.get(run.policy.action)
        situation = self._acting.situation(run, delivery, Purpose.WATCH)
        try:
            site = self._acting.site(run, delivery)
            harm = action.harm(action.observe(site.clients, situation), run.proposal, situation)
        except Permanent as failure:
            self._telling.note("watch", run.id, str(failure), delivery.now)
            return False
        if harm is None:
            return False
        self._telling.run(run, Phase.NO_HELP, harm, delivery.now, Detail(reason=Reason.HARMFUL, again="harm"))
        self._ports.history.change(run.id, lambda known: replace(known, withdraw=harm), delivery.now)
        return True
