"""P12: under the policy that `tocsin iam` prints, and nothing else, the whole story works; without a right it stops, told.

Call by call, for each action: ``test_action_permissions.py``. That each permission is IAM's: ``tests/meta/test_permissions.py``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import pytest
from remediation_world import ACCOUNT, API, REGION, World, api_alarm

from remediators.permissions.grants import Names, grants
from remediators.permissions.iam_actions import needed
from remediators.permissions.policy_document import documents, statements
from remediators.registry import registry

NAMES = Names("tocsin", "dev", "aws", REGION, ACCOUNT)


def printed() -> list[Any]:
    found = grants([api_alarm()], registry().specs(), NAMES)
    return [json.loads(json.dumps(document)) for document in documents(statements(found))]


def allowed(policies: list[Any], action: str) -> bool:
    listed = [statement["Action"] for policy in policies for statement in policy["Statement"]]
    return any(fnmatchcase(action, name) for names in listed for name in ([names] if isinstance(names, str) else names))


def enforce(told: World, policies: list[Any]) -> None:
    """Let AWS refuse whatever the policies do not allow, as IAM does."""

    def denied(service: str, operation: str, params: Mapping[str, Any]) -> bool:
        return told.handling and not all(allowed(policies, action) for action in needed(service, operation, params))

    due = told.aws.seam._faults.due

    def checked(service: str, operation: str, params: Mapping[str, Any]) -> Any:
        if denied(service, operation, params):
            told.aws.seam.fail(service, operation, "AccessDeniedException")
        return due(service, operation, params)

    told.aws.seam._faults.due = checked  # type: ignore[method-assign]  # IAM stands before every call


def test_under_the_printed_policy_it_acts_and_gives_back(story: World) -> None:
    story.apply(api_alarm())
    story.pump()
    enforce(story, printed())
    story.ring(API)
    story.wait(120)
    story.recover(API)
    story.wait(2400, step=60)

    assert [value for _, value in story.changes()] == [6, 4]
    assert not [call for call in story.calls if call.error_code == "AccessDeniedException"]


@pytest.mark.parametrize(
    "missing", ["ecs:DescribeServices", "application-autoscaling:RegisterScalableTarget", "scheduler:CreateSchedule"]
)
def test_without_one_right_nothing_is_changed_and_people_hear_why(story: World, missing: str) -> None:
    story.apply(api_alarm())
    story.pump()
    policies = json.loads(json.dumps(printed()).replace(f'"{missing}"', '"none:Nothing"'))
    enforce(story, policies)
    story.ring(API)
    story.wait(300)

    assert story.changes() == []
    assert [report for report in story.reports() if report.why.en]
