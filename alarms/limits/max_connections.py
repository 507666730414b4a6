"""max_connections: how many connections an Aurora PostgreSQL instance accepts.

A declared or configured number is taken as it is. Otherwise it is AWS's default for the class or the capacity range
(Aurora user guide, "Maximum connections" and "Capacity for Aurora Serverless v2"). The published formula over the class's
nominal memory promises more than there is, 3.5 to 16 %, so that an alarm on 90 % of it might never ring: it is used only for
a class that no table has, times 0.9, and says so.
"""

from __future__ import annotations

import re
from decimal import Decimal

from alarms.limits import Known, Resolved, Unresolved
from alarms.settings import Database

DIMENSION = "DBInstanceIdentifier"

MOST = 5000  # AWS's default never passes it
BY_CLASS = {
    "db.t3.medium": 420,
    "db.t4g.medium": 405,
    "db.t3.large": 844,
    "db.t4g.large": 844,
    "db.r5.large": 1600,
    "db.r5.xlarge": 3300,
    "db.r6g.large": 1722,
    "db.r6g.xlarge": 3479,
    "db.x2g.large": 3479,
}
BY_MAX_ACU = ((1, 189), (4, 823), (8, 1669), (16, 3360), (32, MOST))
LOW_MINIMUM_ACU, LOW_MINIMUM_MOST = 0.5, 2000  # a minimum of 0 or 0.5 ACU caps PostgreSQL
BYTES_PER_CONNECTION = 9531392  # the divisor of AWS's formula
NOMINAL_SHARE = Decimal("0.9")
_FROM_2XLARGE = re.compile(r"db\.[a-z0-9]+\.([0-9]+)xlarge")
_MEMORY_OPTIMISED = re.compile(r"db\.r[0-9]+[a-z]*\.(large|xlarge)")
_NOMINAL_GIB = {"large": 16, "xlarge": 32}


def resolve(identifier: str, known: Known) -> Resolved:
    """Return the maximum of connections of the instance ``identifier``; raises Unresolved with what to declare."""
    database = known.database(identifier)
    if database is None:
        raise Unresolved(
            f"max_connections of {identifier} is not known",
            f"declare `databases: {{{identifier}: {{class: db.r6g.large}}}}` in tocsin.yaml, "
            "or {max_acu: 16, min_acu: 0.5}, or {max_connections: 500}",
        )
    if database.max_connections is not None:
        return Resolved(Decimal(database.max_connections), "configured")
    if database.max_acu is not None:
        return _by_capacity(database.max_acu, database.min_acu)
    return _by_class(identifier, database)


def _by_capacity(most: float, least: float | None) -> Resolved:
    """Aurora Serverless v2: by the maximum capacity; between the published steps on the line that joins them."""
    value, estimated = _on_the_line(most)
    if least is None or least <= LOW_MINIMUM_ACU:
        value = min(value, LOW_MINIMUM_MOST)
    how = f"Aurora Serverless v2 with at most {most:g} ACU"
    return Resolved(Decimal(value), f"{how}; max_connections is estimated as {value}" if estimated else how, estimated)


def _on_the_line(most: float) -> tuple[int, bool]:
    steps = dict(BY_MAX_ACU)
    if most >= BY_MAX_ACU[-1][0]:
        return MOST, False
    if most in steps:
        return steps[int(most)], False
    lower = max((step for step in BY_MAX_ACU if step[0] < most), default=(0, 0))
    upper = min(step for step in BY_MAX_ACU if step[0] > most)
    return int(lower[1] + (upper[1] - lower[1]) * (most - lower[0]) / (upper[0] - lower[0])), True


def _by_class(identifier: str, database: Database) -> Resolved:
    name = database.instance_class or ""
    if name in BY_CLASS:
        return Resolved(Decimal(BY_CLASS[name]), f"AWS's default for {name}")
    larger = _FROM_2XLARGE.fullmatch(name)
    if larger and int(larger[1]) >= 2:
        return Resolved(Decimal(MOST), f"AWS's default for {name}")
    memory = database.memory or _nominal(name)
    if memory is None:
        raise Unresolved(
            f"max_connections of {identifier} ({name or 'class unknown'}) is not known",
            f"declare `databases: {{{identifier}: {{max_connections: 500}}}}` in tocsin.yaml",
        )
    value = min(Decimal(memory) / BYTES_PER_CONNECTION, Decimal(MOST)) * NOMINAL_SHARE
    how = f"max_connections of {identifier} ({name}) is estimated as {int(value)}, from its memory: declare the real number"
    return Resolved(Decimal(int(value)), how, estimated=True)


def _nominal(name: str) -> int | None:
    match = _MEMORY_OPTIMISED.fullmatch(name)
    return _NOMINAL_GIB[match[1]] * 2**30 if match else None
