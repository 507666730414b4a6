"""What IAM has to know of a stage: the remediators' own policy, and for a hub and its spokes who may become whom. No CDK here.

A stage with its own pipeline needs one policy, for the role of its function. A spoke lends a role to its hub: that role's policy
is what the spoke's rows need and nothing of the engine's own, and its trust policy names one role of one account.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alarms.domain.regions import partition_of
from alarms.hub import role_name
from alarms.settings import Settings
from remediators.permissions.grants import Names
from remediators.permissions.policy_document import VERSION


def names_of(settings: Settings) -> Names:
    """Return where the pipeline of ``settings``' stage stands, and as whom it acts elsewhere."""
    return Names(
        settings.prefix,
        settings.stage,
        partition_of(settings.region),
        settings.region,
        settings.account,
        tuple(settings.spoke_roles.values()),
        is_spoke=settings.hub is not None,
    )


def role_of(settings: Settings) -> str:
    """Return the name of the role that acts in the stage's account: the function's own, or the one that a spoke lends."""
    if settings.hub is not None:
        return role_name(settings.prefix, settings.hub.stage, settings.region)
    return f"{settings.prefix}-{settings.stage}-remediators"


def trust(settings: Settings, external_id: Any = None) -> Mapping[str, Any] | None:
    """Return the trust policy of a spoke's role: the hub's remediators alone, with the external id; None without a hub.

    ``external_id`` stands in where the stage's own is filled in later, by a parameter of CloudFormation's.
    """
    hub = settings.hub
    if hub is None:
        return None
    function = f"arn:{partition_of(hub.region)}:iam::{hub.account}:role/{settings.prefix}-{hub.stage}-remediators"
    statement = {
        "Sid": "TheHubsRemediators",
        "Effect": "Allow",
        "Principal": {"AWS": function},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": external_id or hub.external_id}},
    }
    return {"Version": VERSION, "Statement": [statement]}
