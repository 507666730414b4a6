"""From pydantic's errors to findings with file, line, column, and what would be right."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from alarms.kind import did_you_mean, nearest
from alarms.problem import Level, Problem
from alarms.schema.fields import LIST_OF, MAP_OF
from alarms.yaml_door import MAX_PROBLEMS, Spot

CHECK = "schema"
KEY = "[key]"  # the last step of pydantic's path when it is the key that is wrong
_TYPES = {
    "dict_type": "a map (key: value) is expected here",
    "model_type": "a map (key: value) is expected here",
    "model_attributes_type": "a map (key: value) is expected here",
    "list_type": "a list is expected here",
}

Path = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)


# Words of other tools, and keys that live deeper: (which key is meant, what to write).
_MEANT = {
    "datapoints": ("for", "write `for: {period: 60 s, datapoints: 3 of 5}`"),
    "period": ("for", "write `for: {period: 60 s, datapoints: 3 of 5}`"),
    "threshold": ("when", 'write `when: ">= 600 s"`'),
    "treat_missing_data": ("missing", "write `missing: not_breaching`"),
    "channel": ("notify", "write `notify: ops-alerts`"),
    "approvers": (
        "mode_cap",
        "who may approve stands in the parameter /<prefix>/<stage>/approvers, where no pull request can change it",
    ),
    "discover": ("targets", "name the resources in `targets`: they are not discovered by tags yet"),
    "name": ("id", "write `id: oldest-message-age`"),
}


def validate(model: type[Model], value: Any, spot: Spot, row: str = "") -> tuple[Model | None, list[Problem]]:
    """Return the validated model, or every problem in ``value``, each at its place."""
    try:
        return model.model_validate(value), []
    except ValidationError as error:
        items: list[Any] = [{**item, "loc": _path(item["loc"])} for item in error.errors(include_url=False)]
        more = len(items) - MAX_PROBLEMS
        items = items[:MAX_PROBLEMS]
        meant = {(*item["loc"][:-1], _meant(model, item["loc"])[0]) for item in items if item["type"] == "extra_forbidden"}
        kept = [item for item in items if item["type"] != "missing" or item["loc"] not in meant]
        problems = [_problem(item, model, spot, row) for item in kept]
        if more > 0:
            problems.append(Problem(spot.place, Level.ERROR, CHECK, row, f"{more} more problems of this kind are not listed"))
        return None, problems


def _path(location: Path) -> Path:
    """Return the keys and indices of an error's location, without the names of shapes that pydantic puts between them."""
    return tuple(step for step in location if step not in (LIST_OF, MAP_OF))


def _meant(model: type[BaseModel], path: Path) -> tuple[str, str]:
    """Return which key was meant by the unknown one at ``path`` (empty: none is near), and what to say of it."""
    word, keys = str(path[-1]), _keys_beside(model, path)
    if word in _MEANT and _MEANT[word][0] in keys:
        return _MEANT[word]
    return nearest(word, keys), did_you_mean(word, keys)


def _problem(item: Any, model: type[BaseModel], spot: Spot, row: str) -> Problem:
    path: Path = item["loc"]
    kind: str = item["type"]
    here = spot.at(path)
    if kind == "extra_forbidden":
        return Problem(
            here.named, Level.ERROR, CHECK, row, f"there is no key {path[-1]!r}{_inside(path)}", fix=_meant(model, path)[1]
        )
    if kind == "missing":
        return Problem(here.named, Level.ERROR, CHECK, row, f"{path[-1]!r} is missing{_inside(path)}")
    text = _TYPES.get(kind) or item["msg"].removeprefix("Value error, ")
    summary, _, fix = text.partition("; ")
    key = next((step for step in reversed(path) if isinstance(step, str) and step != KEY), "")
    place = here.named if path and path[-1] == KEY else here.place
    return Problem(place, Level.ERROR, CHECK, row, f"{key}: {summary}" if key else summary, fix=fix)


def _inside(path: Path) -> str:
    outer = [step for step in path[:-1] if isinstance(step, str)]
    return f" in {outer[-1]!r}" if outer else ""


def _keys_beside(model: type[BaseModel], path: Path) -> list[str]:
    """Return the keys that are allowed where the last step of ``path`` stands."""
    here: Any = model
    for step in path[:-1]:
        here = _below(here, step)
    if not (isinstance(here, type) and issubclass(here, BaseModel)):
        return []
    return [*(field.alias or name for name, field in here.model_fields.items()), *getattr(here, "ALSO", ())]


def _below(annotation: Any, step: str | int) -> Any:
    """Return the type of what stands under ``step`` in a value of the type ``annotation``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields.items()
        return next((_optional(field.annotation) for name, field in fields if (field.alias or name) == step), None)
    arguments = getattr(annotation, "__args__", None)
    return _optional(arguments[-1]) if arguments else None


def _optional(annotation: Any) -> Any:
    """Return ``X`` of ``X | None``."""
    arguments = [item for item in getattr(annotation, "__args__", ()) if item is not type(None)]
    return arguments[0] if type(None) in getattr(annotation, "__args__", ()) and arguments else annotation
