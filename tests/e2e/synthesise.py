"""Writes the template of the pipeline's stack for the end-to-end catalogue; run as a process, since CDK brings one of its own.

Arguments: the folder to write to.
"""

from __future__ import annotations

import sys
from pathlib import Path

from infra.aws import node, stage_file

HERE = Path(__file__).parent


def main(out: str) -> None:
    """Synthesise the one stack, in the catalogue's account and region."""
    stage = stage_file.read("e2e", HERE / "catalogue", HERE / "stages")
    node.provide()
    import aws_cdk as cdk

    from infra.aws.pipeline.stack import PipelineStack

    app = cdk.App(outdir=out)
    where = cdk.Environment(account=stage.settings.account, region=stage.settings.region)
    PipelineStack(app, "tocsin-e2e-pipeline", stage=stage, env=where)
    app.synth()


if __name__ == "__main__":
    main(*sys.argv[1:])
