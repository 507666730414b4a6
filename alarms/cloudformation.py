"""The desired alarms as one CloudFormation template, for platforms that deploy everything as stacks.

A template knows none of `apply`'s guards (drift, holds, foreign alarms): a stage is deployed by one or the other. [adr/0002]
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from alarms.composites import references
from alarms.desired import Desired
from alarms.domain.errors import Refused

# AWS CloudFormation quotas: resources in one template, and its size when it is passed by S3.
MOST_RESOURCES = 500
MOST_BYTES = 1_000_000

_TYPES = {"PutMetricAlarm": "AWS::CloudWatch::Alarm", "PutCompositeAlarm": "AWS::CloudWatch::CompositeAlarm"}
_DYNAMIC_REFERENCE = re.compile(r"\{\{\s*resolve:", re.IGNORECASE)


def template(desired: Sequence[Desired]) -> dict[str, Any]:
    """Return the template that makes ``desired``, the same for the same alarms in any order.

    Raises Refused, in one line, when there is nothing to make, when it exceeds what one stack may hold, or when a text
    would mean something to CloudFormation that it does not mean here.
    """
    _refuse_what_no_stack_holds(desired)
    ids = {item.name: logical_id(item) for item in desired}
    resources = {ids[item.name]: _resource(item, ids) for item in sorted(desired, key=lambda item: ids[item.name])}
    body = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": literal(f"CloudWatch alarms of the catalogue {desired[0].alarm.catalogue}, {desired[0].alarm.stage}"),
        "Resources": resources,
    }
    size = len(json.dumps(body, ensure_ascii=False).encode())
    if size > MOST_BYTES:
        raise Refused(f"the template has {size} bytes, CloudFormation takes {MOST_BYTES}: export a part of the catalogue by PATH")
    return body


def logical_id(desired: Desired) -> str:
    """Return a name that is the alarm's own for as long as the alarm's name is: words of the row, then a digest of the name."""
    words = re.findall(r"[A-Za-z0-9]+", desired.alarm.row)
    readable = "".join(word[:1].upper() + word[1:] for word in words)[:200]
    return f"{readable or 'Alarm'}{hashlib.sha256(desired.name.encode()).hexdigest()[:10]}"


def _refuse_what_no_stack_holds(desired: Sequence[Desired]) -> None:
    if not desired:
        raise Refused("there are no alarms to export, and CloudFormation takes no empty template")
    if len(desired) > MOST_RESOURCES:
        raise Refused(
            f"{len(desired)} alarms do not fit one stack, which holds {MOST_RESOURCES} resources: "
            "export parts of the catalogue by PATH, or use `tocsin apply`, which has no such limit"
        )
    names = [item.name for item in desired]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Refused(f"two alarms are called {twice[0]}: nothing can be deployed under one name twice")


def _resource(desired: Desired, ids: Mapping[str, str]) -> dict[str, Any]:
    resource: dict[str, Any] = {"Type": _TYPES[desired.operation]}
    if children := sorted(ids[name] for name in references(desired.request) if name in ids):
        resource["DependsOn"] = children
    # CloudFormation takes no tag without a value.
    tags = [{"Key": key, "Value": value} for key, value in sorted(desired.tags.items()) if value]
    return resource | {"Properties": literal({**desired.request, "Tags": tags} if tags else dict(desired.request))}


def literal(value: Any) -> Any:
    """Return ``value`` so that CloudFormation reads every text in it as it stands; raises Refused where it cannot."""
    if isinstance(value, Mapping):
        return {key: literal(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [literal(item) for item in value]
    return _text(value) if isinstance(value, str) else value


def _text(value: str) -> Any:
    if _DYNAMIC_REFERENCE.search(value):
        raise Refused(
            f"CloudFormation would replace {{{{resolve:…}}}} in {value[:60]!r}: write it differently, or use `tocsin apply`"
        )
    if "${" not in value:
        return value
    # A `${` that is no variable: cut in two, so that nothing takes it for one.
    first, *rest = value.split("${")
    parts = [first + "$", *("{" + part + "$" for part in rest[:-1]), "{" + rest[-1]]
    return {"Fn::Join": ["", parts]}
