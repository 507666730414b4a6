"""What a zip is: the same bytes for the same inputs, the same files for every platform but compiled ones, nothing needless."""

from __future__ import annotations

import logging
import marshal
import re
import zipfile
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from hashlib import sha256
from importlib.util import MAGIC_NUMBER
from multiprocessing import get_context
from pathlib import Path

import pytest

from alarms.domain.errors import CannotRun
from infra.aws.bundle import builder, bytecode, trim, wheels
from infra.aws.bundle.functions import FUNCTIONS
from infra.aws.bundle.target import LAMBDA, Target, here

SMALL = FUNCTIONS["interactive"]
ROOT = Path(__file__).parents[4]
COMPILED = (".so", ".pyc")
SHARED_DATA = {"CHANGES.txt", "_retry.json", "endpoints.json", "partitions.json", "sdk-default-configuration.json"}
UNCHECKED = 0b01  # flags of a .pyc whose source is not looked at (PEP 552)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Return an empty folder for zips that shares the fetched wheels."""
    wheels.fetched(wheels.pinned(SMALL.requires), here(), builder.OUT / "wheels")
    (tmp_path / "wheels").symlink_to(builder.OUT / "wheels")
    return tmp_path


def contents(zipped: Path) -> Mapping[str, bytes]:
    with zipfile.ZipFile(zipped) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_same_inputs_give_the_same_bytes(out: Path) -> None:
    first = builder.build(SMALL, here(), out)
    bytes_of_first = first.read_bytes()
    first.unlink()
    again = builder.build(SMALL, here(), out)

    assert (again.name, again.read_bytes()) == (first.name, bytes_of_first)


def test_a_zip_says_nothing_of_the_machine_that_made_it() -> None:
    with zipfile.ZipFile(builder.build(SMALL, here())) as archive:
        entries = archive.infolist()

    assert {(entry.date_time, entry.external_attr >> 16, entry.create_system) for entry in entries} == {
        ((1980, 1, 1, 0, 0, 0), 0o100644, 3)
    }
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert not any(str(ROOT).encode() in text for text in contents(builder.build(SMALL, here())).values())


def test_another_service_is_another_zip(out: Path) -> None:
    """The digest in the name is of what went in: a deployment sees by it that something changed."""
    assert builder.build(SMALL, here(), out) != builder.build(replace(SMALL, services=("sqs",)), here(), out)


