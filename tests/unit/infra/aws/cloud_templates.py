"""Reads CloudFormation templates in tests: what stands in them, not how CDK names it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Template = Mapping[str, Any]


def properties(template: Template, kind: str) -> dict[str, Any]:
    """Return the properties of all resources of ``kind`` (``AWS::SQS::Queue``) by logical id."""
    found = template["Resources"].items()
    return {key: item.get("Properties", {}) for key, item in found if item["Type"] == kind}


def only(template: Template, kind: str, **wanted: object) -> dict[str, Any]:
    """Return the properties of the one resource of ``kind`` whose members have the ``wanted`` values."""
    fitting = [
        item for item in properties(template, kind).values() if all(item.get(key) == value for key, value in wanted.items())
    ]
    assert len(fitting) == 1, f"{len(fitting)} of {kind} with {wanted}"
    found: dict[str, Any] = fitting[0]
    return found


def statements(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a policy's statements, with actions as lists."""
    return [{**item, "Action": listed(item["Action"])} for item in listed(document["Statement"])]


def listed(value: Any) -> list[Any]:
    """Return one value or many as a list."""
    return value if isinstance(value, list) else [value]


def refers(value: Any) -> set[str]:
    """Return the logical ids and exported names that a value refers to."""
    return set(_refers(value))


def text(value: Any) -> str:
    """Return a value with what is known only after deployment as ``{Name}``: ``image-{AWS::AccountId}``."""
    if isinstance(value, Mapping):
        (how, what), *_ = value.items()
        if how == "Fn::Join":
            return str(what[0]).join(text(part) for part in what[1])
        return "{" + ".".join(str(part) for part in listed(what)) + "}"
    return str(value)


def _refers(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "Ref":
                yield inner
            elif key == "Fn::GetAtt":
                yield listed(inner)[0]
            elif key == "Fn::ImportValue":
                yield text(inner)
            else:
                yield from _refers(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _refers(inner)
