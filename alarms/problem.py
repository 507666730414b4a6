"""A finding of the loader or of a check: where, what, why, and what would be right."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """error: the catalogue cannot be used; warning: it can, and will surprise; note: worth knowing, never fails `check`."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in a file, counted from 1. ``file`` is relative to where the command ran, line 0 means the whole file."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding.

    ``check`` is its name (the lint rule's file name, or ``yaml``, ``schema``, ``names`` …), ``row`` the id of the row it is
    about (empty for a whole file), ``fix`` what would be right (``did you mean …?``).
    """

    place: Place
    level: Level
    check: str
    row: str
    summary: str
    why: str = ""
    fix: str = ""

    def __str__(self) -> str:
        row = f" {self.row}:" if self.row else ""
        fix = f"; {self.fix}" if self.fix else ""
        return f"{self.place}: {self.level.value}:{row} {self.summary}{fix} [{self.check}]"
