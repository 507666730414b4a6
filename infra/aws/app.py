"""The CDK app: synthesises every stack of one stage. `make synth` runs it.

``python -m infra.aws.app --stage prod [--out build/cdk.out]``; as an ``--app`` of the CDK command line it writes to CDK_OUTDIR.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from alarms.domain.errors import TocsinError
from infra.aws import node, stage_file

OUT = Path("build/cdk.out")


def main(argv: list[str] | None = None) -> int:
    """Write the templates; return the exit code. A known failure is one line on stderr."""
    parser = argparse.ArgumentParser(prog="python -m infra.aws.app", description="Synthesise the stacks of one stage.")
    parser.add_argument("--stage", default=os.environ.get("STAGE") or "prod", help="default: STAGE of the environment, or prod")
    parser.add_argument("--catalogue", type=Path, default=stage_file.CATALOGUE, help="the packaged one when left out")
    parser.add_argument("--stages", type=Path, default=stage_file.STAGES, help="folder of the stage files")
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("CDK_OUTDIR") or OUT), help=f"default: {OUT}")
    said = parser.parse_args(argv)
    try:
        stage = stage_file.read(said.stage, said.catalogue, said.stages)
        node.provide()
        from infra.aws.stacks import synth

        synth(stage, said.out)
    except TocsinError as error:
        print(f"tocsin: {error}", file=sys.stderr)  # noqa: T201 - the one place where a failure becomes a line
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
