"""A spoke's stack: the one role that it lends to its hub. Its alarms tell the hub's topic, so nothing else has to stand here.

The template names no account and no region: the same one serves every account whose resources have the same names, one by one
or as a StackSet, with the external id of each as its parameter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from alarms.domain.errors import CannotRun
from infra.aws.findings import accept
from infra.aws.permissions import names_of, role_of, trust
from infra.aws.pipeline.place import place_of
from infra.aws.pipeline.roles import MOST_POLICIES, foreign_keys
from infra.aws.pipeline.statements import document
from infra.aws.stage_file import Stage
from remediators.permissions.grants import grants, wildcards
from remediators.permissions.policy_document import documents, statements
from remediators.registry import registry

FOREIGN_KEYS = "no row names the key of its secret or queue: the condition narrows it to the service, and to those secrets"


class SpokeStack(cdk.Stack):
    """One spoke, as its stage of the catalogue describes it."""

    def __init__(self, scope: Construct, ident: str, *, stage: Stage, **kwargs: Any) -> None:
        settings = stage.settings
        hub = settings.hub
        if hub is None:
            raise CannotRun(f"stage {settings.stage} names no hub in tocsin.yaml: it is no spoke")
        super().__init__(
            scope,
            ident,
            description=f"What this account and region lends to the hub {settings.prefix}-{hub.stage}",
            synthesizer=cdk.DefaultStackSynthesizer(generate_bootstrap_version_rule=False),  # a StackSet bootstraps nothing
            **kwargs,
        )
        self._account, self._region = settings.account, settings.region
        external_id = cdk.CfnParameter(
            self,
            "ExternalId",
            default=hub.external_id,
            description="What the hub says when it assumes the role; tocsin.yaml of both says the same",
            allowed_pattern="[A-Za-z0-9_+=,.@:/-]{8,128}",
        )
        found = grants((one.alarm for one in stage.desired), registry().specs(), names_of(settings))
        name = role_of(settings)
        policies = [
            iam.ManagedPolicy(
                self,
                f"Policy{number}",
                managed_policy_name=self._anywhere(f"{name}-{number}"),
                description=f"What the rows of stage {settings.stage} need, as tocsin iam prints it",
                document=iam.PolicyDocument.from_json(self._anywhere(policy)),
            )
            for number, policy in enumerate(documents(statements(found)), 1)
        ]
        if len(policies) > MOST_POLICIES:
            raise CannotRun(f"the rows need {len(policies)} managed policies, and IAM attaches {MOST_POLICIES} to a role")
        reasons = {resource: f"{action}: {why}" for (action, resource), why in wildcards(found).items()}
        for policy in policies:
            for resource, why in reasons.items():
                accept(policy, nag={f"IAM5[Resource::{self._shown(resource)}]": why})
        role = iam.CfnRole(
            self,
            "Role",
            role_name=self._anywhere(name),
            description=f"What the remediators of {settings.prefix}-{hub.stage} may do here",
            assume_role_policy_document=trust(settings, external_id.value_as_string),
            managed_policy_arns=[policy.managed_policy_arn for policy in policies],
            max_session_duration=3600,
        )
        place = replace(place_of(stage), account=settings.account)
        keys = [self._anywhere(statement) for statement in foreign_keys(found, place)]
        if keys:
            own = iam.CfnRolePolicy(self, "ForeignKeys", role_name=role.ref, policy_name="keys", policy_document=document(keys))
            accept(own, nag={f"IAM5[Resource::{self._shown(place.arn('kms', 'key/*'))}]": FOREIGN_KEYS})
        cdk.CfnOutput(self, "RoleArn", value=role.attr_arn, description="what the hub assumes; it stands on the hub's list")

    def _anywhere(self, value: Any) -> Any:
        """Return ``value`` with this account and region as CloudFormation knows them wherever the template is deployed."""
        if isinstance(value, str):
            return value.replace(self._account, cdk.Aws.ACCOUNT_ID).replace(self._region, cdk.Aws.REGION)
        if isinstance(value, Mapping):
            return {self._anywhere(name): self._anywhere(member) for name, member in value.items()}
        return [self._anywhere(member) for member in value]

    def _shown(self, resource: str) -> str:
        """Return how cdk-nag writes an ARN of this account and region."""
        return resource.replace(self._account, "<AWS::AccountId>").replace(self._region, "<AWS::Region>")
