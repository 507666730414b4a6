"""The house keeps its own rules: what a linter cannot say about files, names, imports and start-up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("alarms", "remediators", "notifier", "infra", "cli")
TOP_LEVEL = {*ROOMS, "tests", "docs", "benchmarks", "requirements"}
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
LONGEST_FILE = 400


def sources() -> list[Path]:
    """Every Python file of the product."""
    return [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def tracked_directories() -> set[str]:
    """Top-level folders that git knows."""
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.fail("the tests run from a git checkout")
    return {line.split("/")[0] for line in listing.stdout.splitlines() if "/" in line and not line.startswith(".")}


def modules() -> list[str]:
    """Dotted names of every module of the product."""
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in sources()]
    return [name.removesuffix(".__init__") for name in names]


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    """Run ``code`` in a fresh interpreter at the root of the checkout."""
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


def test_no_tree_stands_beside_the_agreed_top_level() -> None:
    assert tracked_directories() <= TOP_LEVEL


def test_no_file_has_a_name_that_tells_nothing() -> None:
    assert [path.name for path in sources() if path.stem in VAGUE] == []


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_every_module_says_what_it_is_for() -> None:
    def opens_with_its_purpose(path: Path) -> bool:
        return path.read_text(encoding="utf-8").lstrip().startswith(('"""', 'r"""'))

    assert [str(path.relative_to(ROOT)) for path in sources() if not opens_with_its_purpose(path)] == []


def test_importing_every_module_makes_no_client_and_opens_no_socket() -> None:
    """Nothing happens at import: the one rule that keeps tests, cold starts and `tocsin --help` honest."""
    code = f"""
import importlib, socket, botocore.session
from infra.aws import node
node.provide()  # CDK's modules are classes of another language, and start its interpreter
def refuse(*a, **k): raise AssertionError("at import")
botocore.session.Session.create_client = refuse
socket.socket.connect = refuse
for name in {modules()!r}:
    importlib.import_module(name)
"""
    done = run_python(code)
    assert done.returncode == 0, done.stderr[-2000:]


HEAVY = {"pydantic", "yaml", "typer", "rich", "moto", "freezegun", "numpy", "requests", "pg8000"}
DEPLOY_TIME = {"alarms.load", "alarms.schema", "alarms.compile", "cli", "infra"}


@pytest.mark.parametrize("room", ["notifier", "remediators"])
def test_a_lambda_never_imports_the_yaml_door_or_the_terminal(room: str) -> None:
    """The Lambdas' dependencies stay small, whatever is installed beside them."""
    done = run_python(f"import sys, {room}.handler, {room}.bootstrap; print(*sys.modules)")
    assert done.returncode == 0, done.stderr[-2000:]
    assert set(done.stdout.split()) & (HEAVY | DEPLOY_TIME) == set()


def test_the_door_for_buttons_imports_no_sdk_that_would_cost_its_three_seconds() -> None:
    """Slack waits three seconds for an answer, a cold start included."""
    done = run_python("import sys, notifier.interactive_handler; print(*sys.modules)")
    assert done.returncode == 0, done.stderr[-2000:]
    loaded = set(done.stdout.split())
    assert loaded & (HEAVY | DEPLOY_TIME | {"slack_sdk", "boto3", "aws_lambda_powertools", "alarms.domain.payload"}) == set()
