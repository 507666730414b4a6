"""The functions that run on Lambda, and what each needs in its zip. One entry makes a function known to builder and stacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_BOTOCORE = ("botocore", "jmespath", "python-dateutil", "six", "urllib3")
_POWERTOOLS = ("aws-lambda-powertools", "typing-extensions")


@dataclass(frozen=True, slots=True)
class Function:
    """One Lambda function.

    ``handler`` is Lambda's own setting (``package.module.function``): what it imports of ours comes along by itself.
    ``ours`` are packages of ours that are loaded by name at run time, so that no import tells of them; all their modules come.
    ``requires`` are distributions, as ``requirements/lambda.txt`` names and pins them; what they need in turn is named too.
    ``services`` are AWS services, as botocore names its clients: only their data comes.
    """

    name: str
    handler: str
    ours: tuple[str, ...]
    requires: tuple[str, ...]
    services: tuple[str, ...]

    @property
    def module(self) -> str:
        """The module that Lambda imports."""
        return self.handler.rpartition(".")[0]


_ALL = (
    Function(
        name="notifier",
        handler="notifier.handler.handler",
        ours=(),
        requires=(*_BOTOCORE, *_POWERTOOLS, "slack-sdk"),
        services=("dynamodb", "secretsmanager", "sqs"),
    ),
    Function(
        name="remediators",
        handler="remediators.handler.handler",
        ours=("remediators.actions",),
        requires=(*_BOTOCORE, *_POWERTOOLS, "asn1crypto", "pg8000", "scramp"),
        services=(
            "apigateway",
            "apigatewayv2",
            "application-autoscaling",
            "cloudtrail",
            "cloudwatch",
            "dynamodb",
            "ecr",
            "ecs",
            "elbv2",
            "health",
            "lambda",
            "logs",
            "pi",
            "rds",
            "rds-data",
            "scheduler",
            "secretsmanager",
            "shield",
            "sqs",
            "ssm",
            "sts",
            "wafv2",
        ),
    ),
    Function(
        name="interactive",
        handler="notifier.interactive_handler.handler",
        ours=(),
        requires=_BOTOCORE,
        services=("dynamodb", "secretsmanager", "sqs", "ssm"),
    ),
    Function(
        name="lifecycle-hook",
        handler="infra.aws.lifecycle_hook.handler.handler",
        ours=(),
        requires=(),
        services=(),
    ),
)
FUNCTIONS: Mapping[str, Function] = {function.name: function for function in _ALL}
