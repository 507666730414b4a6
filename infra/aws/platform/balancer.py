"""The load balancer before the API: inside the VPC, a listener for production, one for test traffic, and two target groups.

Blue and green are only names: each deployment runs in the group that the one before does not use, and ECS moves the rules'
weights from one to the other. Whatever deploys this template later must leave those weights alone, so they never change here.
"""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_elasticloadbalancingv2 as elb
from constructs import Construct

from infra.aws.findings import accept
from infra.aws.platform.api_definition import STAGE
from infra.aws.platform.network import NetworkStack
from infra.aws.platform.settings import Balancer
from infra.aws.platform.traffic import API_PORT

READY = "/readyz"
IDLE_S = 60  # the API keeps connections open for longer, so that this side closes first
DRAIN_S = 20
INSIDE = "Inside the VPC only, between API Gateway's link and the tasks; with platform.balancer.certificate it speaks TLS."


class ApplicationBalancer(Construct):
    """The balancer (``balancer``), ``production`` and ``test`` listeners with one rule each, ``blue`` and ``green``."""

    def __init__(self, scope: Construct, ident: str, *, network: NetworkStack, settings: Balancer) -> None:
        super().__init__(scope, ident)
        self.balancer = elb.ApplicationLoadBalancer(
            self,
            "Balancer",
            load_balancer_name="image",
            vpc=network.vpc,
            vpc_subnets=network.tasks,
            internet_facing=False,
            security_group=network.groups.balancer,
            deletion_protection=True,
            drop_invalid_header_fields=True,
            desync_mitigation_mode=elb.DesyncMitigationMode.DEFENSIVE,
            idle_timeout=cdk.Duration.seconds(IDLE_S),
        )
        self._log_to(network)
        self.blue, self.green = (self._group(colour, network) for colour in ("Blue", "Green"))
        self.production, self.production_rule = self._listener("Production", settings, settings.port)
        self.test, self.test_rule = self._listener("Test", settings, settings.test_port)

    def _log_to(self, network: NetworkStack) -> None:
        """Access logs, without CDK's own grant: the bucket is another stack's, and lets the balancers of this account write."""
        for key, value in {
            "access_logs.s3.enabled": "true",
            "access_logs.s3.bucket": network.logs.bucket_name,
            "access_logs.s3.prefix": "access/balancer",
        }.items():
            self.balancer.set_attribute(key, value)
        accept(
            self.balancer,
            nag={"ELB2": "Access logs are on, by attributes: the bucket's own stack lets balancers of this account write."},
        )

    def _group(self, colour: str, network: NetworkStack) -> elb.ApplicationTargetGroup:
        return elb.ApplicationTargetGroup(
            self,
            colour,
            target_group_name=f"image-api-{colour.lower()}",
            vpc=network.vpc,
            port=API_PORT,
            protocol=elb.ApplicationProtocol.HTTP,
            target_type=elb.TargetType.IP,
            deregistration_delay=cdk.Duration.seconds(DRAIN_S),
            load_balancing_algorithm_type=elb.TargetGroupLoadBalancingAlgorithmType.LEAST_OUTSTANDING_REQUESTS,
            health_check=elb.HealthCheck(
                path=READY,
                healthy_http_codes="200",
                interval=cdk.Duration.seconds(10),
                timeout=cdk.Duration.seconds(5),
                healthy_threshold_count=2,
                unhealthy_threshold_count=3,
            ),
        )

    def _listener(self, name: str, settings: Balancer, port: int) -> tuple[elb.ApplicationListener, elb.ApplicationListenerRule]:
        """Return a listener that knows nothing, and its one rule, which ECS changes."""
        tls: dict[str, Any] = {"protocol": elb.ApplicationProtocol.HTTP}
        if settings.certificate:
            tls = {
                "protocol": elb.ApplicationProtocol.HTTPS,
                "certificates": [elb.ListenerCertificate.from_arn(settings.certificate)],
                "ssl_policy": elb.SslPolicy.TLS13_RES,
            }
        listener = self.balancer.add_listener(
            f"{name}Listener",
            port=port,
            open=False,
            default_action=elb.ListenerAction.fixed_response(404, content_type="text/plain", message_body="no such service"),
            **tls,
        )
        rule = elb.ApplicationListenerRule(
            self,
            f"{name}Rule",
            listener=listener,
            priority=1,
            conditions=[elb.ListenerCondition.path_patterns(["/*"])],
            action=elb.ListenerAction.weighted_forward(
                [
                    elb.WeightedTargetGroup(target_group=self.blue, weight=100),
                    elb.WeightedTargetGroup(target_group=self.green, weight=0),
                ]
            ),
        )
        # A private integration may pass the stage's name on as the first part of the path; the API does not know it.
        without_stage = {"Rewrites": [{"Regex": f"^/{STAGE}/(.*)$", "Replace": "/$1"}]}
        transforms = [{"Type": "url-rewrite", "UrlRewriteConfig": without_stage}]
        rule.node.default_child.add_property_override("Transforms", transforms)
        if not settings.certificate:
            accept(listener, checkov={"CKV_AWS_2": INSIDE, "CKV_AWS_103": INSIDE})
        return listener, rule
