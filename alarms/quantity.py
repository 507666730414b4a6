"""Numbers with units as rows write them: ``15 m``, ``>= 2500 ms``, ``90 %``, ``128 TiB``, ``3 per hour``. Exact, by decimals."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from alarms.domain.alarm import Operator
from alarms.domain.bounds import Limit

_NUMBER = r"[0-9]{1,15}(?:\.[0-9]{1,9})?"
_DURATION = re.compile(rf"({_NUMBER}) ?([a-z]+)")
_QUANTITY = re.compile(rf"(-?{_NUMBER})(?: ?([A-Za-z%/]+))?")
_WHEN = re.compile(rf"(>=|<=|>|<) ?(-?{_NUMBER})(?: ?([A-Za-z%/]+))?(?: of ([a-z][a-z0-9_]*))?")
_LIMIT = re.compile(r"([0-9]{1,6}) per (?:([0-9]{1,6}) ?)?([a-z]+)")
_DATAPOINTS = re.compile(r"([0-9]{1,5}) of ([0-9]{1,5})")

_SECONDS = {"s": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hour": 3600, "d": 86400, "day": 86400}
_DURATION_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
MAX_DURATION_S = 366 * 86400

# CloudWatch's StandardUnit -> (family, how many of the family's base it is, how rows write it).
STANDARD: dict[str, tuple[str, Decimal, str]] = {
    "Seconds": ("time", Decimal(1), "s"),
    "Milliseconds": ("time", Decimal("0.001"), "ms"),
    "Microseconds": ("time", Decimal("0.000001"), "us"),
    "Bytes": ("size", Decimal(1), "B"),
    "Kilobytes": ("size", Decimal(1000), "KB"),
    "Megabytes": ("size", Decimal(10**6), "MB"),
    "Gigabytes": ("size", Decimal(10**9), "GB"),
    "Terabytes": ("size", Decimal(10**12), "TB"),
    "Bytes/Second": ("rate", Decimal(1), "B/s"),
    "Percent": ("share", Decimal(1), "%"),
    "Count": ("count", Decimal(1), ""),
    "Count/Second": ("frequency", Decimal(1), "/s"),
    "None": ("count", Decimal(1), ""),
}
FRACTION = ("share", Decimal(100), "%")  # a metric from 0 to 1, whose 0.05 people read as 5 %

# What rows may write -> (family, how many of the family's base).
WRITTEN: dict[str, tuple[str, Decimal]] = {
    "us": ("time", Decimal("0.000001")),
    "ms": ("time", Decimal("0.001")),
    "s": ("time", Decimal(1)),
    "m": ("time", Decimal(60)),
    "min": ("time", Decimal(60)),
    "h": ("time", Decimal(3600)),
    "d": ("time", Decimal(86400)),
    "B": ("size", Decimal(1)),
    "KB": ("size", Decimal(1000)),
    "MB": ("size", Decimal(10**6)),
    "GB": ("size", Decimal(10**9)),
    "TB": ("size", Decimal(10**12)),
    "KiB": ("size", Decimal(2**10)),
    "MiB": ("size", Decimal(2**20)),
    "GiB": ("size", Decimal(2**30)),
    "TiB": ("size", Decimal(2**40)),
    "B/s": ("rate", Decimal(1)),
    "KiB/s": ("rate", Decimal(2**10)),
    "MiB/s": ("rate", Decimal(2**20)),
    "MB/s": ("rate", Decimal(10**6)),
    "%": ("share", Decimal(1)),
    "fraction": ("share", Decimal(100)),
    "/s": ("frequency", Decimal(1)),
    "": ("count", Decimal(1)),
}


@dataclass(frozen=True, slots=True)
class When:
    """A condition as written: ``>= 600 s``, ``> 90 % of max_connections``. ``of`` is empty without ``of …``."""

    operator: Operator
    value: Decimal
    unit: str
    of: str = ""

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.operator.sign} {plain(self.value)}{unit}" + (f" of {self.of}" if self.of else "")


@dataclass(frozen=True, slots=True)
class Window:
    """How long a condition must hold: ``datapoints`` of the last ``periods`` periods of ``period_s`` seconds."""

    period_s: int
    datapoints: int
    periods: int

    def __str__(self) -> str:
        whole = self.datapoints == self.periods
        return (
            duration_text(self.period_s * self.periods)
            if whole and self.period_s == 60
            else (f"{self.datapoints} of {self.periods} periods of {duration_text(self.period_s)}")
        )


def plain(value: Decimal) -> str:
    """Write a number without exponent and without trailing zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def parse_duration(text: str) -> int:
    """Return the seconds of ``15 m``, ``90 s``, ``1.5 h``, ``2 d``; ValueError says what is wrong."""
    match = _DURATION.fullmatch(text.strip())
    unit = match[2] if match else ""
    factor = _SECONDS.get(unit) or (_SECONDS.get(unit[:-1]) if unit.endswith("s") and len(unit) > 4 else None)
    if match is None or factor is None:
        raise ValueError(f"{text!r} is not a duration: write a number and s, m, h or d, as in `15 m`")
    seconds = Decimal(match[1]) * factor
    if seconds != int(seconds) or not 1 <= seconds <= MAX_DURATION_S:
        raise ValueError(f"{text!r} is not a whole number of seconds from 1 s to 366 d")
    return int(seconds)


