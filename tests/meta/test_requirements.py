"""The numbers that comments and tests refer to are explained, and each alarm that is required has its row."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from alarms.load import load
from cli.catalogue import catalogue_path
from remediators.registry import registry

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "requirements.md"
NUMBER = re.compile(r"\b(S9\.[1-9]|S(?:[1-8]|10)(?![.\d])|S11\.[1-3]|P(?:1[0-2]|[1-9]))\b(?=[ :,.);])")


def test_every_row_of_the_page_is_a_row_of_the_catalogue_and_the_other_way_round() -> None:
    """Nobody adds or renames a row of the product without saying which requirement it serves."""
    told = set(re.findall(r"`([a-z-]+/[a-z0-9-]+)`", PAGE.read_text(encoding="utf-8")))
    # A stage may be without a row that its databases cannot have.
    stages = [load(catalogue_path(None), stage=stage, actions=registry()) for stage in ("staging", "prod")]
    assert told == {desired.id for loaded in stages for desired in loaded.desired}


def test_every_number_used_in_the_catalogue_is_explained() -> None:
    page = PAGE.read_text(encoding="utf-8")
    files = subprocess.run(
        ["git", "ls-files", "alarms/catalog"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    used = {number for name in files for number in NUMBER.findall((ROOT / name).read_text(encoding="utf-8"))}
    assert {f"S9.{n}" for n in range(1, 10)} <= used
    assert {number for number in used if number not in page} == set()
