"""The CDK command line on the wheel's Node: ``python -m infra.aws.cdk deploy --app build/cdk.out --all``."""

from __future__ import annotations

import os
import sys

from alarms.domain.errors import CannotRun
from infra.aws import node

CDK = "aws-cdk@2.1148.1"  # goes with the aws-cdk-lib that requirements/dev.txt pins; npm's `latest` does not


def main(arguments: list[str]) -> None:
    """Become ``npx aws-cdk`` with ``arguments``. SystemExit with one line where there is no Node."""
    try:
        interpreter = node.provide()
    except CannotRun as error:
        sys.exit(f"tocsin: {error}")
    # The wheel's own `npx` is a copy of a link, and finds nothing beside itself.
    npx = interpreter.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npx-cli.js"
    environ = {**os.environ, "PATH": os.pathsep.join([str(interpreter.parent), os.environ.get("PATH", "")])}
    os.execve(interpreter, [str(interpreter), str(npx), "--yes", CDK, *arguments], environ)  # noqa: S606 - what the caller asked for


if __name__ == "__main__":
    main(sys.argv[1:])
