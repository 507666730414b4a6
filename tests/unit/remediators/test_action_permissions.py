"""P12: every call that an action or the engine makes is declared, on that very resource, and every declared one is needed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from fnmatch import translate
from functools import cache
from pathlib import Path
from re import fullmatch
from typing import Any

import pytest
from action_stories import ActionStory, every_story, stories
from people import OWNER, allow, answer, click, last
from remediation_world import ACCOUNT, REGION, SCALE_API, START, World, api_alarm, world

from alarms.domain.alarm import Mode
from alarms.domain.command import CommandKind
from alarms.domain.report import Phase
from infra.local.seam import Call
from remediators.permissions.engine_permissions import NEEDS
from remediators.permissions.grants import Grant, Names, grants
from remediators.permissions.iam_actions import implied, knows_no_resource, needed
from remediators.registry import registry
from remediators.timers import Timer, TimerKind

NAMES = Names("tocsin", "dev", "aws", REGION, ACCOUNT)
SPECS = registry().specs()
Params = Mapping[str, Any]


# Told in a world of their own, with their deaths and their permissions: the file, and what of it holds each.
ELSEWHERE = {
    "answer-traffic-surge": {
        "test_s11_3_traffic_surge.py": "def test_a_handler_that_dies_round_its_change_makes_it_once_and_gives_it_back",
        "test_s11_3_surge_answers.py": "def test_every_call_is_one_that_the_action_declares",
    }
}


def test_every_action_has_a_story() -> None:
    """A new action is enrolled in the tests of crashes and permissions by a file in action_stories."""
    assert set(stories()) | set(ELSEWHERE) == set(SPECS)
    for files in ELSEWHERE.values():
        for file, test in files.items():
            assert test in (Path(__file__).parents[2] / "scenario" / file).read_text("utf-8")


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def _tables(params: Params) -> list[str]:
    items = [next(iter(item.values())) for item in params.get("TransactItems", ())] or [params]
    named = {item["TableName"] for item in items if "TableName" in item} | set(params.get("RequestItems", ()))
    return [arn("dynamodb", f"table/{name}") for name in sorted(named)]


def _queues(params: Params) -> list[str]:
    named = params.get("QueueUrl", params.get("QueueName", "")).rsplit("/", 1)[-1]
    return [arn("sqs", named)] if named else [params["SourceArn"]] if "SourceArn" in params else []


def _ecs(params: Params) -> list[str]:
    names = params.get("services") or [params[key] for key in ("service",) if key in params]
    return [arn("ecs", f"service/{params['cluster']}/{str(name).rsplit('/', 1)[-1]}") for name in names]


# What a call is about, by service; a service that is not here is held to the action's name only.
RESOURCES: dict[str, Callable[[Params], list[str]]] = {
    "dynamodb": _tables,
    "ecs": _ecs,
    "lambda": lambda params: [arn("lambda", f"function:{params['FunctionName']}")] if "UUID" not in params else [],
    "scheduler": lambda params: [arn("scheduler", f"schedule/{params['GroupName']}/{params['Name']}")],
    "sqs": _queues,
    "ssm": lambda params: [arn("ssm", f"parameter{params['Name']}")] if "Name" in params else [],
}


def on(call: Call) -> list[str]:
    """Return the ARNs of what a call is about, none where that is not known here."""
    return RESOURCES.get(call.service, lambda _: [])(call.params)


def covers(pattern: str, resource: str) -> bool:
    """Tell whether an IAM resource pattern covers ``resource``: only its own wildcards are wildcards."""
    return bool(fullmatch(translate(pattern.replace("[", "[[]")), resource))


def undeclared(calls: Iterable[Call], granted: Iterable[Grant]) -> set[str]:
    """Return what was called without a grant for it, or on a resource that none covers."""
    found = set()
    by_action: dict[str, set[str]] = {}
    for grant in granted:
        by_action.setdefault(grant.action, set()).add(grant.resource)
    for call in calls:
        for action in needed(call.service, call.operation, call.params):
            patterns = by_action.get(action, set())
            missing = [resource for resource in on(call) if not any(covers(pattern, resource) for pattern in patterns)]
            if not patterns or (missing and not knows_no_resource(action)):
                found.add(f"{action} on {missing or '?'}")
    return found


def lived(story: ActionStory) -> list[Call]:
    """Return all calls that the handlers made in the story, told twice: what was done before is looked at the next time."""
    with world() as told:
        story.open(told)
        story.live(told)
        first = list(told.calls)
        story.live(told)
        return first + told.calls


_lives: dict[str, list[Call]] = {}


def calls_of(action: str, story: ActionStory) -> list[Call]:
    key = f"{action}: {story.name}"
    if key not in _lives:
        _lives[key] = lived(story)
    return _lives[key]


@pytest.mark.parametrize(("action", "story"), every_story())
def test_no_call_is_made_that_the_printed_policy_does_not_allow(action: str, story: ActionStory) -> None:
    calls = calls_of(action, story)

    assert calls
    assert undeclared(calls, grants([story.row], SPECS, NAMES)) == set()


@pytest.mark.parametrize("action", stories())
def test_no_permission_is_declared_that_no_story_needs(action: str) -> None:
    calls = [call for story in stories()[action] for call in calls_of(action, story)]
    used = {name for call in calls for name in needed(call.service, call.operation, call.params)}
    used |= {name for one in used for name in implied(one)}

    assert {permission.action for permission in SPECS[action].permissions} - used == set()


@cache
def stopped_and_swept() -> list[Call]:
    """Return the engine's calls while people are asked, answer, undo and hold, and while levels are compared."""
    with world() as told:
        allow(told, OWNER)
        row = api_alarm(replace(SCALE_API, mode=Mode.APPROVE))
        told.apply(row)
        told.ring(row.name)
        told.wait(60)
        run = answer(told)
        told.wait(60)
        sweep(told)
        click(told, CommandKind.UNDO, run)
        told.wait(60)
        click(told, CommandKind.HOLD, last(told, Phase.ACTED).episode.id, alarm_key=row.key)
        told.wait(60)
        click(told, CommandKind.RELEASE, last(told, Phase.ACTED).episode.id, alarm_key=row.key)
        told.wait(60)
        lost = api_alarm(name=row.name + "-lost", service="billing", row="billing/ecs/cpu-high")
        told.apply(lost)
        told.pump()
        told.ring(lost.name)
        told.receive()  # and nobody takes it
        for _ in range(3):
            told.aws.clock.advance(20)
            sweep(told)
        return list(told.calls)


