"""Rows that stand alone: the products of their dimensions, and the component they are of when they do not say."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Any

MAX_TARGETS = 10_000  # of one row
_COMPONENTS = {
    "AWS/ApplicationELB": "alb",
    "AWS/ApiGateway": "api-gateway",
    "ECS/ContainerInsights": "ecs",
}


def products(dimensions: Mapping[str, str], for_each: Any) -> list[Mapping[str, str]]:
    """Return the dimensions of each alarm: those of ``for_each``, a list or {name: values}, each joined with ``dimensions``.

    ValueError when the product is larger than MAX_TARGETS.
    """
    if for_each is None:
        return [dimensions] if dimensions else []
    if isinstance(for_each, list):
        return [{**dimensions, **one} for one in for_each if one or dimensions]
    size = 1
    for values in for_each.values():
        size *= len(values)
    if size > MAX_TARGETS:
        raise ValueError(f"for_each makes {size} alarms of one row; at most {MAX_TARGETS}: split it")
    if not size:
        return []
    combinations = itertools.product(*for_each.values())
    return [{**dimensions, **dict(zip(for_each, values, strict=True))} for values in combinations]


def component_of(row: Mapping[str, Any]) -> str | None:
    """Return the component that a row's metric is of (``AWS/SQS`` is ``sqs``), None when it has no readable metric."""
    text = next((value for key in ("metric", "of", "desired") if isinstance(value := row.get(key), str)), "")
    namespace = text.split(" ")[0]
    if not namespace:
        return None
    if namespace in _COMPONENTS:
        return _COMPONENTS[namespace]
    slug = re.sub(r"[^a-z0-9]+", "-", namespace.rsplit("/", 1)[-1].lower()).strip("-")
    return slug[:48] or None
