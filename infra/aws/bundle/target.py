"""For which machine a zip is built: a platform as pip names it, and a minor version of Python."""

from __future__ import annotations

import platform
import re
import sys
import sysconfig
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """``platform`` is a wheel's platform tag (``manylinux2014_aarch64``), ``python`` a minor version (``3.13``)."""

    platform: str
    python: str

    def __str__(self) -> str:
        return f"{self.platform}-py{self.python}"


# Lambda's python3.13 on Graviton; its Amazon Linux 2023 has a newer glibc than manylinux2014 asks for.
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
LAMBDA = Target("manylinux2014_aarch64", "3.13")


def here(python: str = f"{sys.version_info.major}.{sys.version_info.minor}") -> Target:
    """Return this machine's own target, by default with the Python that runs."""
    if platform.system() == "Linux":
        return Target(f"manylinux2014_{platform.machine()}", python)
    return Target(re.sub(r"[.-]", "_", sysconfig.get_platform()), python)
