"""Every action says what it may do in IAM's own words, on what its row names, and `tocsin iam` can print it (P12)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from textwrap import indent

import botocore.session
import pytest

from alarms.domain.action import ActionSpec, Permission
from alarms.domain.alarm import Alarm
from alarms.load import load
from remediators.permissions.engine_permissions import NEEDS
from remediators.permissions.grants import DIAGNOSE, Names, grants, wildcards
from remediators.permissions.iam_actions import IMPLIED, knows_no_resource, needed, reads
from remediators.permissions.policy_document import LONGEST, documents, size, statements
from remediators.registry import registry

SPECS = registry().specs()
NAMES = Names("tocsin", "dev", "aws", "ap-northeast-2", "123456789012")
# Actions of IAM that are no call of any service's API.
NO_CALL = {"iam:PassRole", "rds-db:connect", "wafv2:PutManagedRuleSet"}
SERVICES = {
    "elasticloadbalancing": ("elbv2",),
    "apigateway": ("apigateway", "apigatewayv2"),
    "tag": ("resourcegroupstaggingapi",),
}
# A row that stands alone; its target has all that an alarm of the product's profiles is about.
ROW = """\
defaults: {notify: ops, owner: platform}
alarms:
  - id: example
    title: Example
    component: sqs
    metric: AWS/SQS ApproximateAgeOfOldestMessage
    statistic: Maximum
    dimensions:
      {QueueName: image-jobs, ClusterName: image, ServiceName: image-api, DBClusterIdentifier: image-db,
       DBInstanceIdentifier: image-db-1, LoadBalancer: app/image/0123, TargetGroup: targetgroup/image/0123,
       ApiId: a1b2, Stage: prod}
    when: ">= 600 s"
    for: 15 m
    severity: critical
    runbook: https://wiki.example/queue
"""


@cache
def operations(service: str) -> frozenset[str]:
    """Return the IAM actions that the calls of one service's API are authorised by."""
    session = botocore.session.get_session()
    found: set[str] = set()
    for name in SERVICES.get(service, (service,)):
        for operation in session.get_service_model(name).operation_names:
            items = [{kind: {}} for kind in ("Put", "Update", "Delete", "ConditionCheck", "Get")]
            found |= needed(name, operation, {"TransactItems": items})
    return frozenset(found)


def _declared() -> Iterator[tuple[str, Permission]]:
    for name, spec in SPECS.items():
        yield from ((name, permission) for permission in spec.permissions)
    for need in NEEDS:
        yield from (("the engine", permission) for permission in need.permissions)


DECLARED = list(_declared())


def example(spec: ActionSpec, folder: Path) -> Alarm:
    (folder / "rows.yaml").write_text(ROW + indent(spec.example, "    "), "utf-8")
    loaded = load(folder, stage="dev", actions=registry())
    assert not loaded.errors, [str(error) for error in loaded.errors]
    (one,) = loaded.desired
    return one.alarm


@pytest.mark.parametrize(("who", "permission"), DECLARED, ids=lambda value: getattr(value, "action", value))
def test_every_permission_is_one_of_iams_and_says_why(who: str, permission: Permission) -> None:
    service = permission.action.split(":", 1)[0]
    assert permission.action in NO_CALL | set().union(*IMPLIED.values()) or permission.action in operations(service), who
    assert "*" not in permission.action
    assert len(permission.why) >= 10, f"{who}: {permission.action} does not say why"


@pytest.mark.parametrize(("who", "permission"), DECLARED, ids=lambda value: getattr(value, "action", value))
def test_nothing_is_granted_on_everything_that_aws_knows_a_resource_of(who: str, permission: Permission) -> None:
    assert permission.resource != "*" or knows_no_resource(permission.action), (
        f"{who}: name the resource of {permission.action}, or add it to iam_actions.WITHOUT_RESOURCE if AWS knows none"
    )


@pytest.mark.parametrize("name", SPECS)
def test_what_changes_nothing_may_change_nothing(name: str) -> None:
    changing = [one.action for one in SPECS[name].permissions if not reads(one.action)]
    if SPECS[name].changes:
        assert changing, f"{name} changes something and declares no permission for it"
    else:
        # A statement's permission cannot be narrowed to reading; that the diagnosis's statements only read has its own test.
        assert set(changing) <= {"rds-data:ExecuteStatement"}


@pytest.mark.parametrize("name", [name for name in SPECS if name != DIAGNOSE])
def test_the_row_of_an_example_fills_in_every_name(name: str, tmp_path: Path) -> None:
    """A name that no row can fill in is an error here and in `tocsin iam`, never a wildcard."""
    alarm = example(SPECS[name], tmp_path)

    found = grants([alarm], {name: SPECS[name]}, NAMES)

    assert not [grant for grant in found if "{" in grant.resource + str(grant.condition)]
    if SPECS[name].permissions:
        assert f"{alarm.row}: {name}" in {grant.by for grant in found}


def test_the_products_own_catalogue_prints_a_valid_policy() -> None:
    loaded = load(Path(__file__).parents[2] / "alarms" / "catalog", stage=None, actions=registry())
    found = grants((one.alarm for one in loaded.desired), SPECS, NAMES)

    shown = documents(statements(found))

    assert all(size(document) <= LONGEST for document in shown)
    sids = [statement["Sid"] for document in shown for statement in document["Statement"]]
    assert len(sids) == len(set(sids))
    assert all(re.fullmatch("[0-9A-Za-z]+", sid) for sid in sids)
    assert all(reason for reason in wildcards(found).values())
