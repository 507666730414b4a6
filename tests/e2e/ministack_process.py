"""Runs ministack, an independent emulator of AWS, as a process of its own on a free port of loopback.

It checks each call against IAM policies and resource policies (AUTH), and speaks TLS, since our queues refuse anything else.
Its Lambdas inherit the server's whole environment and its Python, so the environment is made here from nothing. It keeps the
code that it unpacks under TMPDIR, which is a folder that goes with the test.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import boto3
import pytest
from botocore.config import Config
from server_certificate import write_certificate

ROOT = Path(__file__).parents[2]
BIN = ROOT / "build" / "venvs" / "ministack" / "bin"
ACCOUNT, REGION = "123456789012", "ap-northeast-2"
# An access key of twelve digits names the account.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "emulated", "AWS_DEFAULT_REGION": REGION}


class Ministack:
    """A running emulator. ``environ`` is what a command line needs to speak to it."""

    def __init__(self, port: int, log: Path, certificate: Path) -> None:
        self.url = f"https://127.0.0.1:{port}"
        self.log = log
        self.certificate = str(certificate)
        own = {"AWS_ENDPOINT_URL": self.url, "AWS_CA_BUNDLE": self.certificate, "AWS_EC2_METADATA_DISABLED": "true"}
        self.environ = {**CREDENTIALS, **own}
        self._session = boto3.session.Session(aws_access_key_id=ACCOUNT, aws_secret_access_key="emulated", region_name=REGION)

    def client(self, service: str) -> Any:
        """Return a client that speaks to it."""
        kept = Config(retries={"total_max_attempts": 1}, read_timeout=30, s3={"addressing_style": "path"})
        return self._session.client(service, endpoint_url=self.url, verify=self.certificate, config=kept)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def eventually(
    what: str, look: Callable[[], Any], within_s: float = 60.0, instead: Callable[[], object] = lambda: "nothing"
) -> Any:
    """Return what ``look`` finds as soon as it finds something; the test fails, showing ``instead``, when it never does."""
    waits_until = time.monotonic() + within_s
    while not (found := look()):
        if time.monotonic() > waits_until:
            pytest.fail(f"not seen within {within_s:.0f} s: {what}; instead: {instead()}")
        time.sleep(0.2)
    return found


@contextmanager
def running(folder: Path, environ: Mapping[str, str]) -> Iterator[Ministack]:
    """Run it until the test is over; ``environ`` is for its Lambdas."""
    if not (BIN / "ministack").exists():
        pytest.fail(f"{BIN / 'ministack'} is missing: `make test` builds it (or `make build/venvs/ministack/.ready`)")
    port = free_port()
    temporary = folder / "tmp"
    temporary.mkdir()
    place = {"TMPDIR": str(temporary), "HOME": str(folder), "PATH": f"{BIN}{os.pathsep}/usr/bin{os.pathsep}/bin"}
    own = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "MINISTACK_REGION": REGION, "MINISTACK_ACCOUNT_ID": ACCOUNT}
    write_certificate(folder)
    certificate, key = folder / "server.crt", folder / "server.key"
    safe = {"AUTH": "true", "USE_SSL": "1", "MINISTACK_SSL_CERT": str(certificate), "MINISTACK_SSL_KEY": str(key)}
    safe["AWS_CA_BUNDLE"] = str(certificate)  # for its Lambdas
    log = folder / "ministack.log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            [BIN / "ministack"],
            cwd=folder,
            env={**CREDENTIALS, **place, **own, **safe, **environ},
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # its Lambdas are its children: they end with the group
        )
    stack = Ministack(port, log, certificate)
    try:
        eventually("ministack answers", lambda: _answers(stack, process), within_s=30)
        yield stack
    finally:
        _end(process)
        shutil.rmtree(temporary, ignore_errors=True)  # the functions' code, unpacked: a hundred megabytes


def _answers(stack: Ministack, process: subprocess.Popen[bytes]) -> bool:
    if process.poll() is not None:
        pytest.fail(f"ministack did not start: {stack.log.read_text(encoding='utf-8', errors='replace')[-2000:]}")
    try:
        trust = ssl.create_default_context(cafile=stack.certificate)
        with urlopen(f"{stack.url}/_ministack/health", timeout=2, context=trust) as answer:  # noqa: S310 - loopback only
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, how)
        except ProcessLookupError:
            break
        try:
            process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            continue
    process.wait(timeout=10)
