"""Presses buttons in a run: what a person would do in Slack, on the virtual clock, through the real door."""

from __future__ import annotations

from alarms.domain.command import CommandKind
from infra.local.clock import Clock
from infra.local.recorder import Recorder
from infra.local.scenario import Press
from infra.local.slack import Shown, Workspace
from infra.local.slack_people import BY_NAME, buttons, press
from notifier.interactive import Door


class Hand:
    """Finds the newest message that offers a button and presses it; everything is written down as kind ``click``."""

    def __init__(self, workspace: Workspace, door: Door, clock: Clock, recorder: Recorder, address: str) -> None:
        self._workspace, self._door, self._clock, self._recorder = workspace, door, clock, recorder
        self._address = address

    def press(self, wish: Press) -> int:
        """Press, and return the HTTP status that Slack would get; 0 when no message offers the button."""
        user, shown = BY_NAME[wish.by], self.offering(wish.button, wish.on)
        entry = self._recorder.add(self._clock.now, "click", button=wish.button.value, by=user, on=wish.on, status=0, told=None)
        if shown is None:
            return 0
        sent = press(shown, f"tocsin.{wish.button.value}", user, now=self._clock.now, address=self._address)
        heard = len(self._workspace.whispers)
        with self._recorder.invoking("interactive") as invocation:
            status = int(self._door.handle(sent, self._clock.now)["statusCode"])
        told = next((text for _, text in self._workspace.whispers[heard:]), None)
        entry.update(status=status, told=told, invocation=invocation, channel=shown.channel, ts=shown.ts)
        return status

    def offering(self, button: CommandKind, on: str = "") -> Shown | None:
        """Return the newest message that offers ``button`` and whose text or target mentions ``on``; None where none does."""
        found = [
            shown
            for shown in self._workspace.everything()
            if f"tocsin.{button.value}" in buttons(shown) and on in str(shown.payload)
        ]
        return max(found, key=lambda shown: float(shown.ts), default=None)
