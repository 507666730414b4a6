"""Slack's secret, and who may approve: what people fill in, and what a deploy must not take back from them.

The live switch is not here on purpose. CloudFormation writes a parameter's value again whenever anything else of the parameter
changes, so a deploy could release an automation that somebody had just stopped. Without the parameter the remediators only
observe; `tocsin pause` makes it, and docs/deploying.md says how a stage is allowed more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.aws.findings import accept
from infra.aws.pipeline.place import Place

NOT_SET = "xoxb-not-set"  # Slack answers invalid_auth


def slack_secret(scope: Construct, place: Place, key: kms.IKey) -> secretsmanager.CfnSecret:
    """Make the secret in its shape, with a signing secret that nobody knows: until it is filled in, no click is believed.

    A later change of ``generate_secret_string`` would write a new value over the one that was filled in: a test holds it.
    """
    made = secretsmanager.CfnSecret(
        scope,
        "SlackSecret",
        name=place.secret,
        description="Slack's bot token and signing secret; filled in by hand, see docs/deploying.md",
        kms_key_id=key.key_arn,
        generate_secret_string=secretsmanager.CfnSecret.GenerateSecretStringProperty(
            secret_string_template=json.dumps({"bot_token": NOT_SET}), generate_string_key="signing_secret", password_length=64
        ),
    )
    accept(made, nag={"SMG4": "Slack issues both values; AWS cannot rotate them. docs/operations.md says how people do"})
    return made


def approvers(scope: Construct, place: Place, people: Mapping[str, tuple[str, ...]]) -> ssm.CfnParameter:
    """Make the parameter of who may approve what: Slack user ids by risk."""
    value = json.dumps({"approvers": {risk: list(users) for risk, users in people.items()}}, sort_keys=True)
    about = "Who may approve what; from the stage file"
    return ssm.CfnParameter(scope, "Approvers", name=place.parameter("approvers"), type="String", value=value, description=about)
