"""Pinned wheels for another machine, fetched by pip and kept by distribution, version and target."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path

from alarms.domain.errors import CannotRun
from infra.aws.bundle.target import Target

PINS = Path(__file__).parents[3] / "requirements" / "lambda.txt"
_PIN = re.compile(r"^([A-Za-z0-9_.-]+)==([^\s;]+)", re.MULTILINE)


def pinned(requires: Iterable[str], pins: Path = PINS) -> Mapping[str, str]:
    """Return the version of each of ``requires``; CannotRun names one that is not pinned."""
    known = {canonical(name): version for name, version in _PIN.findall(pins.read_text(encoding="utf-8"))}
    missing = sorted({canonical(name) for name in requires} - known.keys())
    if missing:
        raise CannotRun(f"{pins}: {', '.join(missing)} is not pinned; a zip holds pinned versions only")
    return {name: known[name] for name in sorted(map(canonical, requires))}


def fetched(versions: Mapping[str, str], target: Target, cache: Path) -> Mapping[str, Path]:
    """Return the folder of each distribution as it is unpacked for ``target``; CannotRun in one line when pip cannot fetch.

    Folders are made whole under another name first, so that builders at the same time do not see each other's half.
    """
    folders = {name: cache / str(target) / f"{name}-{version}" for name, version in versions.items()}
    missing = [name for name, folder in folders.items() if not folder.is_dir()]
    if missing:
        (cache / str(target)).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix="pip-") as made:
            together = Path(made) / "together"
            _install([f"{name}=={versions[name]}" for name in missing], target, together)
            for distribution in metadata.distributions(path=[str(together)]):
                name = canonical(distribution.metadata["Name"])
                _apart(distribution, together, Path(made) / name)
                _take(Path(made) / name, folders[name])
    return folders


def canonical(name: str) -> str:
    """Return a distribution's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _install(wanted: Sequence[str], target: Target, folder: Path) -> None:
    # Without --no-deps pip would read the markers of dependencies by the Python that runs pip, not by the target's.
    options = ["--only-binary=:all:", "--no-compile", "--no-deps", "--quiet", "--disable-pip-version-check"]
    machine = ["--platform", target.platform, "--python-version", target.python, "--implementation", "cp"]
    command = [sys.executable, "-m", "pip", "install", *options, *machine, "--target", str(folder), *wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        why = next((line for line in reversed(said) if line.startswith("ERROR")), said[-1] if said else "no reason given")
        raise CannotRun(f"pip cannot fetch the wheels for {target.platform}, Python {target.python}: {why[:200]}")


def _apart(distribution: metadata.Distribution, together: Path, folder: Path) -> None:
    """Move the files of one distribution into a folder of its own."""
    for file in distribution.files or ():
        source = together / str(file)
        if ".." in file.parts or not source.is_file():
            continue
        (folder / str(file)).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(source, folder / str(file))


def _take(made: Path, folder: Path) -> None:
    """Put ``made`` at ``folder`` in one step; whoever was first stays."""
    try:
        made.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
