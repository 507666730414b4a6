"""Dashboards as one CloudFormation template, for platforms that deploy everything as stacks."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

from alarms.cloudformation import MOST_BYTES, MOST_RESOURCES, literal
from alarms.dashboards.compile import Dashboard
from alarms.domain.errors import Refused


def template(made: Sequence[Dashboard]) -> dict[str, Any]:
    """Return the template that makes ``made``. Raises Refused when there are none, or more than one stack holds."""
    if not made:
        raise Refused("there are no dashboards to export, and CloudFormation takes no empty template")
    body = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "CloudWatch dashboards compiled from a tocsin catalogue",
        "Resources": {
            _logical_id(one.name): {
                "Type": "AWS::CloudWatch::Dashboard",
                "Properties": {"DashboardName": one.name, "DashboardBody": literal(one.text)},
            }
            for one in made
        },
    }
    size = len(json.dumps(body, ensure_ascii=False).encode())
    if size > MOST_BYTES or len(made) > MOST_RESOURCES:
        raise Refused(
            f"{len(made)} dashboards of {size} bytes do not fit one stack ({MOST_RESOURCES} resources, {MOST_BYTES} bytes): "
            "export parts of the catalogue by PATH, or use `tocsin dashboards --put`"
        )
    return body


def _logical_id(name: str) -> str:
    words = "".join(word[:1].upper() + word[1:] for word in re.findall(r"[A-Za-z0-9]+", name))[:200]
    return f"{words}{hashlib.sha256(name.encode()).hexdigest()[:8]}"
