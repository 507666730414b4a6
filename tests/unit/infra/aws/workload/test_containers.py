"""What the containers are made of: nothing but the workload, pinned packages, an ordinary user, a health check."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from infra.aws.workload import settings

ROOT = Path(__file__).parents[5]
CONTAINERS = ROOT / "infra" / "aws" / "workload" / "containers"
# What a development machine's interpreter loads by itself, and what botocore and FastAPI use where they find it.
OF_THIS_MACHINE = {"tocsin", "setuptools", "certifi", "orjson"}
MODULES = {"image-api": "presign_api", "image-consumer": "image_consumer"}
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)


def stages(container: str) -> list[str]:
    """Return a container definition's stages."""
    text = (CONTAINERS / f"{container}.Dockerfile").read_text("utf-8")
    return re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]


def copied(container: str) -> list[str]:
    """Return the paths of the repository that a container holds."""
    return re.findall(r"^COPY (infra\S+) /app/", stages(container)[0], re.MULTILINE)


@pytest.mark.parametrize("container", MODULES)
def test_a_container_starts_with_nothing_of_the_repository_but_the_workload(container: str, tmp_path: Path) -> None:
    for path in copied(container):
        source, target = ROOT / path, tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from infra.aws.workload import {MODULES[container]} as module
print(*sys.modules)
sys.exit(module.main())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PATH": ""}, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2, done.stderr[-2000:]
    assert done.stderr.startswith(f"{container} cannot start: UPLOAD_BUCKET is not set")
    assert len(done.stderr.splitlines()) == 1
    rooms = {name.split(".")[0] for name in done.stdout.split()}
    assert not rooms & {"alarms", "remediators", "notifier", "cli", "moto", "freezegun", "yaml"}
    pinned = {name for name, _ in PIN.findall((CONTAINERS / f"{container}.txt").read_text("utf-8"))}
    installed = packages_distributions()
    loaded = {re.sub(r"[-_.]+", "-", found).lower() for room in rooms for found in installed.get(room, ())}
    assert loaded - pinned <= OF_THIS_MACHINE
    assert ("PIL" in rooms, "fastapi" in rooms) == (container == "image-consumer", container == "image-api")


@pytest.mark.parametrize("container", MODULES)
def test_the_pins_of_a_container_are_those_that_the_tests_run_with(container: str) -> None:
    text = (CONTAINERS / f"{container}.txt").read_text("utf-8")
    pins = dict(PIN.findall(text))
    tested = dict(PIN.findall((ROOT / "requirements" / "dev.txt").read_text("utf-8")))

    assert {"boto3", "pg8000"} < pins.keys()
    assert {name: version for name, version in pins.items() if tested.get(name) != version} == {}
    assert all("--hash=sha256:" in block for block in re.split(PIN, text)[3::3])


@pytest.mark.parametrize("container", MODULES)
def test_a_container_runs_as_an_ordinary_user_with_a_health_check_and_without_an_installer(container: str) -> None:
    build, final = stages(container)

    assert "--require-hashes --only-binary :all:" in build
    assert "USER 10001:10001" in final
    assert final.index("pip uninstall") < final.index("USER")
    assert not re.search(r"apt|gcc|pip install|curl", final)
    port = "8080" if container == "image-api" else "8081"
    assert f"127.0.0.1:{port}/healthz" in final
    defaults = {variable.name: variable.default for variable in (*settings.API, *settings.CONSUMER)}
    assert defaults["LISTEN_PORT" if container == "image-api" else "HEALTH_PORT"] == port
    assert settings.AUTHORITIES in final
