"""The pipeline's stack: what stands between CloudWatch, Slack and what remediation changes."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.aws.stage_file import Stage


class PipelineStack(cdk.Stack):
    """One stage's pipeline. Its names begin with ``<prefix>-<stage>``, as `tocsin iam` supposes."""

    def __init__(self, scope: Construct, ident: str, *, stage: Stage, **kwargs: Any) -> None:
        super().__init__(scope, ident, **kwargs)
        key = kms.Key(self, "Key", enable_key_rotation=True, description=f"Everything that {stage.base} keeps or sends")
        cloudwatch = iam.ServicePrincipal("cloudwatch.amazonaws.com")
        key.grant(cloudwatch, "kms:Decrypt", "kms:GenerateDataKey*")
        self.topic = sns.Topic(self, "Alarms", topic_name=stage.settings.topic, master_key=key, enforce_ssl=True)
