"""Every example in the docs on alarms is loaded, and compiles to what the page says."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from alarms import checks
from alarms.desired import Desired
from alarms.kinds import kinds
from alarms.limits import limits
from alarms.load import Loaded, load
from alarms.problem import Level, Problem
from remediators.registry import registry

DOCS = Path(__file__).parents[2] / "docs"
KINDS = sorted(kinds())
PAGES = [DOCS / "catalogue.md", *(DOCS / "kinds" / f"{kind}.md" for kind in KINDS)]
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(page: Path) -> list[tuple[str, str, str]]:
    """Return (language, rest of the fence, content) of each block."""
    return BLOCK.findall(page.read_text("utf-8"))


def written(page: Path, folder: Path) -> list[Path]:
    """Write the page's named files, those `continued` with what follows them; return the catalogues they make up."""
    roots = set()
    for _, info, content in blocks(page):
        if match := re.search(r"title=(\S+)", info):
            file = folder / match[1]
            file.parent.mkdir(parents=True, exist_ok=True)
            before = file.read_text("utf-8") if "continued" in info else ""
            file.write_text(before + content, "utf-8")
            roots.add(folder / Path(match[1]).parts[0] if "/" in match[1] else folder)
    return sorted(roots)


def opened(root: Path, stage: str | None = None) -> Loaded:
    return load(root, stage=stage, actions=registry(), facts=None)


def judged(loaded: Loaded) -> list[Problem]:
    return [*loaded.problems, *checks.run(loaded.desired, loaded.settings, registry())]


def alarm_of(page: Path, folder: Path) -> Desired:
    (root,) = written(page, folder)
    (item,) = opened(root).desired
    return item


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_catalogue_in_the_docs_is_clean_in_every_stage(page: Path, tmp_path: Path) -> None:
    roots = written(page, tmp_path)

    assert roots
    for root in roots:
        for stage in opened(root).settings.stages:
            loaded = opened(root, stage)
            assert [str(problem) for problem in judged(loaded) if problem.level is not Level.NOTE] == []
            assert loaded.desired


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_wrong_example_gets_the_answer_that_the_page_shows(page: Path, tmp_path: Path) -> None:
    found = blocks(page)
    for (_, info, content), (_, _, answer) in itertools.pairwise(found):
        if "wrong" in info:
            (tmp_path / "wrong.yaml").write_text(content, "utf-8")
            problems = judged(opened(tmp_path / "wrong.yaml"))

            assert answer.strip() in "\n".join(str(problem) for problem in problems)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_yaml_block_is_either_a_file_or_shown_as_wrong(page: Path) -> None:
    """A block that nobody loads is a block that rots."""
    assert [
        content for language, info, content in blocks(page) if language == "yaml" and not re.search("title=|wrong", info)
    ] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_kinds_page_shows_what_its_example_compiles_to(kind: str, tmp_path: Path) -> None:
    page = DOCS / "kinds" / f"{kind}.md"
    (shown,) = [json.loads(content) for language, _, content in blocks(page) if language == "json"]
    request: dict[str, Any] = dict(alarm_of(page, tmp_path).request)

    assert {key: request.get(key) for key in shown} == shown
    assert set(request) - set(shown) <= {
        "AlarmName",
        "AlarmDescription",
        "ActionsEnabled",
        "AlarmActions",
        "OKActions",
        "InsufficientDataActions",
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_kinds_page_names_each_of_its_keys(kind: str) -> None:
    text = (DOCS / "kinds" / f"{kind}.md").read_text("utf-8")
    keys = re.findall(r"^\| `(\w+)` \|", text.split("## Keys")[1].split("\n## ")[0], re.MULTILINE)

    assert sorted(keys) == sorted(field.name for field in dataclasses.fields(kinds()[kind]))


def test_every_limit_is_on_the_page_of_share_of_limit() -> None:
    text = (DOCS / "kinds" / "share_of_limit.md").read_text("utf-8")

    assert [name for name, limit in limits().items() if f"| `{name}` | `{limit.DIMENSION}` |" not in text] == []


@pytest.mark.parametrize("page", [*PAGES, *sorted((DOCS / "checks").glob("*.md"))], ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8"))

    assert [target for target in targets if "://" not in target and not (page.parent / target).exists()] == []