def test_zips_that_nobody_asks_for_any_more_are_removed(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every change of our code makes another: the folder would grow for ever."""
    monkeypatch.setattr(builder, "KEPT", 2)
    others = [replace(SMALL, services=(service,)) for service in ("sqs", "ssm", "dynamodb")]
    first, second = (builder.build(one, here(), out, compiled=False) for one in others[:2])
    asked_again = builder.build(others[0], here(), out, compiled=False)
    third = builder.build(others[2], here(), out, compiled=False)

    assert first == asked_again
    assert {path.name for path in out.glob("*.zip")} == {first.name, third.name}
    assert not second.exists()


def test_builders_at_the_same_time_make_one_zip_and_leave_nothing_behind(out: Path) -> None:
    with ProcessPoolExecutor(3, get_context("spawn")) as pool:
        made = set(pool.map(builder.build, [SMALL] * 3, [here()] * 3, [out] * 3))

    assert len(made) == 1
    assert {path.name for path in out.iterdir()} == {"wheels", *(path.name for path in made)}
    assert zipfile.ZipFile(made.pop()).testzip() is None


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_the_zip_for_lambda_differs_from_this_machines_in_compiled_files_only(name: str) -> None:
    """Of the same Python: everything that is read as text, and all data, is byte for byte the same."""
    mine, lambdas = (contents(builder.build(FUNCTIONS[name], Target(t.platform, here().python))) for t in (here(), LAMBDA))
    differing = {file for file in mine.keys() | lambdas.keys() if mine.get(file) != lambdas.get(file)}

    assert FUNCTIONS[name].module.replace(".", "/") + ".py" in mine
    assert {file for file in differing if not file.endswith(COMPILED)} == set()


def test_a_wheel_with_compiled_parts_brings_the_targets_own() -> None:
    """No function needs one today: shown by one that the development tools need."""
    version = wheels.pinned(["pyyaml"], ROOT / "requirements" / "dev.txt")
    platforms = ("manylinux2014_x86_64", "manylinux2014_aarch64")
    folders = [wheels.fetched(version, Target(platform, "3.13"), builder.OUT / "wheels")["pyyaml"] for platform in platforms]
    intel, arm = ({name: sha256(path.read_bytes()).hexdigest() for name, path in trim.kept(f, ()).items()} for f in folders)

    differing = {name for name in intel.keys() | arm.keys() if intel.get(name) != arm.get(name)}

    assert {Path(name).name for name in differing} == {
        f"_yaml.cpython-313-{machine}-linux-gnu.so" for machine in ("x86_64", "aarch64")
    }


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_botocores_data_is_of_the_functions_services(name: str) -> None:
    files = contents(builder.build(FUNCTIONS[name], here()))
    data = [file.removeprefix("botocore/data/") for file in files if file.startswith("botocore/data/")]

    assert {file for file in data if "/" not in file} == (SHARED_DATA if "botocore" in FUNCTIONS[name].requires else set())
    assert {file.partition("/")[0] for file in data if "/" in file} == set(FUNCTIONS[name].services)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_there_is_no_ballast_and_every_licence(name: str) -> None:
    function = FUNCTIONS[name]
    files = set(contents(builder.build(function, here())))

    ballast = re.compile(r"(^|/)(tests?|bin)/|(METADATA|RECORD|INSTALLER|WHEEL)$|examples-1|\.pyi$|^(boto3|s3transfer|pip)/")
    assert {file for file in files if ballast.search(file)} == set()
    licensed = {wheels.canonical(re.split(r"-\d", file)[0]) for file in files if ".dist-info/" in file}
    assert licensed == set(function.requires)


def test_every_source_has_bytecode_that_is_not_compared_with_it() -> None:
    files = contents(builder.build(SMALL, here()))
    tag = f"cpython-{here().python.replace('.', '')}"

    for name in (file for file in files if file.endswith(".py")):
        folder, _, leaf = name.rpartition("/")
        code = files[f"{folder}/__pycache__/{leaf[:-3]}.{tag}.pyc".lstrip("/")]
        assert code[:4] == MAGIC_NUMBER
        assert int.from_bytes(code[4:8], "little") == UNCHECKED
        assert marshal.loads(code[16:]).co_filename == f"/var/task/{name}"  # noqa: S302 - made a moment ago


def test_without_the_targets_python_there_is_no_bytecode_and_a_line_says_so(
    out: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Bytecode of another Python would be ignored at best."""
    monkeypatch.setattr(bytecode, "interpreter", lambda _: None)
    with caplog.at_level(logging.WARNING):
        files = contents(builder.build(SMALL, LAMBDA, out))

    assert [name for name in files if name.endswith(".pyc")] == []
    assert caplog.messages == ["interactive: no Python 3.13 here, so no bytecode in its zip: its first answers take longer"]


def test_an_interpreter_that_is_found_is_the_one_that_was_asked_for() -> None:
    found = bytecode.interpreter(here().python)

    assert found is not None
    assert found[1].startswith(f"{here().python}.")
    assert bytecode.interpreter("3.2") is None


def test_wheels_that_pip_cannot_fetch_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(CannotRun) as failed:
        builder.build(SMALL, LAMBDA, tmp_path / "out")

    said = str(failed.value)
    assert said.startswith("pip cannot fetch the wheels for manylinux2014_aarch64, Python 3.13: ERROR: No matching distribution")
    assert "\n" not in said
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["wheels"]


def test_a_distribution_that_is_not_pinned_is_named() -> None:
    with pytest.raises(CannotRun, match="left-pad is not pinned"):
        wheels.pinned(["botocore", "left-pad"])
