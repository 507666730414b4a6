"""restart-tasks: the load balancer calls one task of four unhealthy; it is stopped and replaced."""

from __future__ import annotations

from remediation_world import World, api_alarm, policy

from action_stories import ActionStory, often
from action_stories.scale_service import balanced
from infra.local.seam import Call

RESTART = policy("restart-tasks", {"cluster": "image", "service": "image-api", "max_tasks": 1})


def unwell(told: World) -> None:
    """Let all be well, and then one task not."""
    told.wait(300, step=100)
    told.aws.ecs.sicken("image", "image-api", 0)
    told.aws.ecs.sicken("image", "image-api", 1, container=False)


def well(told: World) -> tuple[int, int]:
    """Return how many tasks run, and how many of them are unhealthy."""
    tasks = [task for task in told.aws.ecs.service("image", "image-api").tasks.values() if task.runs]
    return len(tasks), sum(bool(task.target_reason) for task in tasks)


def stops(call: Call) -> bool:
    return call.operation == "StopTask"


STORIES = (
    ActionStory(
        "one of four",
        api_alarm(often(RESTART, revert=None)),
        well,
        balanced("image-api"),
        unwell,
        is_change=stops,
        phases=("acted", "helped"),
        gives_back=False,
        absolute=False,
        fresh=("task",),
    ),
)
