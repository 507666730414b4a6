"""Where a linter's finding is answered: on the one resource that it is about, with the reason."""

from __future__ import annotations

from collections.abc import Mapping

import aws_cdk as cdk
from constructs import Construct

NAG = "AwsSolutions::AwsSolutions-"


def accept(
    construct: Construct,
    *,
    nag: Mapping[str, str] | None = None,
    checkov: Mapping[str, str] | None = None,
    lint: Mapping[str, str] | None = None,
) -> None:
    """Let findings stand on ``construct``: reasons by the rule's id (cdk-nag's as ``S1``, cfn-lint's as ``W3010``).

    checkov and cfn-lint read them from the metadata of the resource, cdk-nag from the tree.
    """
    for rule, reason in (nag or {}).items():
        cdk.Validations.of(construct).acknowledge(cdk.Acknowledgment(id=f"{NAG}{rule}", reason=reason))
    resource = construct if isinstance(construct, cdk.CfnResource) else construct.node.default_child
    if checkov:
        resource.add_metadata("checkov", {"skip": [{"id": rule, "comment": reason} for rule, reason in checkov.items()]})
    for rule, reason in (lint or {}).items():  # CDK looks for the same by itself while it writes the template
        cdk.Validations.of(construct).acknowledge(cdk.Acknowledgment(id=f"CloudFormation-Validate::{rule}", reason=reason))
    if lint:
        resource.add_metadata("cfn-lint", {"config": {"ignore_checks": list(lint)}, "reasons": dict(lint)})
