"""The edge's stack: the single entry. A REST API with authentication, validation and throttles, a web ACL before it, their logs.

A REST API, not an HTTP API: web ACLs, request validation and the metrics that the catalogue watches (4XXError, 5XXError,
IntegrationLatency by ApiName) are REST's. The VPC link leads straight to the load balancer.
"""

from __future__ import annotations

import json
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigw
from aws_cdk import aws_apigatewayv2 as apigwv2
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as waf
from constructs import Construct

from infra.aws.findings import accept
from infra.aws.platform.api_definition import STAGE, Backend, document
from infra.aws.platform.callers import Callers
from infra.aws.platform.front import Front
from infra.aws.platform.network import NetworkStack
from infra.aws.platform.settings import Balancer, Platform
from infra.aws.workload.settings import ImageRules

API = "image-api"
LOG_GROUP = f"/aws/apigateway/{API}"
# The first six are what answer-traffic-surge reads. `resourcePath` and not the path: ids would make every request its own.
ACCESS_LOG = {
    "ip": "$context.identity.sourceIp",
    "path": "$context.resourcePath",
    "method": "$context.httpMethod",
    "status": "$context.status",
    "userAgent": "$context.identity.userAgent",
    "user": "$context.authorizer.claims.sub",
    "time": "$context.requestTime",
    "requestId": "$context.requestId",
    "traceId": "$context.xrayTraceId",
    "latencyMs": "$context.responseLatency",
    "integrationLatencyMs": "$context.integration.latency",
    "integrationStatus": "$context.integration.status",
    "bytes": "$context.responseLength",
    "tls": "$context.tlsVersion",
    "error": "$context.error.responseType",
    "waf": "$context.waf.status",
}


class EdgeStack(cdk.Stack):
    """The API (``api``), its web ACL (``front``), and who may call (``callers``)."""

    def __init__(
        self,
        scope: Construct,
        ident: str,
        *,
        platform: Platform,
        network: NetworkStack,
        balancer: elb.IApplicationLoadBalancer,
        key: kms.IKey,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, ident, **kwargs)
        self.callers = Callers(self, "Callers")
        self.front = Front(self, "Front", path=f"/{STAGE}/uploads", per_address=platform.edge.per_address, key=key)
        backend = Backend(
            link=self._link(network).vpc_link_id,
            balancer=balancer.load_balancer_arn,
            address=_address(platform.balancer, balancer.load_balancer_dns_name),
        )
        spec = document(backend, self.callers.pool.user_pool_arn, ImageRules(), platform.uploads.origins)
        self.api = self._api(spec, platform, self._log("Access", LOG_GROUP, key), key)
        waf.CfnWebACLAssociation(
            self, "Guarded", web_acl_arn=self.front.acl.attr_arn, resource_arn=self.api.deployment_stage.stage_arn
        )
        for name, value in {
            "ApiUrl": self.api.url,
            "WebAclId": self.front.acl.attr_id,
            "UserPoolId": self.callers.pool.user_pool_id,
            "AppClientId": self.callers.app.user_pool_client_id,
        }.items():
            cdk.CfnOutput(self, name, value=value)

    def _link(self, network: NetworkStack) -> apigwv2.VpcLink:
        return apigwv2.VpcLink(
            self, "Link", vpc_link_name="image", vpc=network.vpc, subnets=network.tasks, security_groups=[network.groups.link]
        )

    def _log(self, ident: str, name: str, key: kms.IKey) -> logs.LogGroup:
        return logs.LogGroup(
            self, ident, log_group_name=name, retention=logs.RetentionDays.ONE_MONTH, encryption_key=key,
            removal_policy=cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )  # fmt: skip

    def _api(self, spec: dict[str, Any], platform: Platform, log: logs.LogGroup, key: kms.IKey) -> apigw.SpecRestApi:
        edge = platform.edge
        api = apigw.SpecRestApi(
            self,
            "Api",
            rest_api_name=API,
            api_definition=apigw.ApiDefinition.from_inline(spec),
            endpoint_types=[apigw.EndpointType.REGIONAL],
            cloud_watch_role=True,
            cloud_watch_role_removal_policy=cdk.RemovalPolicy.RETAIN,  # one for the whole account and region
            deploy_options=apigw.StageOptions(
                stage_name=STAGE,
                throttling_rate_limit=edge.rate,
                throttling_burst_limit=edge.burst,
                method_options={
                    "/uploads/POST": apigw.MethodDeploymentOptions(
                        throttling_rate_limit=edge.rate / 2,
                        throttling_burst_limit=edge.burst // 2,
                        metrics_enabled=True,
                        logging_level=apigw.MethodLoggingLevel.ERROR,
                    )
                },
                metrics_enabled=True,
                logging_level=apigw.MethodLoggingLevel.ERROR,
                data_trace_enabled=False,  # bodies and tokens stay out of logs
                tracing_enabled=True,
                access_log_destination=apigw.LogGroupLogDestination(log),
                access_log_format=apigw.AccessLogFormat.custom(json.dumps(ACCESS_LOG)),
            ),
        )
        accept(api, nag={"APIG2": "Bodies and parameters are validated; the validator stands in the OpenAPI document."})
        rest = api.node.default_child
        rest.add_property_override("SecurityPolicy", "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09")
        rest.add_property_override("EndpointAccessMode", "STRICT")
        errors = self._log("Errors", f"API-Gateway-Execution-Logs_{api.rest_api_id}/{STAGE}", key)
        api.deployment_stage.node.add_dependency(errors)  # else API Gateway makes it, to be kept for ever
        policy = "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]"
        for child in api.node.find_all():
            if child.node.id == "CloudWatchRole":
                accept(child, nag={policy: "AWS's policy for this one purpose."})
        accept(
            api.deployment_stage,
            checkov={
                "CKV_AWS_120": "No answer is the same for two callers.",
            },
        )
        return api


def _address(balancer: Balancer, name: str) -> str:
    """Return where the listener for production is asked; with a certificate its name is what API Gateway verifies."""
    return f"https://{balancer.domain}:{balancer.port}" if balancer.domain else f"http://{name}:{balancer.port}"
