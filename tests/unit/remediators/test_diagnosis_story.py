"""S11.2 through the engine: what rings is looked at first, told once, kept as evidence, and answered by its cause."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from remediation_world import API, World, api_alarm, policy, world

from alarms.domain.alarm import Alarm
from alarms.domain.report import Phase, Report
from remediators.aws import Clients
from remediators.evidence import EvidenceTable

ROLL_BACK = policy(
    "roll-back-deployment", {"cluster": "image", "service": "image-api", "within": 3600}, revert=None, verify_within_s=900
)
LOOK_ONLY = policy("escalate", {})


@pytest.fixture
def story() -> Iterator[World]:
    with world() as opened:
        yield opened


def row(*policies: Any, **changes: Any) -> Alarm:
    """Return the API's alarm, with all that its service has."""
    resources = {"ecs": ({"ClusterName": "image", "ServiceName": "image-api"},)}
    return replace(api_alarm(*(policies or (LOOK_ONLY,))), resources=resources, **changes)


def told(story: World) -> list[Report]:
    """Return every report of the story, each id once, diagnoses included."""
    sent = [
        Report.from_document(json.loads(call.params["MessageBody"]))
        for call in story.calls
        if call.operation == "SendMessage" and call.params["QueueUrl"] == story.reports_url and call.error_code is None
    ]
    return list({report.id: report for report in sent}.values())


def kept(story: World, report: Report) -> dict[str, Any]:
    """Return what is kept of the report's episode as the diagnosis's evidence."""
    clients = Clients()
    table = EvidenceTable(lambda: clients.boto("dynamodb"), story.environ["TOCSIN_EVIDENCE_TABLE"])
    (found,) = [item for item in table.of(report.episode.id, story.now) if item.kind == "diagnose"]
    document: dict[str, Any] = found.document
    return document


def test_a_killed_server_is_diagnosed_first_once_and_kept_as_evidence(story: World) -> None:
    story.apply(row())
    story.aws.clock.advance(7200)  # long after the service was made: no deployment is suspected
    story.aws.ecs.crash("image", "image-api", 1, "OutOfMemoryError: container killed due to memory usage", 137)
    story.ring(API)
    story.wait(120, copies=3)

    first, *others = told(story)
    assert first.phase is Phase.DIAGNOSED
    assert "killed for lack of memory" in first.why.en
    assert first.lines[0].en == "image-api: tasks killed for lack of memory: 1."
    assert [report.phase for report in others] == [Phase.ESCALATED]
    assert kept(story, first)["cause"] == "oom"
    assert story.changes() == []


def test_a_bad_deployment_is_named_and_rolled_back(story: World) -> None:
    story.apply(row(ROLL_BACK))
    story.aws.ecs.delays.start_s = 600  # its tasks are still starting when the alarm rings
    story.client("ecs").register_task_definition(family="image", containerDefinitions=[{"name": "app", "image": "image:2"}])
    story.client("ecs").update_service(cluster="image", service="image-api", taskDefinition="image:2")
    story.aws.clock.advance(400)
    story.ring(API)
    story.wait(60)

    first, *others = told(story)
    assert "the latest deployment" in first.why.en
    assert any("roll-back-deployment" in line.en for line in first.lines)
    assert [report.phase for report in others][:1] == [Phase.ACTED]
    assert [call.operation for call in story.calls if call.operation == "StopServiceDeployment"] == ["StopServiceDeployment"]


@pytest.mark.parametrize("mode", ["paused", "observe"])
def test_it_looks_also_where_nothing_may_be_done(story: World, mode: str) -> None:
    story.switch(paused=mode == "paused", mode="observe")
    story.apply(row(ROLL_BACK))
    story.ring(API)
    story.wait(60)

    assert told(story)[0].phase is Phase.DIAGNOSED
    assert story.changes() == []


def test_a_diagnosis_that_can_see_nothing_holds_up_nobody(story: World) -> None:
    story.apply(row())
    for service in ("ecs", "application-autoscaling", "cloudtrail", "elbv2"):
        story.aws.seam.fail(service, "*", "AccessDeniedException", times=None)
    story.ring(API)
    story.wait(60)

    first, *others = told(story)
    assert "The cause is not known" in first.why.en
    assert "no permission" in first.lines[-1].en
    assert [report.phase for report in others] == [Phase.ESCALATED]