def sweep(told: World) -> None:
    """Let the reconciler's schedule fire."""
    body = json.dumps(Timer(TimerKind.SWEEP, f"{ACCOUNT}/{REGION}").to_document())
    told.client("sqs").send_message(QueueUrl=told.commands_url, MessageBody=body)
    told.wait(30)


def test_questions_stops_and_sweeps_call_nothing_that_the_printed_policy_does_not_allow() -> None:
    assert undeclared(stopped_and_swept(), grants([api_alarm()], SPECS, NAMES)) == set()


def test_the_engine_needs_every_right_it_has() -> None:
    """Beside what Lambda itself asks for in the function's name."""
    calls = list(stopped_and_swept())
    calls += [call for action, told in stories().items() for story in told for call in calls_of(action, story)]
    used = {name for call in calls for name in needed(call.service, call.operation, call.params)}
    used |= {name for one in used for name in implied(one)}

    own = {permission.action for need in NEEDS if not need.by_lambda for permission in need.permissions}
    assert own - used == set()


def test_a_call_that_nobody_declared_would_be_seen() -> None:
    (story,) = stories()["escalate"]
    stray = {"cluster": "image", "service": "image-api", "desiredCount": 0}
    call = Call("ecs", "UpdateService", stray, {}, None, "", "id", REGION, START, "overlay")

    (missing,) = undeclared([call], grants([story.row], SPECS, NAMES))
    assert missing.startswith("ecs:UpdateService on ")
    assert undeclared([call], grants([api_alarm()], SPECS, NAMES)) == set()
    other = replace(call, params={**stray, "service": "billing"})
    assert undeclared([other], grants([api_alarm()], SPECS, NAMES)) == {
        f"ecs:UpdateService on ['{arn('ecs', 'service/image/billing')}']"
    }
