"""The checks of a deployment: one a file, found by being there, asked in the order of their names."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

from alarms.domain.errors import CannotRun
from infra.doctor.check import Check


@cache
def checks() -> Mapping[str, Check]:
    """Return every check by name, sorted. CannotRun when a file in this folder holds no ``CHECK``."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name.replace("_", "-"): _load(name) for name in names}


def _load(name: str) -> Check:
    check = getattr(importlib.import_module(f"{__name__}.{name}"), "CHECK", None)
    if not isinstance(check, Check):
        raise CannotRun(f"infra/doctor/checks/{name}.py holds no CHECK")
    return check
