"""botocore's data as a cold start reads it: without documentation, unpacked, endpoints of the used services only. Pure.

A client reads the whole model of its service and the endpoints of all services at start; three quarters of the first and nearly
all of the second are never used. What is left says the same: tests compare clients and their endpoints with botocore's own.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Collection, Mapping
from typing import Any

NOTE = (
    "Cut by tocsin's bundler for this function: service models without their documentation and not compressed, endpoints.json "
    "with the services of these folders only.\n"
)
NOTE_NAME = "botocore/data/CHANGES.txt"  # botocore's licence asks that changed files say so, and JSON has no comments
_DATA = re.compile(r"^botocore/data/([^/]+)/[^/]+/[^/]+\.json(\.gz)?$")
_MODEL = re.compile(r"^botocore/data/[^/]+/[^/]+/service-2\.json(\.gz)?$")
_ENDPOINTS = "botocore/data/endpoints.json"


def slim(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return botocore's ``files`` (name → content) with its data cut; all other files as they are."""
    slimmed: dict[str, bytes] = {}
    prefixes = {"sts"}
    for name, content in files.items():
        if not _DATA.match(name):
            slimmed[name] = content
            continue
        plain = gzip.decompress(content) if name.endswith(".gz") else content
        if _MODEL.match(name):
            model = undocumented(json.loads(plain))
            prefixes.add(model["metadata"]["endpointPrefix"])
            plain = _written(model)
        slimmed[name.removesuffix(".gz")] = plain
    if _ENDPOINTS in slimmed:
        slimmed[_ENDPOINTS] = _written(only(json.loads(slimmed[_ENDPOINTS]), prefixes))
        slimmed[NOTE_NAME] = NOTE.encode()
    return slimmed


def undocumented(value: Any) -> Any:
    """Return a service's model without its texts; a member that happens to be called ``documentation`` is no text, and stays."""
    if isinstance(value, dict):
        return {
            name: undocumented(item) for name, item in value.items() if not (name == "documentation" and isinstance(item, str))
        }
    return [undocumented(item) for item in value] if isinstance(value, list) else value


def only(endpoints: Mapping[str, Any], prefixes: Collection[str]) -> dict[str, Any]:
    """Return botocore's endpoints with the services of ``prefixes`` only; partitions, Regions and defaults stay."""
    partitions = [
        {**partition, "services": {name: service for name, service in partition["services"].items() if name in prefixes}}
        for partition in endpoints["partitions"]
    ]
    return {**endpoints, "partitions": partitions}


def _written(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
