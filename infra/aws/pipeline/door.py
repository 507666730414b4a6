"""The door for Slack's buttons: an HTTP API with one route. Everybody may knock, slowly; the function decides who is heard."""

from __future__ import annotations

import json

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_integrations as integrations
from constructs import Construct

from infra.aws.findings import accept
from infra.aws.pipeline.functions import TIMEOUT_S, Deployed, log_group
from infra.aws.pipeline.keys import Keys
from infra.aws.pipeline.place import Place
from infra.aws.pipeline.settings import PipelineSettings

PATH = "/slack"
RATE, BURST = 10, 20  # a second: more clicks than people make, and as many as five executions answer
UNSIGNED = (
    "Slack cannot authenticate at a gateway: it signs every request, and the function verifies signature and age before it reads "
    "anything else (notifier/interactive.py). The route is throttled"
)
# Who knocked when, and what was answered; nothing of what was said, since a body holds what people typed.
ACCESS = {
    name: f"$context.{name}"
    for name in ("requestId", "requestTimeEpoch", "routeKey", "status", "responseLatency", "integrationErrorMessage")
} | {"sourceIp": "$context.identity.sourceIp"}


def door(scope: Construct, place: Place, deployed: Deployed, settings: PipelineSettings, keys: Keys) -> apigateway.HttpApi:
    """Make the HTTP API in front of the door's alias."""
    api = apigateway.HttpApi(
        scope,
        "Door",
        api_name=place.named("door"),
        description=f"Slack's Request URL of {place.base}",
        create_default_stage=False,
    )
    integration = integrations.HttpLambdaIntegration(
        "Interactive", deployed.alias, timeout=cdk.Duration.seconds(TIMEOUT_S[deployed.room])
    )
    for route in api.add_routes(path=PATH, methods=[apigateway.HttpMethod.POST], integration=integration):
        accept(route, nag={"APIG4": UNSIGNED})
    log = log_group(scope, "DoorLog", f"/aws/apigateway/{place.named('door')}", settings, keys)
    stage = apigateway.HttpStage(
        scope,
        "DoorStage",
        http_api=api,
        auto_deploy=True,
        throttle=apigateway.ThrottleSettings(rate_limit=RATE, burst_limit=BURST),
        detailed_metrics_enabled=True,
    )
    stage.node.default_child.access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
        destination_arn=log.log_group_arn, format=json.dumps(ACCESS)
    )
    return api


def address(api: apigateway.HttpApi) -> str:
    """Return Slack's Request URL."""
    return f"{api.api_endpoint}{PATH}"
