"""What every test gets: no real AWS account, no real clock zone, golden files that can be rewritten."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fasteners import InterProcessLock

AWS_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--golden-update``: write what was seen instead of comparing."""
    parser.addoption("--golden-update", action="store_true", help="rewrite golden files from what is produced now")


def pytest_configure() -> None:
    """Let cryptography meet the real datetime class first.

    It keeps the class that it sees at its first signature for as long as the process lives. Where that is in a story whose clock
    stands still, it is the frozen clock's own class, and no later certificate of an unfrozen test could be made.
    """
    day = datetime(2026, 1, 1)  # noqa: DTZ001 - any day will do
    empty = (
        x509.CertificateRevocationListBuilder().issuer_name(x509.Name([])).last_update(day).next_update(day + timedelta(days=1))
    )
    empty.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())


@pytest.fixture(autouse=True)
def _no_real_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every boto3 client away from a developer's own credentials."""
    for name, value in AWS_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)


class Golden:
    """Compares text with a file under tests/golden, or rewrites it."""

    def __init__(self, update: bool) -> None:
        self._update = update
        self._root = Path(__file__).parent / "golden"

    def check(self, name: str, seen: str) -> None:
        """Assert that ``seen`` is what the golden file ``name`` holds."""
        path = self._root / name
        if self._update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(seen, encoding="utf-8")
        assert path.exists(), f"no golden file {name}: run `make golden` and review it"
        assert seen == path.read_text(encoding="utf-8"), f"{name} differs: run `make golden` and review the diff"


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Return the golden-file comparer."""
    return Golden(update=bool(request.config.getoption("--golden-update")))


@pytest.fixture(scope="session")
def postgres_server() -> Any:
    """Start a real PostgreSQL of this process's own (``postgres_server.Server``)."""
    from postgres_server import shared

    return shared()


@pytest.fixture(scope="session", autouse=True)
def _no_server_is_left() -> Iterator[None]:
    """Stop the PostgreSQL that any test has started."""
    yield
    if "postgres_server" in sys.modules:
        sys.modules["postgres_server"].stop_shared()


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory, testrun_uid: str) -> Path:
    """Return the folder that `make synth` writes for the stage prod, synthesised once for all workers of a test run."""
    shared = tmp_path_factory.getbasetemp().parent / f"assembly-{testrun_uid}"
    with InterProcessLock(f"{shared}.lock"):
        if not shared.exists():
            command = [sys.executable, "-m", "infra.aws.app", "--stage", "prod", "--out", str(shared)]
            done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr[-4000:]
    return shared


@pytest.fixture(scope="session")
def templates(assembly: Path) -> Mapping[str, Mapping[str, Any]]:
    """Return each stack's template by the stack's name without ``tocsin-prod-``."""
    found = {file.name.removesuffix(".template.json"): file for file in assembly.glob("*.template.json")}
    return {name.removeprefix("tocsin-prod-"): json.loads(file.read_text("utf-8")) for name, file in found.items()}
