"""What a zip is: the same bytes for the same inputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.aws.bundle import builder, wheels
from infra.aws.bundle.functions import FUNCTIONS
from infra.aws.bundle.target import here


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Return an empty folder for zips that shares the fetched wheels."""
    wheels.fetched(wheels.pinned(FUNCTIONS["interactive"].requires), here(), builder.OUT / "wheels")
    (tmp_path / "wheels").symlink_to(builder.OUT / "wheels")
    return tmp_path


def test_the_same_inputs_give_the_same_bytes(out: Path) -> None:
    first = builder.build(FUNCTIONS["interactive"], here(), out)
    bytes_of_first = first.read_bytes()
    first.unlink()
    again = builder.build(FUNCTIONS["interactive"], here(), out)

    assert (again.name, again.read_bytes()) == (first.name, bytes_of_first)
