"""S11.2: one API server of several fails. The cause is found, the impact graded, the answer named, whatever the reason was."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from diagnosis_world import SECRET, World, alarm, world

from alarms.domain.alarm import Severity
from alarms.domain.decision import Proposal

FULL = "FATAL: remaining connection slots are reserved for non-replication superuser connections"


@pytest.fixture
def story() -> Iterator[World]:
    with world() as opened:
        yield opened


def said(proposal: Proposal) -> str:
    """Everything that people read, in English."""
    return "\n".join([proposal.why.en, *(line.en for line in proposal.lines)])


def test_a_server_that_is_killed_for_memory(story: World) -> None:
    story.aws.ecs.crash("shop", "api", 1, "OutOfMemoryError: container killed due to memory usage", 137)
    story.trouble(3, failed=48, memory=99)
    proposal, kept = story.diagnose(story.ring(alarm()))

    assert (kept["cause"], kept["confidence"], kept["grade"]) == ("oom", "high", "SEV2")
    assert "4.8 % of 3,000 requests in 5 min fail, growing" in proposal.why.en
    assert "killed for lack of memory" in proposal.lines[0].en
    assert "restart-tasks" in said(proposal)
    assert proposal.changes == ()


def test_a_kill_without_a_word_on_memory_is_not_called_one(story: World) -> None:
    story.aws.ecs.crash("shop", "api", 1, "Essential container in task exited", 137)
    story.trouble(3, failed=6)
    proposal, kept = story.diagnose(story.ring(alarm()))

    assert kept["cause"] == "unknown"
    assert "a stop that took too long" in said(proposal)


def test_too_few_database_connections(story: World) -> None:
    full = alarm(row="aurora/connections-near-max")
    story.trouble(4, [FULL], failed=240, connections=396)
    story.ring(full, metric="DatabaseConnections")
    proposal, kept = story.diagnose(story.ring(alarm()))

    assert (kept["cause"], kept["confidence"], kept["grade"]) == ("db-connections", "high", "SEV1")
    assert "connection slots" in said(proposal)
    assert "connections rose from 40 to 396" in said(proposal)
    assert "end-database-sessions" in said(proposal)
    assert "do not add tasks" in said(proposal)


def test_a_partners_token_that_expired(story: World) -> None:
    yesterday = f"{story.now - timedelta(days=1):%Y-%m-%d}"
    story.client("secretsmanager").tag_resource(SecretId=SECRET, Tags=[{"Key": "tocsin:expires", "Value": yesterday}])
    story.trouble(4, ["ERROR partner answered 401 invalid_token for charge 8812"], failed=30)
    proposal, kept = story.diagnose(story.ring(alarm()))

    assert (kept["cause"], kept["confidence"]) == ("expired-token", "high")
    assert f"expired on {yesterday}" in said(proposal)
    assert "401 invalid_token" in said(proposal)
    assert "renew the token" in said(proposal)
    assert "not to be read" not in str(kept)


def test_an_outage_at_aws_withholds_what_cannot_be_undone(story: World) -> None:
    story.aws.health.preload("ELASTICLOADBALANCING", zone="ap-northeast-2a")
    story.aws.health.preload("SAGEMAKER")
    story.trouble(4, failed=200)
    proposal, kept = story.diagnose(story.ring(alarm()))

    assert (kept["cause"], kept["confidence"], kept["withholds"]) == ("aws-outage", "high", True)
    assert "ELASTICLOADBALANCING (ap-northeast-2a)" in proposal.lines[0].en
    assert "nothing destructive should be done" in said(proposal)


def test_an_outage_of_what_this_service_does_not_stand_on_is_no_cause(story: World) -> None:
    story.aws.health.preload("SAGEMAKER")
    story.trouble(4, failed=200)
    _, kept = story.diagnose(story.ring(alarm()))

    assert (kept["cause"], kept["withholds"]) == ("unknown", False)


def test_a_deployment_shortly_before_is_the_first_suspect_and_one_after_it_is_not(story: World) -> None:
    story.aws.trail.user = "kim"
    story.client("ecs").update_service(cluster="shop", service="api", taskDefinition="api:2")
    story.trouble(8)
    story.trouble(4, ["ERROR unhandled exception in checkout"], failed=90)
    proposal, kept = story.diagnose(story.ring(alarm()))

    assert (kept["cause"], kept["confidence"], kept["grade"]) == ("bad-deployment", "high", "SEV2")
    assert "api was deployed" in proposal.lines[0].en
    assert "UpdateService on api" in said(proposal)
    assert "by kim" in said(proposal)
    assert "roll-back-deployment" in said(proposal)


def test_a_change_of_something_else_is_not_taken_for_one_of_this_service(story: World) -> None:
    ten_before = story.now - timedelta(minutes=10)
    story.aws.trail.preload("UpdateService", "ecs.amazonaws.com", {"service": "api-gateway-docs"}, ten_before, user="api")
    story.aws.trail.preload("PutSecretValue", "secretsmanager.amazonaws.com", {"secretId": SECRET}, ten_before, user="lee")
    story.trouble(4, failed=90)
    proposal, _ = story.diagnose(story.ring(alarm()))

    assert "PutSecretValue on partner/token" in said(proposal)
    assert "by lee" in said(proposal)
    assert "UpdateService" not in said(proposal)


def test_a_repair_that_somebody_deploys_is_not_blamed(story: World) -> None:
    story.trouble(4, failed=90)
    rang = story.ring(alarm())
    story.trouble(3, failed=90)
    story.client("ecs").update_service(cluster="shop", service="api", taskDefinition="api:1", forceNewDeployment=True)
    _, kept = story.diagnose(rang)

    assert kept["cause"] == "unknown"


def test_the_failing_one_of_three_services_is_found_though_another_rings_louder(story: World) -> None:
    landscape = ({"service": "orders", "calls": "payments"},)
    web = alarm("web", depends_on=("orders", "payments"), resources={**alarm().resources, "landscape": landscape})
    payments = alarm("payments", row="alb/response-time-p90", severity=Severity.WARNING)
    for row in ("alb/5xx-rate", "alb/response-time-p90", "ecs/cpu-high"):  # the loudest, and the first
        story.ring(alarm("web", row=row))
    story.aws.clock.advance(30)
    story.ring(alarm("orders"))
    story.aws.clock.advance(30)
    story.ring(payments)
    story.trouble(2, failed=200)

    seen_from_web, of_web = story.diagnose(web)
    _, of_payments = story.diagnose(payments)

    assert (of_web["cause"], of_web["confidence"]) == ("dependency", "high")
    assert "The source is payments" in seen_from_web.lines[0].en
    assert "work on the failing service" in said(seen_from_web)
    assert of_payments["cause"] != "dependency"


def test_the_causes_runbook_is_linked_where_the_rows_own_is_the_products(story: World) -> None:
    story.aws.ecs.crash("shop", "api", 1, "OutOfMemoryError: container killed due to memory usage", 137)
    page = "docs/runbooks/alb-5xx-rate.md"
    rang = story.ring(alarm(runbook=page, runbook_url=f"https://git.example.com/t/{page}"))
    linked, _ = story.diagnose(rang)
    own, _ = story.diagnose(alarm(runbook="https://wiki.example.com/api", runbook_url="https://wiki.example.com/api"))

    assert "Runbook of this cause: https://git.example.com/t/docs/runbooks/cause-oom.md" in said(linked)
    assert "Runbook of this cause" not in said(own)


def test_people_read_it_in_korean_too(story: World) -> None:
    story.aws.ecs.crash("shop", "api", 1, "OutOfMemoryError: container killed due to memory usage", 137)
    story.trouble(3, failed=48)
    proposal, _ = story.diagnose(story.ring(alarm()))

    assert "가장 유력한 원인: 메모리 부족" in proposal.why.ko
    assert all(any("가" <= letter <= "힣" for letter in line.ko) for line in proposal.lines)
