"""escalate: people are told, nothing is touched."""

from __future__ import annotations

from remediation_world import ESCALATE, World, api_alarm

from action_stories import ActionStory


def untouched(told: World) -> tuple[int, int]:
    return told.floor(), told.desired()


STORIES = (ActionStory("told once", api_alarm(ESCALATE), untouched, phases=("escalated",), gives_back=False),)
