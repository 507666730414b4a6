"""Every row has its runbook, every runbook its headings, and AWS every command and option that it shows."""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml
from botocore import xform_name
from botocore.model import ServiceModel

from alarms.domain.cause import Cause
from alarms.domain.followup import EVERY_INCIDENT, checklist

RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"
CATALOG = Path(__file__).parents[2] / "alarms" / "catalog"
EVERY = sorted(page for page in RUNBOOKS.glob("*.md") if page.name != "README.md")
CAUSES = [page for page in EVERY if page.name.startswith("cause-")]
PAGES = [page for page in EVERY if page not in CAUSES]
HEADINGS = ["What it means", "First look", "Likely causes", "What tocsin does", "Stop or undo", "By hand", "Escalate", "Prevent"]
CAUSE_HEADINGS = ["How it shows", "Make sure", "What tocsin does", "Stop or undo", "By hand", "Escalate", "Prevent"]
GLOBAL_OPTIONS = {"query", "output", "region", "profile"}
# Options of the command line that are no members of the API: it cuts lists into pages itself.
PAGING = {"max-items", "page-size", "starting-token"}
SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)
INLINE = re.compile(r"`(aws [a-z-]+ [a-z-]+)`")


def commands(page: Path) -> list[str]:
    """Return each aws command of the page's shell blocks, with its continued lines joined."""
    blocks = "\n".join(SHELL.findall(page.read_text("utf-8"))).replace("\\\n", " ")
    return [line[line.index("aws ") :] for line in blocks.splitlines() if re.search(r"(^|\s|\()aws [a-z]", line)]


@cache
def service(name: str) -> ServiceModel:
    """Return botocore's description of a service, by the command line's name for it."""
    model: ServiceModel = botocore.session.get_session().get_service_model(name)
    return model


def options_of(name: str, operation: str) -> set[str]:
    """Return the options that `aws <name> <operation>` takes; fails when there is no such command."""
    model = service(name)
    operations = {xform_name(candidate, "-"): candidate for candidate in model.operation_names}
    assert operation in operations, f"aws {name} has no command {operation}"
    shape = model.operation_model(operations[operation]).input_shape
    return {xform_name(member, "-") for member in shape.members} if shape else set()


def rows() -> list[str]:
    """Return the runbook of each row of the product's catalogue, as the YAML writes it."""
    text = "\n".join(profile.read_text("utf-8") for profile in (CATALOG / "profiles").glob("*.yaml"))
    return re.findall(r"^\s+runbook: (\S+)", text, re.MULTILINE)


@pytest.mark.parametrize("runbook", rows())
def test_every_row_of_the_catalogue_has_its_runbook(runbook: str) -> None:
    assert (RUNBOOKS.parents[1] / runbook).is_file()


def shipped() -> list[dict[str, Any]]:
    """Return every row of the product's profiles, as the YAML writes it."""
    return [
        row for file in sorted((CATALOG / "profiles").glob("*.yaml")) for row in yaml.safe_load(file.read_text("utf-8"))["alarms"]
    ]


@pytest.mark.parametrize("row", shipped(), ids=lambda row: Path(row["runbook"]).stem)
def test_a_runbook_says_what_its_row_does_and_nothing_that_it_does_not(row: dict[str, Any]) -> None:
    page = (RUNBOOKS.parents[1] / row["runbook"]).read_text("utf-8")
    said = page.split("## What tocsin does\n")[1].split("\n## ")[0]
    named = set(re.findall(r"\]\(\.\./actions/([a-z-]+)\.md\)", said))
    does = {step["action"] for step in row.get("remediate", ())}

    assert "A diagnosis, at once" in said
    assert does <= named
    assert not named or does


def test_no_runbook_is_left_of_a_row_that_is_gone() -> None:
    assert {f"docs/runbooks/{page.name}" for page in PAGES} == set(rows())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_runbook_has_the_same_headings_in_the_same_order(page: Path) -> None:
    """At 3 am nobody searches: what to undo stands in the same place on every page."""
    assert re.findall(r"^## (.+)$", page.read_text("utf-8"), re.MULTILINE) == HEADINGS


def test_every_cause_that_a_diagnosis_names_has_its_runbook_and_no_other() -> None:
    assert {page.stem for page in CAUSES} == {f"cause-{cause.value}" for cause in Cause}
    listed = (RUNBOOKS / "README.md").read_text("utf-8")
    assert [page.name for page in CAUSES if f"({page.name})" not in listed] == []


@pytest.mark.parametrize("page", CAUSES, ids=lambda page: page.stem)
def test_a_causes_runbook_has_its_headings_and_ends_with_the_reports_checklist(page: Path) -> None:
    """What prevents it is said once, in the product's data; the page shows it."""
    text = page.read_text("utf-8")
    items = [item.en for item in checklist(page.stem.removeprefix("cause-")) if item not in EVERY_INCIDENT]

    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == CAUSE_HEADINGS
    assert text.split("## Prevent\n")[1].strip().splitlines() == [f"- {item}" for item in items]


@pytest.mark.parametrize("page", [*EVERY, RUNBOOKS / "README.md"], ids=lambda page: page.stem)
def test_aws_has_every_command_and_option_that_a_runbook_shows(page: Path) -> None:
    found = commands(page)
    assert found or page in CAUSES
    for command in found:
        _, name, operation, *words = shlex.split(command.split(" #")[0].rstrip(")"), posix=False)
        allowed = options_of(name, operation) | GLOBAL_OPTIONS | PAGING
        used = {word.removeprefix("--") for word in words if word.startswith("--")}
        assert used <= allowed, f"{page.name}: aws {name} {operation} has no {used - allowed}"


@pytest.mark.parametrize("page", EVERY, ids=lambda page: page.stem)
def test_aws_has_every_command_that_a_runbook_mentions(page: Path) -> None:
    for mentioned in INLINE.findall(page.read_text("utf-8")):
        _, name, operation = mentioned.split()
        options_of(name, operation)


@pytest.mark.parametrize("page", [*EVERY, RUNBOOKS / "README.md"], ids=lambda page: page.stem)
def test_a_runbooks_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        assert "://" in target or (RUNBOOKS / target).is_file(), f"{page.name} links to {target}"
