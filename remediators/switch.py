"""The live switch: what people may set at any moment, without a deploy, to hold automation or to lower its mode.

The parameter holds ``{"paused": bool, "reason": str, "mode": "observe|propose|approve|auto", "policies": {"<row id or action>":
{"paused": bool, "mode": ...}}}``. Whatever is missing or cannot be read means observe, never auto.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from alarms.domain.alarm import Mode, lowest
from alarms.domain.readings import moment
from alarms.domain.readings import text as read_text

LONGEST_REASON = 300  # characters of what people wrote there that are passed on


@dataclass(frozen=True, slots=True)
class Hold:
    """What the switch says of one policy. ``scope`` names the entry that said it (``everything``, a row id, an action).

    ``released_at`` is when a person last released it: what failed before that is forgiven.
    """

    paused: bool
    mode: Mode
    reason: str = ""
    scope: str = "everything"
    released_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Switch:
    """The switch as read: one entry for everything, and one for each row id or action that has its own."""

    everything: Hold
    policies: Mapping[str, Hold] = field(default_factory=dict)

    def of(self, row: str, action: str) -> Hold:
        """Return what holds for ``action`` in ``row``: any pause pauses, and the lowest mode counts."""
        held = [self.everything, *(self.policies[key] for key in (row, action, f"{row}/{action}") if key in self.policies)]
        speaking = next((hold for hold in held if hold.paused), min(held, key=lambda hold: hold.mode.rank))
        return Hold(
            paused=any(hold.paused for hold in held),
            mode=lowest(*(hold.mode for hold in held)),
            reason=speaking.reason,
            scope=speaking.scope,
            released_at=max((hold.released_at for hold in held if hold.released_at), default=None),
        )


def absent() -> Switch:
    """Return what a missing parameter means: nobody has allowed anything yet, so observe."""
    return Switch(Hold(paused=False, mode=Mode.OBSERVE, reason="the switch parameter does not exist"))


def parse(text: str) -> Switch:
    """Read the parameter's value; anything unreadable holds automation and says so."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return _unreadable("the switch is not JSON")
    if not isinstance(document, dict) or not isinstance(document.get("policies", {}), dict):
        return _unreadable("the switch is not an object")
    entries = document.get("policies", {})
    return Switch(
        everything=_hold(document, Mode.OBSERVE, "everything"),
        policies={str(name): _hold(entry, Mode.AUTO, str(name)) for name, entry in entries.items()},
    )


def _hold(entry: Any, unset: Mode, scope: str) -> Hold:
    """Read one entry. An entry without a mode does not lower it (``unset``); one that is wrong pauses."""
    if not isinstance(entry, dict):
        return Hold(paused=True, mode=Mode.OBSERVE, reason="this entry of the switch is not an object", scope=scope)
    paused, mode = entry.get("paused", False), entry.get("mode", unset.value)
    if not isinstance(paused, bool) or mode not in tuple(Mode):
        return Hold(paused=True, mode=Mode.OBSERVE, reason="this entry of the switch cannot be read", scope=scope)
    return Hold(
        paused=paused,
        mode=Mode(mode),
        reason=read_text(entry.get("reason"), LONGEST_REASON),
        scope=scope,
        released_at=None if paused else moment(entry.get("at")),
    )


def _unreadable(why: str) -> Switch:
    return Switch(Hold(paused=True, mode=Mode.OBSERVE, reason=why))
