"""`tocsin doctor` and `tocsin dashboards` on the deployed pipeline: what the emulator keeps is well, what it lacks is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from deployed_pipeline import Deployment, tocsin
from ministack_process import ROOT

from infra.doctor.checks import checks
from infra.local.slack_http import serving

CATALOGUE = str(Path(__file__).parent / "catalogue")

# What is not well on the emulator, and why it is so there: words of what is found, for each check.
NOT_WELL = {
    "function-errors": "it was not called in the last hour",  # nothing has rung yet
    "grants": "the role may not on",  # its simulator does not look at conditions
    "heartbeat": "no sweep has been counted for a day",  # it makes no metric of a log's line
    "queue-redrive": "comes again after 6 s",  # the test is in a hurry
    "table-recovery": "it cannot be restored to a point in time",  # taken and not kept
    "tables": "it is not encrypted by a key of yours",  # taken and not kept
    "topic-encryption": "it is not encrypted",  # taken and not kept
}
CONDITIONED = {"iam:PassRole", "application-autoscaling:RegisterScalableTarget", "ecs:ListTasks"}


def examined(deployment: Deployment) -> dict[str, dict[str, Any]]:
    """Let the doctor look, as typed; return its checks by name."""
    own = {"PATH": os.environ["PATH"], "HOME": str(deployment.aws.log.parent), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "cli", "doctor", CATALOGUE, "--stage", "e2e", "--format", "json"]
    with serving(deployment.slack) as url:
        environ = {**deployment.aws.environ, **own, "TOCSIN_SLACK_URL": url}
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    return {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def test_what_is_deployed_is_well_but_for_what_the_emulator_lacks(deployment: Deployment) -> None:
    tocsin(deployment.aws, "apply", CATALOGUE, "--stage", "e2e", "--yes")
    tocsin(deployment.aws, "dashboards", CATALOGUE, "--stage", "e2e", "--put", "--yes")
    assert "0 to create, 0 to update" in tocsin(deployment.aws, "dashboards", CATALOGUE, "--stage", "e2e", "--put")
    for channel in ("#orders", "#shop"):
        deployment.slack("chat.postMessage", {"channel": channel, "text": "the channel is there"}, "xoxb-embedded")

    found = examined(deployment)

    assert set(found) == set(checks()) - {"spoke-role"}
    troubled = {name: [one for one in check["findings"] if one["verdict"] != "ok"] for name, check in found.items()}
    assert {name: findings for name, findings in troubled.items() if findings and name not in NOT_WELL} == {}
    for name, words in NOT_WELL.items():
        assert [one for one in troubled[name] if words not in one["said"]] == [], name
        assert troubled[name], f"{name} is well by now: the gap has closed"
    assert {one["subject"] for one in troubled["grants"]} == CONDITIONED
