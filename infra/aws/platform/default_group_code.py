"""The function that empties a VPC's default security group. Its text is deployed as it stands: at most 4,096 characters."""

from __future__ import annotations

import json
import urllib.request
from typing import Any


def handler(event: dict[str, Any], _context: object) -> None:
    """Answer CloudFormation after a create or an update; a delete leaves the group closed."""
    import boto3

    reason = ""
    try:
        if event["RequestType"] != "Delete":
            close(boto3.client("ec2"), event["ResourceProperties"]["Group"])
    except Exception as error:  # noqa: BLE001 - whatever it is, CloudFormation waits an hour for an answer
        reason = str(error)[:1000]
    answer(event, reason)


def close(ec2: Any, group: str) -> None:
    """Take every rule out of ``group``."""
    asked = [{"Name": "group-id", "Values": [group]}]
    pages = ec2.get_paginator("describe_security_group_rules").paginate(Filters=asked)
    rules = [rule for page in pages for rule in page["SecurityGroupRules"]]
    for outward, revoke in ((False, ec2.revoke_security_group_ingress), (True, ec2.revoke_security_group_egress)):
        ids = [rule["SecurityGroupRuleId"] for rule in rules if rule["IsEgress"] is outward]
        if ids:
            revoke(GroupId=group, SecurityGroupRuleIds=ids)


def answer(event: dict[str, Any], reason: str) -> None:
    """Tell CloudFormation how it went, at the address that it gave."""
    said = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    said |= {"Status": "FAILED" if reason else "SUCCESS", "Reason": reason, "PhysicalResourceId": "default-group"}
    body = json.dumps(said).encode()
    urllib.request.urlopen(urllib.request.Request(event["ResponseURL"], body, {"Content-Type": ""}, method="PUT"), timeout=10)  # noqa: S310 - CloudFormation's own address
