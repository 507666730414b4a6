"""The services' stack: the API behind its load balancer, the image consumer on its queue. This file only wires."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elb
from constructs import Construct

from infra.aws.platform import service_tasks
from infra.aws.platform.balancer import ApplicationBalancer
from infra.aws.platform.ceilings import agrees, ceiling
from infra.aws.platform.cluster import ClusterStack
from infra.aws.platform.data import DataStack
from infra.aws.platform.month_end import scheduled_actions
from infra.aws.platform.network import NetworkStack
from infra.aws.platform.releasing import Releasing
from infra.aws.platform.scaling import Bounds, follow_backlog, follow_load
from infra.aws.platform.service_settings import API, CONSUMER
from infra.aws.platform.settings import Platform
from infra.aws.stage_file import Stage

# A service that has no health to report yet is left alone for this long, so that a slow start is not a failed one.
GRACE_S = 60


class ServicesStack(cdk.Stack):
    """``load_balancer`` and its production ``listener`` are what the edge passes requests to."""

    def __init__(
        self,
        scope: Construct,
        ident: str,
        *,
        stage: Stage,
        platform: Platform,
        network: NetworkStack,
        data: DataStack,
        cluster: ClusterStack,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, ident, **kwargs)
        agrees(stage.desired, platform.month_end)
        self._stage, self._platform, self._network, self._data = stage, platform, network, data
        self._cluster = cluster.cluster
        self._balancer = ApplicationBalancer(self, "Balancing", network=network, settings=platform.balancer)
        self.load_balancer: elb.ApplicationLoadBalancer = self._balancer.balancer
        cdk.CfnOutput(self, "LoadBalancer", value=self.load_balancer.load_balancer_full_name)  # the alarms' dimension
        self.listener: elb.ApplicationListener = self._balancer.production
        self._api()
        self._consumer()

    def _api(self) -> None:
        settings, network = self._platform.services.api, self._network
        task = service_tasks.api(self, self._platform, self._data)
        releasing = Releasing(
            self,
            "Releasing",
            stage=self._stage,
            platform=self._platform,
            network=network,
            data=self._data,
            balancing=self._balancer,
        )
        service = ecs.CfnService(
            self,
            "ApiService",
            service_name=API,
            cluster=self._cluster,
            task_definition=task.definition.ref,
            # Not on Spot: a request that is lost is seen by a client.
            capacity_provider_strategy=[_share("FARGATE", weight=1, base=settings.least)],
            network_configuration=self._inside(network.groups.api),
            load_balancers=[releasing.load_balancer],
            deployment_configuration=releasing.configuration,
            health_check_grace_period_seconds=GRACE_S,
            **_common(),
        )
        self._bound("ApiTasks", API, service, settings.least, settings.most, lambda bounds: follow_load(bounds, settings))

    def _consumer(self) -> None:
        settings, network = self._platform.services.consumer, self._network
        task = service_tasks.consumer(self, self._platform, self._data)
        spot = [_share("FARGATE_SPOT", weight=settings.spot)] if settings.spot else []
        regular = _share("FARGATE", weight=4 - settings.spot, base=settings.least)
        service = ecs.CfnService(
            self,
            "ConsumerService",
            service_name=CONSUMER,
            cluster=self._cluster,
            task_definition=task.definition.ref,
            capacity_provider_strategy=[regular, *spot],
            network_configuration=self._inside(network.groups.consumer),
            deployment_configuration=ecs.CfnService.DeploymentConfigurationProperty(
                maximum_percent=200,
                minimum_healthy_percent=100,
                deployment_circuit_breaker=ecs.CfnService.DeploymentCircuitBreakerProperty(enable=True, rollback=True),
            ),
            **_common(),
        )
        queue = self._data.jobs.queue_name
        self._bound(
            "ConsumerTasks",
            CONSUMER,
            service,
            settings.least,
            settings.most,
            lambda bounds: follow_backlog(bounds, settings, service=CONSUMER, queue=queue),
        )

    def _bound(self, ident: str, name: str, service: ecs.CfnService, least: int, most: int | None, follow: Any) -> None:
        plan = self._platform.month_end
        top = ceiling(self._stage.desired, name, least=least, most=most, plan=plan)
        bounds = Bounds(self, ident, service=name, least=least, most=top, scheduled=scheduled_actions(plan, name, least))
        bounds.target.add_resource_dependency(service)
        follow(bounds)

    def _inside(self, group: Any) -> ecs.CfnService.NetworkConfigurationProperty:
        network = self._network
        subnets = network.vpc.select_subnets(subnet_group_name=network.tasks.subnet_group_name).subnet_ids
        return ecs.CfnService.NetworkConfigurationProperty(
            awsvpc_configuration=ecs.CfnService.AwsVpcConfigurationProperty(
                subnets=subnets, security_groups=[group.security_group_id], assign_public_ip="DISABLED"
            )
        )


def _share(provider: str, *, weight: int, base: int = 0) -> ecs.CfnService.CapacityProviderStrategyItemProperty:
    return ecs.CfnService.CapacityProviderStrategyItemProperty(capacity_provider=provider, weight=weight, base=base)


def _common() -> dict[str, Any]:
    """Return what both services share. The number of tasks is not said: it is Application Auto Scaling's in every deploy."""
    return {
        "availability_zone_rebalancing": "ENABLED",
        "enable_execute_command": False,
        "enable_ecs_managed_tags": True,
        "propagate_tags": "SERVICE",
        "platform_version": "LATEST",
    }
