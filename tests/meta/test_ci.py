"""The workflow on GitHub and the hooks: valid, without known weaknesses, and their scripts do what they say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from alarms.settings_file import read_settings
from alarms.sources import read_sources

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github" / "workflows" / "tocsin.yaml"
TOOLS = Path(sys.executable).parent


def run(*command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **environ}, capture_output=True, text=True, check=False)


def jobs() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text("utf-8"))["jobs"]
    return found


def test_the_workflow_is_one_that_github_reads() -> None:
    done = run(str(TOOLS / "check-jsonschema"), "--builtin-schema", "vendor.github-workflows", str(WORKFLOW))

    assert done.returncode == 0, done.stdout


def test_the_workflow_has_no_weakness_that_is_known() -> None:
    done = run(str(TOOLS / "zizmor"), "--offline", "--persona", "pedantic", str(WORKFLOW))

    assert done.returncode == 0, done.stdout


def test_a_forks_code_never_meets_credentials() -> None:
    """Only jobs of this repository's own branches may ask for an identity, and only through an environment that people set up."""
    able = {name: job for name, job in jobs().items() if "id-token" in job.get("permissions", {})}

    assert sorted(able) == ["apply", "plan"]
    assert "pull_request.head.repo.full_name == github.repository" in able["plan"]["if"]
    assert able["apply"]["if"] == "github.event_name == 'push'"
    assert all(job["environment"] for job in able.values())
    assert "pull_request_target" not in WORKFLOW.read_text("utf-8")


def test_its_stages_are_stages_of_the_catalogue() -> None:
    listed = json.loads(yaml.safe_load(WORKFLOW.read_text("utf-8"))["env"]["STAGES"])
    settings, _ = read_settings(read_sources(ROOT / "alarms" / "catalog").settings, None)

    assert listed
    assert set(listed) <= set(settings.stages)


def test_what_ci_says_to_run_exists() -> None:
    """Each script, target and verb that a step or a hook names."""
    text = WORKFLOW.read_text("utf-8") + (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    targets = re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)

    assert [script for script in re.findall(r"bash (\S+)", text) if not (ROOT / script).is_file()] == []
    assert set(re.findall(r"run: make ([a-z]+)", text)) <= set(targets)
    assert {"plan", "apply", "check"} == set(re.findall(r"bin/tocsin ([a-z]+)", text))


@pytest.mark.parametrize(
    ("before", "called"),
    [
        ("", "api --silent repos/me/shop/issues/7/comments --field body=@{file}"),
        ("4711", "api --silent --method PATCH repos/me/shop/issues/comments/4711 --field body=@{file}"),
    ],
    ids=["the first run comments", "the next run replaces it"],
)
def test_a_pull_request_has_one_comment_of_a_stage(before: str, called: str, tmp_path: Path) -> None:
    calls, plan = tmp_path / "calls", tmp_path / "plan.md"
    plan.write_text("<!-- tocsin plan shop/dev -->\nthe plan\n", "utf-8")
    gh = tmp_path / "gh"
    gh.write_text(f'#!/bin/sh\ncase "$*" in *--jq*) echo "{before}" ;; *) echo "$*" >"{calls}" ;; esac\n', "utf-8")
    gh.chmod(0o755)

    path = f"{tmp_path}:{os.environ['PATH']}"
    done = run("bash", ".github/comment.sh", str(plan), "7", PATH=path, GITHUB_REPOSITORY="me/shop")

    assert done.returncode == 0, done.stderr
    assert calls.read_text("utf-8").strip() == called.format(file=plan)


def test_a_plan_that_could_not_be_made_takes_no_comments_place(tmp_path: Path) -> None:
    plan, calls = tmp_path / "plan.md", tmp_path / "calls"
    plan.write_text("", "utf-8")
    gh = tmp_path / "gh"
    gh.write_text(f'#!/bin/sh\necho 4711\necho "$*" >"{calls}"\n', "utf-8")
    gh.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = run("bash", ".github/comment.sh", str(plan), "7", PATH=path, GITHUB_REPOSITORY="me/shop")
    assert done.returncode == 0, done.stderr
    assert not calls.exists()


def test_the_jobs_identity_is_written_for_its_owner_only(tmp_path: Path) -> None:
    curl, token = tmp_path / "curl", tmp_path / "identity"
    curl.write_text('#!/bin/sh\necho \'{"count": 1, "value": "a.b.c"}\'\n', "utf-8")
    curl.chmod(0o755)
    known = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "x",
        "ACTIONS_ID_TOKEN_REQUEST_URL": "http://127.0.0.1/?a=1",
    }

    done = run("bash", ".github/identity.sh", AWS_ROLE_ARN="arn:aws:iam::123456789012:role/plan", **known)
    without = run("bash", ".github/identity.sh", AWS_ROLE_ARN="", **known)

    assert done.returncode == 0, done.stderr
    assert (token.read_text("utf-8"), token.stat().st_mode & 0o777) == ("a.b.c", 0o600)
    assert without.returncode == 1
    assert "docs/ci.md says how" in without.stderr


def test_the_hooks_command_lints_the_catalogue_that_it_is_given(tmp_path: Path) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    (tmp_path / "rows.yaml").write_text("component: sqs\nalarms:\n  - {id: x, wehn: '> 1'}\n", "utf-8")

    done = run(str(TOOLS / hook["entry"].split()[0]), *hook["entry"].split()[1:], str(tmp_path))

    assert done.returncode == 1
    assert "wehn" in done.stdout + done.stderr


def test_the_hook_installs_what_the_command_line_needs() -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    listed = re.findall(r'"([^"]+)"', text.split("\ncli = [")[1].split("]")[0])

    assert hook["additional_dependencies"] == listed
