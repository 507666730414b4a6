"""One story, or several, for each action: where it acts, and what becomes of it when nothing goes wrong.

The crash tests, the tests of permissions and the tests of promises are told over all of them, so that an action is enrolled by
its file here: ``action_stories/<action>.py`` with ``STORIES``. An action without one fails a test.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from remediation_world import CHANGING, World

from alarms.domain.alarm import Alarm, Policy, Revert
from alarms.domain.bounds import Bounds, Breaker, Limit, Scope
from infra.local.seam import Call

# Bounds under which one world can live through an episode again and again.
OFTEN: dict[str, Any] = {
    "limits": (Limit(1000, 86400),),
    "cooldown_s": 0,
    "verify_within_s": 600,
    "revert": Revert(after_ok_s=300, at_latest_s=1500),
}
WIDE = Bounds(limits={scope: (Limit(1000, 86400),) for scope in Scope}, breaker=Breaker(no_help=1000))


def often(policy: Policy, **changes: Any) -> Policy:
    """Return ``policy`` with bounds that let it act again at once."""
    return replace(policy, **{**OFTEN, **changes})


def nothing(_: World) -> None:
    """Do nothing."""


def _any(_: Mapping[str, Any]) -> bool:
    return True


def _changed(call: Call) -> bool:
    return call.operation in CHANGING


@dataclass(frozen=True)
class ActionStory:
    """How one action lives. ``prepare`` builds what it acts on, once; ``again`` brings that back to where a life begins.

    ``state`` returns the knobs as they are, ``is_change`` tells the action's changing calls from its reads. ``phases`` are what
    people hear. ``during`` happens after the alarm rang and before it recovers. ``absolute``: a change names a value, not a step.
    ``changes_by`` tells a changing call by its parameters where the operation alone does not. ``rings_s`` is how long it rings,
    ``fresh`` names the members of a changing call that are ids, new in each life.
    """

    name: str
    row: Alarm
    state: Callable[[World], Any]
    prepare: Callable[[World], None] = nothing
    again: Callable[[World], None] = nothing
    during: Callable[[World], None] = nothing
    is_change: Callable[[Call], bool] = _changed
    changes_by: Callable[[Mapping[str, Any]], bool] = _any
    phases: tuple[str, ...] = ("acted", "helped", "reverted")
    gives_back: bool = True
    absolute: bool = True
    rings_s: float = 300
    fresh: tuple[str, ...] = ()

    @property
    def policy(self) -> Policy:
        """The policy that the story is about."""
        return self.row.policies[0]

    def open(self, told: World) -> None:
        """Build the story's surroundings in a fresh world."""
        self.prepare(told)
        told.apply(replace(self.row, bounds=WIDE))
        told.pump()

    def live(self, told: World, killed_after: int | None = None) -> None:
        """Let it ring, recover, and take enough time for verify and revert, whatever comes late."""
        self.again(told)
        told.calls.clear()
        told.handled_at.clear()
        told.kill_after(killed_after)
        told.ring(self.row.name)
        told.wait(self.rings_s, step=30)
        self.during(told)
        told.recover(self.row.name)
        told.wait(2400, step=60)
        told.kill_after(None)

    def changes(self, told: World) -> list[tuple[str, str]]:
        """Return the action's changing calls that took effect, in order, with what they said."""
        return [self.said(call) for call in told.calls if self.is_change(call) and call.error_code is None]

    def said(self, call: Call) -> tuple[str, str]:
        """Return what a call asked for, without the ids that are new in each life."""
        asked = {name: value for name, value in call.params.items() if name not in self.fresh}
        return call.operation, json.dumps(asked, sort_keys=True, default=str)


def stories() -> dict[str, tuple[ActionStory, ...]]:
    """Return the stories of every action, by the action's name."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        told = importlib.import_module(f"{__name__}.{module.name}").STORIES
        found[module.name.replace("_", "-")] = tuple(told)
    return found


def every_story() -> list[Any]:
    """Return each story with its action, for ``pytest.mark.parametrize``."""
    import pytest

    return [pytest.param(action, story, id=f"{action}: {story.name}") for action, told in stories().items() for story in told]
