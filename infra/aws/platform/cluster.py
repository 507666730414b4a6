"""The cluster's stack: where tasks run, and the task that brings the schema up to date.

A stack of its own, because the schema must be there before the first service starts: the lifecycle hook would turn an API without
tables back, and there is nothing to turn back to.
"""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from infra.aws.platform import service_tasks
from infra.aws.platform.ceilings import CLUSTER
from infra.aws.platform.data import DataStack
from infra.aws.platform.network import NetworkStack


class ClusterStack(cdk.Stack):
    """``cluster`` is its name."""

    def __init__(self, scope: Construct, ident: str, *, network: NetworkStack, data: DataStack, **kwargs: Any) -> None:
        super().__init__(scope, ident, **kwargs)
        self.cluster = ecs.CfnCluster(
            self,
            "Cluster",
            cluster_name=CLUSTER,
            # Running and desired tasks: what the row ecs/running-below-desired and the backlog for each task are made of.
            cluster_settings=[ecs.CfnCluster.ClusterSettingsProperty(name="containerInsights", value="enabled")],
            capacity_providers=["FARGATE", "FARGATE_SPOT"],
        ).ref
        service_tasks.migration(self, data)
        # What `aws ecs run-task` is told to run the migration with; outputs of the stack whose they are.
        subnets = network.vpc.select_subnets(subnet_group_name=network.tasks.subnet_group_name).subnet_ids
        cdk.CfnOutput(network, "TaskSubnets", value=cdk.Fn.join(",", subnets))
        cdk.CfnOutput(network, "TaskGroup", value=network.groups.api.security_group_id)
