"""A finding of the loader or of a check: where, what, why, and what would be right."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

# What would break a line or turn it round: control characters, separators, half characters, marks of direction.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LONGEST = 600  # characters of one part of a message: a value may be as long as its file


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
        row = f" {_cut(self.row)}:" if self.row else ""
        fix = f"; {_cut(self.fix)}" if self.fix else ""
        return one_line(f"{self.place}: {self.level.value}:{row} {_cut(self.summary)}{fix} [{self.check}]")


def one_line(text: str) -> str:
    """Return ``text`` with every character that is not seen, or breaks a line, written as its escape."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
