"""Which stacks a stage has. Each package adds its own; this is the list of them."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

from infra.aws.pipeline.stack import PipelineStack
from infra.aws.platform import settings as platform_settings
from infra.aws.platform.agreement import agree
from infra.aws.platform.cluster import ClusterStack
from infra.aws.platform.data import DataStack
from infra.aws.platform.edge import EdgeStack
from infra.aws.platform.network import NetworkStack
from infra.aws.platform.services import ServicesStack
from infra.aws.spokes.region_stack import HubRegionStack
from infra.aws.spokes.stack import SpokeStack
from infra.aws.stage_file import Stage


def synth(stage: Stage, out: Path) -> None:
    """Write the templates of every stack of ``stage`` to the folder ``out``, and check them against AWS Solutions' rules."""
    app = cdk.App(outdir=str(out))
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    settings = stage.settings
    where = cdk.Environment(account=settings.account if settings.account_declared else None, region=settings.region)
    if settings.hub is not None:
        SpokeStack(app, f"{stage.base}-spoke", stage=stage)
    else:
        _pipeline(app, stage, where)
    if "platform" in stage.sections:
        _platform(app, stage, where)
    # Not tocsin:catalogue and tocsin:stage: an alarm with those two is the catalogue's, and `apply` deletes one without a row.
    cdk.Tags.of(app).add("tocsin:deployment", f"{settings.catalogue}/{settings.stage}")
    app.synth()


def _pipeline(app: cdk.App, stage: Stage, where: cdk.Environment) -> None:
    """Make the pipeline, and where it is a hub an ear in each further region of its spokes."""
    pipeline = PipelineStack(app, f"{stage.base}-pipeline", stage=stage, env=where)
    hub = pipeline.hub
    if hub is None:
        return
    for region in hub.other_regions(stage.settings.region):
        there = cdk.Environment(account=stage.settings.account, region=region)
        HubRegionStack(app, f"{stage.base}-ear-{region}", stage=stage, hub=hub, region=region, env=there)


def _platform(app: cdk.App, stage: Stage, where: cdk.Environment) -> None:
    """Add the reference platform. A stage whose file has no such section watches a platform of its own."""
    platform = platform_settings.parse(stage.sections["platform"])
    agree(stage.desired, stage.settings, platform.database)
    network = NetworkStack(app, f"{stage.base}-network", platform=platform, env=where)
    data = DataStack(app, f"{stage.base}-data", platform=platform, network=network, env=where)
    cluster = ClusterStack(app, f"{stage.base}-cluster", network=network, data=data, env=where)
    services = ServicesStack(
        app,
        f"{stage.base}-services",
        stage=stage,
        platform=platform,
        network=network,
        data=data,
        cluster=cluster,
        env=where,
    )
    front = services.load_balancer
    EdgeStack(app, f"{stage.base}-edge", platform=platform, network=network, balancer=front, key=data.key, env=where)