def duration_text(seconds: int) -> str:
    """Write ``seconds`` in its largest whole unit: 900 is ``15 m``; the inverse of ``parse_duration``."""
    for unit, factor in _DURATION_UNITS:
        if seconds >= factor and seconds % factor == 0:
            return f"{seconds // factor} {unit}"
    return f"{seconds} s"


def parse_quantity(text: str) -> tuple[Decimal, str]:
    """Return the number and the unit (empty when none) of ``128 TiB``, ``25 %``, ``20``; ValueError when it is neither."""
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a number with a unit, as in `128 TiB`")
    return _decimal(match[1]), match[2] or ""


def parse_size(text: str) -> int:
    """Return the bytes of ``128 TiB``; ValueError says what is wrong."""
    value, unit = parse_quantity(text)
    family, factor = WRITTEN.get(unit, ("", Decimal(0)))
    if family != "size" or value <= 0:
        raise ValueError(f"{text!r} is not a size: write a number and B, KiB, MiB, GiB or TiB, as in `128 TiB`")
    return int(value * factor)


def parse_percent(text: str) -> float:
    """Return 25.0 for ``25 %``; ValueError says what is wrong."""
    value, unit = parse_quantity(text)
    if unit != "%" or value <= 0:
        raise ValueError(f"{text!r} is not a percentage above 0: write `25 %`")
    return float(value)


def parse_when(text: str) -> When:
    """Return the condition of ``>= 600 s``; ValueError says what is wrong."""
    match = _WHEN.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a condition: write a sign (>=, >, <, <=), a number and a unit, as in `>= 600 s`")
    return When(Operator.from_sign(match[1]), _decimal(match[2]), match[3] or "", match[4] or "")


def parse_limit(text: str) -> Limit:
    """Return the limit of ``3 per hour``, ``10 per day``, ``2 per 30 m``; ValueError says what is wrong."""
    match = _LIMIT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a limit: write `3 per hour`, `10 per day` or `2 per 30 m`")
    if int(match[1]) < 1:
        raise ValueError(f"{text!r} allows nothing and does not mean unlimited: write at least 1, or mode observe")
    return Limit(int(match[1]), parse_duration(f"{match[2] or 1} {match[3]}"))


def parse_datapoints(text: str) -> tuple[int, int]:
    """Return (3, 5) for ``3 of 5``; ValueError says what is wrong."""
    match = _DATAPOINTS.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not `M of N`, as in `3 of 5`")
    count, periods = int(match[1]), int(match[2])
    if not 1 <= count <= periods:
        raise ValueError(f"{text!r} can never hold: at least 1 and at most {periods} of {periods} datapoints can breach")
    return count, periods


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a number") from None
