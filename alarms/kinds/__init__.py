"""One file per alarm shape: a frozen dataclass with ``KIND``, its fields, an example in its docstring, ``compile``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any

DEFAULT = "threshold"


@cache
def kinds() -> Mapping[str, type[Any]]:
    """Return every kind's class by its name, found in this package's files; a file holds exactly one."""
    found = (_only_kind(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
    return {kind.KIND: kind for kind in found}


def _only_kind(module_name: str) -> type[Any]:
    module = importlib.import_module(module_name)
    classes = [value for value in vars(module).values() if isinstance(value, type) and value.__module__ == module_name]
    found = [value for value in classes if hasattr(value, "KIND")]
    if len(found) != 1:
        raise TypeError(f"{module_name} holds {len(found)} kinds; a file in alarms/kinds holds exactly one")
    return found[0]
