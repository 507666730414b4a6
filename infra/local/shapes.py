"""Checks a value against a botocore shape, with what botocore's own validator skips: patterns, maxima, enums, types of answers.

Each shape is compiled once into a function and kept; checking is then a walk over the value only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

# check(value, path, problems): appends one line per finding
Check = Callable[[Any, str, list[str]], None]

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "character": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (float, int),
    "double": (float, int),
    "timestamp": (datetime,),
    "blob": (bytes, bytearray),
}
# A request may give times as text or numbers and bytes as text: botocore converts them.
_LOOSE = {"timestamp": (datetime, str, int, float), "blob": (bytes, bytearray, str)}

# Classes that the models write for another engine, in Python's words.
_DIALECT = (
    (r"\uD800\uDC00-\uDBFF\uDFFF", "\U00010000-\U0010ffff"),
    (r"\p{Print}", r"[\x20-\x7e]"),
    (r"\p{L}\p{Z}\p{N}_", r"\w\s"),
)


class ShapeChecker:
    """Finds in a request or answer what its service model forbids."""

    def __init__(self) -> None:
        self._checks: dict[tuple[str, str, bool], Check] = {}
        self._service = ""

    def request(self, params: Mapping[str, Any], operation: OperationModel) -> list[str]:
        """Return what is wrong with a request's members, one line each; empty when all is right."""
        return self._problems(params, operation, operation.input_shape, strict=False)

    def response(self, answer: Mapping[str, Any], operation: OperationModel) -> list[str]:
        """Return what is wrong with an answer (its ResponseMetadata aside)."""
        answer = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
        return self._problems(answer, operation, operation.output_shape, strict=True)

    def _problems(self, value: Mapping[str, Any], operation: OperationModel, shape: Shape | None, *, strict: bool) -> list[str]:
        if shape is None:
            return [f"no members are allowed, got {sorted(value)}"] if value else []
        self._service = operation.service_model.service_name
        problems: list[str] = []
        self._check(shape, strict)(value, "", problems)
        return problems

    def _check(self, shape: Shape, strict: bool) -> Check:
        """Return the shape's check, compiled once a service: clients have shape objects of their own and share the names."""
        key = (self._service, shape.name, strict)
        if key not in self._checks:

            def later(value: Any, path: str, problems: list[str]) -> None:
                """Stand in while the shape is compiled: it may hold itself."""
                self._checks[key](value, path, problems)

            self._checks[key] = later
            self._checks[key] = self._compile(shape, strict)
        return self._checks[key]

    def _compile(self, shape: Shape, strict: bool) -> Check:
        if isinstance(shape, StructureShape):
            return self._structure(shape, strict)
        if isinstance(shape, ListShape):
            return self._list(shape, strict)
        if isinstance(shape, MapShape):
            return self._map(shape, strict)
        return _scalar(shape, strict)

    def _structure(self, shape: StructureShape, strict: bool) -> Check:
        if shape.is_document_type:
            return _anything
        members = {name: self._check(member, strict) for name, member in shape.members.items()}
        required = tuple(shape.required_members)
        union = bool(getattr(shape, "is_tagged_union", False))

        def check(value: Any, path: str, problems: list[str]) -> None:
            if not isinstance(value, Mapping):
                problems.append(f"{path or 'value'} must be a structure, not {type(value).__name__}")
                return
            problems.extend(f"{path}.{name} is required" for name in required if name not in value)
            if union and len(value) != 1:
                problems.append(f"{path} must have exactly one member")
            for name, item in value.items():
                member = members.get(name)
                if member is None:
                    problems.append(f"{path}.{name} is not a member of {shape.name}")
                elif item is not None or strict:
                    member(item, f"{path}.{name}", problems)

        return check

    def _list(self, shape: ListShape, strict: bool) -> Check:
        member = self._check(shape.member, strict)
        bounds = _bounds(shape)

        def check(value: Any, path: str, problems: list[str]) -> None:
            if not isinstance(value, (list, tuple)):
                problems.append(f"{path} must be a list, not {type(value).__name__}")
                return
            bounds(len(value), path, "items", problems)
            for index, item in enumerate(value):
                member(item, f"{path}[{index}]", problems)

        return check

    def _map(self, shape: MapShape, strict: bool) -> Check:
        key_check, value_check = self._check(shape.key, strict), self._check(shape.value, strict)
        bounds = _bounds(shape)

        def check(value: Any, path: str, problems: list[str]) -> None:
            if not isinstance(value, Mapping):
                problems.append(f"{path} must be a map, not {type(value).__name__}")
                return
            bounds(len(value), path, "entries", problems)
            for key, item in value.items():
                key_check(key, f"{path} key {key!r}", problems)
                value_check(item, f"{path}.{key}", problems)

        return check


def _anything(_value: Any, _path: str, _problems: list[str]) -> None:
    """Find nothing: the shape is any JSON document."""


def _scalar(shape: Shape, strict: bool) -> Check:
    types = _TYPES.get(shape.type_name, (object,))
    if not strict:
        types = _LOOSE.get(shape.type_name, types)
    refuse_bool = bool not in types and object not in types
    limits = _limits(shape)

    def check(value: Any, path: str, problems: list[str]) -> None:
        if not isinstance(value, types) or (refuse_bool and isinstance(value, bool)):
            problems.append(f"{path} must be a {shape.type_name}, not {type(value).__name__}")
        elif limits is not None:
            limits(value, path, problems)

    return check


def _limits(shape: Shape) -> Check | None:
    if shape.type_name == "string":
        return _text_limits(shape)
    if shape.type_name in ("integer", "long", "float", "double") and ("min" in shape.metadata or "max" in shape.metadata):
        bounds = _bounds(shape)
        return lambda value, path, problems: bounds(value, path, "", problems)
    return None


def _text_limits(shape: Shape) -> Check | None:
    bounds, enum, pattern = _bounds(shape), frozenset(getattr(shape, "enum", ()) or ()), _pattern(shape)
    if not enum and pattern is None and not {"min", "max"} & shape.metadata.keys():
        return None

    def check(value: Any, path: str, problems: list[str]) -> None:
        bounds(len(value), path, "characters", problems)
        if enum and value not in enum:
            problems.append(f"{path} is {value!r}, not one of {sorted(enum)}")
        if pattern is not None and not pattern.fullmatch(value):
            problems.append(f"{path} is {value!r}, which does not match {pattern.pattern}")

    return check


def _pattern(shape: Shape) -> re.Pattern[str] | None:
    """Return the shape's pattern in Python's dialect; None when it has none or it is written for another engine."""
    text = str(shape.metadata.get("pattern") or "")
    if not text:
        return None
    for foreign, own in _DIALECT:
        text = text.replace(foreign, own)
    try:
        return re.compile(text, re.DOTALL)
    except re.error:
        return None


def _bounds(shape: Shape) -> Callable[[float, str, str, list[str]], None]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")

    def check(size: float, path: str, what: str, problems: list[str]) -> None:
        if low is not None and size < low:
            problems.append(f"{path} has {size:g} {what}, fewer than {low}" if what else f"{path} is {size:g}, less than {low}")
        if high is not None and size > high:
            problems.append(f"{path} has {size:g} {what}, more than {high}" if what else f"{path} is {size:g}, more than {high}")

    return check
