"""A value of a hand-written YAML file, read strictly: every failure says where it stands and what would be right."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from alarms.domain.errors import BadInput
from alarms.yaml_door import Spot

MOMENT = 'a time with its zone, like "2026-10-31T13:15:00Z"'
LONGEST_S = 2 * 86_400
YEARS = range(1971, 2200)
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Node:
    """A value of the file with its path (``traffic[2].uploads``) and the place where it stands."""

    value: Any
    spot: Spot
    path: str = ""

    def fail(self, wanted: str) -> BadInput:
        """Return the failure that says what would be right here."""
        shown = "nothing" if self.value is None else repr(self.value)
        return BadInput(f"{self.spot.place}: {self.path or 'the file'}: {wanted}, not {shown[:60]}")

    def lacks(self, name: str) -> BadInput:
        """Return the failure that says that ``name`` is missing here."""
        return BadInput(f"{self.spot.place}: {self.path or 'the file'}: {name} is missing")

    def fields(self, *names: str) -> dict[str, Node]:
        """Return the members of a mapping that may only have ``names``."""
        if not isinstance(self.value, Mapping):
            raise self.fail(f"a mapping with {', '.join(names)}")
        for key in self.value:
            if key not in names:
                near = difflib.get_close_matches(str(key), names, 1)
                hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(names)}"
                raise BadInput(f"{self._spot(key).named}: {self._at(key)}: unknown key; {hint}")
        return {name: Node(self.value[name], self._spot(name), self._at(name)) for name in names if name in self.value}

    def items(self) -> list[Node]:
        """Return the members of a list."""
        if not isinstance(self.value, Sequence) or isinstance(self.value, str):
            raise self.fail("a list")
        return [Node(item, self._spot(place), f"{self.path}[{place}]") for place, item in enumerate(self.value)]

    def text(self) -> str:
        """Return a non-empty string."""
        if not isinstance(self.value, str) or not self.value.strip():
            raise self.fail("a text")
        return self.value

    def count(self, least: int = 1, most: int = 5000) -> int:
        """Return a whole number."""
        if not isinstance(self.value, int) or isinstance(self.value, bool) or not least <= self.value <= most:
            raise self.fail(f"a whole number from {least} to {most}")
        return self.value

    def number(self) -> float:
        """Return a number >= 0."""
        value = self.value
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1e9:
            raise self.fail("a number from 0 to 1e9")
        return float(value)

    def seconds(self) -> float:
        """Return a duration written like ``45 s``, ``10 m``, ``3 h``."""
        match = re.fullmatch(r"(\d+(?:\.\d+)?) ?([smhd])", self.value) if isinstance(self.value, str) else None
        seconds = float(match[1]) * SECONDS[match[2]] if match else None
        if seconds is None or seconds > LONGEST_S:
            raise self.fail("a duration like 45 s, 10 m or 3 h, at most 2 d")
        return seconds

    def share(self) -> float:
        """Return a share written like ``6 %``, as 0..1."""
        match = re.fullmatch(r"(\d+(?:\.\d+)?) ?%", self.value) if isinstance(self.value, str) else None
        if not match or float(match[1]) > 100:
            raise self.fail("a share like 6 %, at most 100 %")
        return float(match[1]) / 100

    def moment(self) -> datetime:
        """Return an aware time at a whole minute, as UTC."""
        value = self.value
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                raise self.fail(MOMENT) from None
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise self.fail(MOMENT)
        if value.second or value.microsecond:
            raise self.fail("a time at a whole minute")
        if value.year not in YEARS:
            raise self.fail(f"a time in the years {YEARS.start} to {YEARS.stop - 1}")
        return value.astimezone(UTC)

    def zone(self) -> str:
        """Return the name of a time zone that this machine knows."""
        try:
            ZoneInfo(self.text())
        except (KeyError, ValueError, OSError):
            raise self.fail("a time zone like Asia/Seoul") from None
        return self.text()

    def _spot(self, key: str | int) -> Spot:
        return self.spot.items.get(key, self.spot)

    def _at(self, key: object) -> str:
        return f"{self.path}.{key}" if self.path else str(key)
