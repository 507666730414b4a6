"""From pydantic's errors to findings with file, line, column, and what would be right."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from alarms.kind import did_you_mean
from alarms.problem import Level, Problem
from alarms.yaml_door import Spot

CHECK = "schema"
_TYPES = {
    "dict_type": "a map (key: value) is expected here",
    "model_type": "a map (key: value) is expected here",
    "model_attributes_type": "a map (key: value) is expected here",
    "list_type": "a list is expected here",
}

Path = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)


def validate(model: type[Model], value: Any, spot: Spot, row: str = "") -> tuple[Model | None, list[Problem]]:
    """Return the validated model, or every problem in ``value``, each at its place."""
    try:
        return model.model_validate(value), []
    except ValidationError as error:
        return None, [_problem(item, model, spot, row) for item in error.errors(include_url=False)]


def _problem(item: Any, model: type[BaseModel], spot: Spot, row: str) -> Problem:
    path: Path = item["loc"]
    kind: str = item["type"]
    here = spot.at(path)
    if kind == "extra_forbidden":
        keys = _keys_beside(model, path)
        return Problem(
            here.named,
            Level.ERROR,
            CHECK,
            row,
            f"there is no key {path[-1]!r}{_inside(path)}",
            fix=did_you_mean(str(path[-1]), keys),
        )
    if kind == "missing":
        return Problem(here.named, Level.ERROR, CHECK, row, f"{path[-1]!r} is missing{_inside(path)}")
    text = _TYPES.get(kind) or item["msg"].removeprefix("Value error, ")
    summary, _, fix = text.partition("; ")
    key = next((step for step in reversed(path) if isinstance(step, str) and step != "[key]"), "")
    return Problem(here.place, Level.ERROR, CHECK, row, f"{key}: {summary}" if key else summary, fix=fix)


def _inside(path: Path) -> str:
    outer = [step for step in path[:-1] if isinstance(step, str)]
    return f" in {outer[-1]!r}" if outer else ""


def _keys_beside(model: type[BaseModel], path: Path) -> list[str]:
    """Return the keys that are allowed where the last step of ``path`` stands."""
    here: Any = model
    for step in path[:-1]:
        if isinstance(step, str) and isinstance(here, type) and issubclass(here, BaseModel):
            here = _field_type(here, step)
        here = _inner(here)
    here = _inner(here)
    if not (isinstance(here, type) and issubclass(here, BaseModel)):
        return []
    return [field.alias or name for name, field in here.model_fields.items()]


def _field_type(model: type[BaseModel], key: str) -> Any:
    return next((field.annotation for name, field in model.model_fields.items() if (field.alias or name) == key), None)


def _inner(annotation: Any) -> Any:
    """Return the model inside ``list[Model]``, ``dict[str, Model]`` or ``Model | None``."""
    while getattr(annotation, "__args__", None):
        annotation = next((item for item in reversed(annotation.__args__) if item is not type(None)), None)
    return annotation
