"""What people press: answers to questions, Undo now, Hold automation. Stopping is easy; starting is for approvers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from alarms.domain.alarm import Alarm
from alarms.domain.command import Command, CommandKind
from alarms.domain.decision import Reason
from alarms.domain.report import Phase
from alarms.domain.text import Text
from remediators import wording
from remediators.ports import Delivery, Ports
from remediators.questions import Questions
from remediators.records import Lending, Ring, RunRecord, RunStatus, service_key
from remediators.revert import Reverter
from remediators.standing import Hold
from remediators.telling import Detail, Telling
from remediators.timers import Timer, TimerKind

HELD_FOR = timedelta(hours=1)


class Commands:
    """Takes commands from the queue; the same one twice is harmless."""

    def __init__(self, ports: Ports, questions: Questions, reverter: Reverter) -> None:
        self._ports = ports
        self._questions = questions
        self._reverter = reverter
        self._telling = Telling(ports)

    def take(self, command: Command, delivery: Delivery) -> None:
        """Do what ``command`` asks for. Raises what should bring it back."""
        self._ports.audit(
            {
                "type": "click",
                "at": command.to_document()["at"],
                "kind": command.kind.value,
                "subject": command.subject,
                "by": command.by,
                "id": command.id,
            }
        )
        {
            CommandKind.APPROVE: self._questions.approve,
            CommandKind.DENY: self._questions.deny,
            CommandKind.UNDO: self._undo,
            CommandKind.HOLD: self._hold,
            CommandKind.RELEASE: self._release,
            CommandKind.MUTE: self._mute,
            CommandKind.UNMUTE: self._unmute,
        }[command.kind](command, delivery)

    def _undo(self, command: Command, delivery: Delivery) -> None:
        """Give back at once what a run has out, and leave its service alone for an hour: whoever undid it wants no repeat."""
        run = self._ports.history.run(command.subject)
        if run is None or (run.status is not RunStatus.INTENT and run.lending not in (Lending.HELD, Lending.RETURNING)):
            if run is not None and run.by != command.by:
                detail = Detail(reason=Reason.NOTHING_TO_DO, by=command.by, again=command.id)
                self._telling.run(run, Phase.SKIPPED, wording.NOTHING_OUT, delivery.now, detail)
            return
        self._holds(run.service, run.ring, command)
        why = wording.undone(command.by)

        def unwanted(known: RunRecord) -> RunRecord | None:
            return replace(known, withdraw=why, by=command.by, concluded=True, next_due=False)

        self._ports.history.change(run.id, unwanted, delivery.now)
        self._reverter.on_timer(run.id, delivery)
        self._questions.uncover(run)

    def _hold(self, command: Command, delivery: Delivery) -> None:
        found = self._episode(command, delivery)
        if found is not None:
            row, ring = found
            self._holds(service_key(row), ring, command)

    def _holds(self, service: str, ring: Ring, command: Command) -> None:
        """Hold ``service`` from the click on, and say who does and until when."""
        hold = Hold(command.by, command.at + HELD_FOR)
        self._ports.surroundings.hold(service, hold, command.at)
        self._say_held(ring, command, wording.held(hold.by, hold.until), hold)

    def _release(self, command: Command, delivery: Delivery) -> None:
        found = self._episode(command, delivery)
        if found is not None:
            row, ring = found
            self._ports.surroundings.release(service_key(row), command.by, command.at)
            # What it held back may be decided, after the time that everything of the service gets.
            self._ports.timers.after(row.settle_s, Timer(TimerKind.SETTLE, service_key(row)))
            self._say_held(ring, command, wording.RELEASED, None)

    def _say_held(self, ring: Ring, command: Command, why: Text, hold: Hold | None) -> None:
        detail = Detail(by=command.by, until=hold.until if hold else None, again=command.id)
        self._telling.episode(ring, Phase.HELD, "", why, command.at, detail)

    def _mute(self, command: Command, _: Delivery) -> None:
        self._ports.surroundings.mute(command.subject, Hold(command.by, command.at + HELD_FOR), command.at)

    def _unmute(self, command: Command, _: Delivery) -> None:
        self._ports.surroundings.unmute(command.subject, command.by, command.at)

    def _episode(self, command: Command, delivery: Delivery) -> tuple[Alarm, Ring] | None:
        """Return row and ring of the episode that a command names; None when nobody knows it."""
        row = self._ports.rows.row(command.alarm_key)
        episodes = self._ports.history.service(service_key(row)).episodes if row else ()
        for item in episodes:
            if row is not None and item.ring is not None and item.ring.episode.id == command.subject:
                return row, item.ring
        self._telling.note("command", command.subject, f"{command.kind.value} of an unknown episode", delivery.now)
        return None
