"""What a diagnosis of a service may look at: what its alarms watch, and what it states beside them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from alarms.kind import did_you_mean

# What a service may state under `resources` though no profile watches it: component -> the keys of one resource.
STATED: Mapping[str, frozenset[str]] = {
    "logs": frozenset({"LogGroupName"}),
    "secrets": frozenset({"SecretId"}),
    "parameters": frozenset({"Name"}),
    "lambda": frozenset({"FunctionName"}),
    "waf": frozenset({"WebACL"}),
    "database": frozenset({"DBClusterIdentifier", "DatabaseSecret", "Database"}),
}
MAX_OF_COMPONENT = 20  # a row is one document of DynamoDB (400 KB), and a diagnosis has seconds
MAX_BYTES = 60_000

Resource = Mapping[str, str]
Resources = Mapping[str, tuple[Resource, ...]]


def chosen(stated: Mapping[str, Iterable[Resource]], watched: Mapping[str, Iterable[Resource]]) -> Resources:
    """Return what a row carries of a service's resources: each once, sorted, of each component at most MAX_OF_COMPONENT.

    What is stated goes before what is only watched; within either the order is the sorted one, so that a moved line changes
    no row. All together is at most MAX_BYTES long.
    """
    left = MAX_BYTES
    found: dict[str, tuple[Resource, ...]] = {}
    for component in sorted({*stated, *watched}):
        texts = [*_sorted(stated.get(component, ())), *_sorted(watched.get(component, ()))]
        kept: list[str] = []
        for text in dict.fromkeys(texts):
            if len(kept) < MAX_OF_COMPONENT and len(text) <= left:
                kept.append(text)
                left -= len(text)
        if kept:
            found[component] = tuple(json.loads(text) for text in sorted(kept))
    return found


def strange(component: str, resource: Resource, components: Iterable[str]) -> tuple[str, str] | None:
    """Return what is wrong with one stated resource and what would be right; None when nothing is.

    ``components`` are those that have a profile: of these any dimensions may be stated.
    """
    known = {*STATED, *components}
    if component not in known:
        return f"resources: there is no component {component!r}", did_you_mean(component, known)
    if not resource:
        return f"resources: an empty map names nothing of {component}", "name one, or remove the line"
    keys = STATED.get(component)
    if keys is not None and component not in components and set(resource) != keys:
        wanted = ", ".join(f"{key}: …" for key in sorted(keys))
        return f"resources: {component} is stated by {', '.join(sorted(keys))}", f"write `{{{wanted}}}`"
    return None


def _sorted(resources: Iterable[Resource]) -> list[str]:
    return sorted({json.dumps(dict(resource), sort_keys=True) for resource in resources})
