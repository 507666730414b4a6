"""What a stage deploys: its catalogue's rows, and the sections of ``stages/<stage>.yaml``, which each stack reads strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from alarms import yaml_door
from alarms.desired import Desired
from alarms.domain.errors import BadInput, CannotRun
from alarms.load import load
from alarms.row import Row
from alarms.settings import Settings
from infra.written import Node
from remediators.registry import registry

STAGES = Path(__file__).parent / "stages"
CATALOGUE = Path(__file__).parents[2] / "alarms" / "catalog"
SECTIONS = ("pipeline", "platform", "hub")


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of one catalogue, and what its file says of the stacks. ``rows`` are what ``desired`` was compiled from."""

    desired: tuple[Desired, ...]
    settings: Settings
    sections: Mapping[str, Node]
    rows: tuple[Row, ...] = ()

    @property
    def base(self) -> str:
        """What the names of this stage's resources begin with, ``<prefix>-<stage>``."""
        return f"{self.settings.prefix}-{self.settings.stage}"


def read(stage: str, catalogue: Path = CATALOGUE, stages: Path = STAGES) -> Stage:
    """Return ``stage`` of the catalogue with its deployment file. BadInput with place and remedy; CannotRun without a file.

    A spoke needs none.
    """
    loaded = load(catalogue, stage=stage, actions=registry())
    loaded.raise_errors()
    path = stages / f"{stage}.yaml"
    if not path.is_file() and loaded.settings.hub is not None:
        return Stage(loaded.desired, loaded.settings, {})  # a spoke's stack has nothing to be told
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in stages.glob("*.yaml")))
        raise CannotRun(f"{path}: there is no such file; stages that can be deployed: {known or 'none'}")
    document = yaml_door.read_path(path)
    if document.problems:
        raise BadInput("\n".join(str(problem) for problem in document.problems))
    sections = Node(document.value, document.spot).fields(*SECTIONS)
    return Stage(loaded.desired, loaded.settings, sections, tuple(item.row for item in loaded.expansions.values()))
