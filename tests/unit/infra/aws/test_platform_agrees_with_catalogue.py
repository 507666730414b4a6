"""The packaged catalogue watches what the platform deploys, by the very names; what AWS makes up is told by an output."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from cloud_templates import properties, text

from alarms.domain.alarm import Policy
from alarms.domain.errors import BadInput
from infra.aws import stage_file
from infra.aws.platform.agreement import agree
from infra.aws.platform.database_roles import DATABASE, TRAITS
from infra.aws.platform.settings import Database, parse
from infra.aws.stage_file import Stage

PAGE = Path(__file__).parents[4] / "docs" / "platform.md"
# Parts of names that AWS makes up: the output that tells each, and what it looks like in the catalogue.
LATER = {
    "LoadBalancer": r"app/image/[0-9a-f]{16}",
    "WebAclId": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "TocsinSecret": r"arn:aws:secretsmanager:[a-z0-9-]+:\d{12}:secret:image/tocsin-[A-Za-z]{6}",
    "ReservedSecret": r"arn:aws:secretsmanager:[a-z0-9-]+:\d{12}:secret:image/tocsin-admin-[A-Za-z]{6}",
}
# Where each name that the catalogue uses has to be found.
NAMED = {
    ("AWS::ECS::Cluster", "ClusterName"): ("ClusterName", "cluster"),
    ("AWS::ECS::Service", "ServiceName"): ("ServiceName", "service", "consumer"),
    ("AWS::SQS::Queue", "QueueName"): ("QueueName", "source"),
    ("AWS::RDS::DBCluster", "DBClusterIdentifier"): ("DBClusterIdentifier", "cluster"),
    ("AWS::RDS::DBInstance", "DBInstanceIdentifier"): ("DBInstanceIdentifier", "database"),
    ("AWS::RDS::DBCluster", "DatabaseName"): ("Database", "database"),
    ("AWS::ApiGateway::RestApi", "Name"): ("ApiName",),
    ("AWS::ApiGateway::Stage", "StageName"): ("Stage",),
    ("AWS::Logs::LogGroup", "LogGroupName"): ("LogGroupName", "log_group"),
    ("AWS::SecretsManager::Secret", "Name"): ("SecretId",),
    ("AWS::SSM::Parameter", "Name"): ("Name",),
    ("AWS::WAFv2::WebACL", "Name"): ("acl",),
}
PARTS = ("roles", "challenge_rule", "rate_rule", "block_rule", "ip_set")
SECRETS = {"secret": "TocsinSecret", "DatabaseSecret": "TocsinSecret", "reserved_secret": "ReservedSecret"}


@pytest.fixture(scope="module")
def stage() -> Stage:
    return stage_file.read("prod")


def _steps(policies: tuple[Policy, ...]) -> Iterator[Policy]:
    for policy in policies:
        yield policy
        yield from _steps(policy.otherwise)


def _used(stage: Stage) -> set[tuple[str, str]]:
    """Return every (key, value) by which the catalogue names something: targets, what a diagnosis looks at, parameters."""
    used: set[tuple[str, str]] = set()
    for item in stage.desired:
        used |= set(item.alarm.target.items())
        used |= {pair for many in item.alarm.resources.values() for one in many for pair in one.items()}
        for policy in _steps(item.alarm.policies):
            for key, value in policy.parameters.items():
                used |= {(key, str(each)) for each in (value if isinstance(value, list | tuple) else [value])}
    names = {*PARTS, *SECRETS, "LoadBalancer", "acl_id", *(key for keys in NAMED.values() for key in keys)}
    return {(key, value) for key, value in used if key in names}


def _deployed(templates: Mapping[str, Any]) -> dict[str, set[str]]:
    """Return what the platform's templates create, by the key under which the catalogue would name it."""
    made: dict[str, set[str]] = {"roles": set(TRAITS)}
    for template in templates.values():
        for (kind, member), keys in NAMED.items():
            for item in properties(template, kind).values():
                for key in keys if member in item else ():
                    made.setdefault(key, set()).add(text(item[member]))
        for acl in properties(template, "AWS::WAFv2::WebACL").values():
            for key in ("challenge_rule", "rate_rule"):
                made.setdefault(key, set()).update(rule["Name"] for rule in acl["Rules"])
    return made


def test_everything_that_the_catalogue_names_is_deployed_by_that_name_or_told_by_an_output(
    templates: Mapping[str, Any], stage: Stage
) -> None:
    made = _deployed({name: templates[name] for name in ("network", "data", "cluster", "services", "edge")})
    missing = set()
    for key, value in _used(stage):
        output = {"LoadBalancer": "LoadBalancer", "acl_id": "WebAclId", **SECRETS}.get(key)
        if output is None and value not in made.get(key, ()):
            missing.add(f"{key}: {value}")
        if output is not None and not re.fullmatch(LATER[output], value):
            missing.add(f"{key}: {value}, which is not what the output {output} tells")
    assert missing == set()
    assert DATABASE in made["Database"]


def test_each_made_up_part_of_a_name_is_an_output_that_the_page_says_where_to_put(templates: Mapping[str, Any]) -> None:
    outputs = {name for template in templates.values() for name in template.get("Outputs", {})}
    page = PAGE.read_text("utf-8")
    for name in LATER:
        assert name in outputs
        assert f"`{name}`" in page


def test_log_groups_secrets_and_services_that_the_templates_add_are_not_forgotten_by_this_test(stage: Stage) -> None:
    """It would be easy to be right about nothing."""
    keys = {key for key, _ in _used(stage)}
    assert {"ClusterName", "QueueName", "LogGroupName", "SecretId", "acl", "rate_rule", "roles", "DBClusterIdentifier"} <= keys


def test_the_databases_of_the_stage_are_those_that_the_settings_make(stage: Stage) -> None:
    agree(stage.desired, stage.settings, parse(stage.sections.get("platform")).database)


@pytest.mark.parametrize("database", [Database(max_acu=32), Database(min_acu=1), Database(connections=1000)])
def test_a_database_that_the_catalogue_takes_for_another_is_one_line_with_what_to_say(stage: Stage, database: Database) -> None:
    with pytest.raises(
        BadInput, match=r"stages\.prod\.databases\.image-db-1: not what platform\.database makes: say \{min_acu: "
    ):
        agree(stage.desired, stage.settings, database)


def test_a_ceiling_counted_on_other_connections_is_found_too(stage: Stage) -> None:
    undeclared = dataclasses.replace(stage.settings, databases={})
    with pytest.raises(BadInput, match=r"counts on 1722 connections, and platform\.database makes 900"):
        agree(stage.desired, undeclared, Database(connections=900))
