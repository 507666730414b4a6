"""Builds one function's zip for one target: our files, pinned wheels cut to what is used, bytecode. Same inputs, same bytes.

A zip is kept under the digest of everything that went into it, so a second build costs a look at the files.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from infra.aws.bundle import bytecode, imports, models, trim, wheels
from infra.aws.bundle.functions import Function
from infra.aws.bundle.target import Target

ROOT = Path(__file__).parents[3]
ROOMS = ("alarms", "remediators", "notifier", "infra")
OUT = ROOT / "build" / "bundles"
KEPT = 8  # zips of one function and target; some may be in use by a builder beside this one
_LOG = logging.getLogger(__name__)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip can name
_MODE = 0o100644 << 16


def build(function: Function, target: Target, out: Path = OUT, *, compiled: bool = True) -> Path:
    """Return ``function``'s zip for ``target`` in the folder ``out``, built when it is not there yet.

    It holds bytecode when ``compiled`` and this machine has the target's Python; a line on the log says so when it has not.
    CannotRun in one line when pip cannot fetch.
    """
    versions = wheels.pinned(function.requires)
    own = ours(function)
    made_by = bytecode.interpreter(target.python) if compiled else None
    inputs = repr((function, target, sorted(versions.items()), made_by and made_by[1], _ours_digest(own), _builder_digest()))
    zipped = out / f"{function.name}-{target}-{hashlib.sha256(inputs.encode()).hexdigest()[:20]}.zip"
    if _is_there(zipped):
        return zipped
    if compiled and not made_by:
        _LOG.warning(
            "%s: no Python %s here, so no bytecode in its zip: its first answers take longer", function.name, target.python
        )
    out.mkdir(parents=True, exist_ok=True)
    folders = wheels.fetched(versions, target, out / "wheels")
    files = {name: path.read_bytes() for name, path in own.items()}
    for folder in folders.values():
        files |= models.slim({name: path.read_bytes() for name, path in trim.kept(folder, function.services).items()})
    with tempfile.TemporaryDirectory(dir=out, prefix="zip-") as made:
        stage = Path(made) / "stage"
        _lay_out(files, stage)
        if made_by:
            bytecode.compile_all(made_by[0], stage, sorted(name for name in files if name.endswith(".py")))
        archive(stage, Path(made) / zipped.name)
        (Path(made) / zipped.name).replace(zipped)
    _forget(out, f"{function.name}-{target}-")
    return zipped


def ours(function: Function) -> Mapping[str, Path]:
    """Return the files of our own that ``function`` needs, by their name in the zip: what its handler reaches by imports."""
    find = imports.finder(ROOT, tops=ROOMS)
    named = [
        f"{package}.{path.stem}" for package in function.ours for path in sorted(ROOT.joinpath(*package.split(".")).glob("*.py"))
    ]
    found = imports.closure([function.module, *function.ours, *named], find)
    return {path.relative_to(ROOT).as_posix(): path for path in found.values()}


def archive(folder: Path, path: Path) -> None:
    """Write the files of ``folder`` to the zip ``path``, sorted, all of one time and mode."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as zipped:
        for file in _sorted(folder):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), _EPOCH)
            entry.create_system, entry.external_attr = 3, _MODE  # Unix, whatever the machine that builds
            zipped.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED, 9)


def _sorted(folder: Path) -> Iterator[Path]:
    yield from sorted(
        (path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.relative_to(folder).as_posix()
    )


def _lay_out(files: Mapping[str, bytes], stage: Path) -> None:
    for name, content in files.items():
        (stage / name).parent.mkdir(parents=True, exist_ok=True)
        (stage / name).write_bytes(content)


def _is_there(zipped: Path) -> bool:
    """Tell whether the zip was built before, and note that it is asked for again."""
    try:
        os.utime(zipped)
    except FileNotFoundError:
        return False
    return True


def _forget(out: Path, stem: str) -> None:
    """Remove all but the zips that were asked for last: each change of our code makes another. Others may be at it too."""
    ages: dict[Path, int] = {}
    for path in out.glob(f"{stem}*.zip"):
        with contextlib.suppress(FileNotFoundError):
            ages[path] = path.stat().st_mtime_ns
    for old in sorted(ages, key=ages.__getitem__)[:-KEPT]:
        old.unlink(missing_ok=True)


def _ours_digest(files: Mapping[str, Path]) -> str:
    """Return the digest of names and contents."""
    digest = hashlib.sha256()
    for name, path in sorted(files.items()):
        digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    return digest.hexdigest()


def _builder_digest() -> str:
    """Return the digest of this package: another builder is another zip."""
    return _ours_digest({path.name: path for path in Path(__file__).parent.glob("*.py") if path.name != "functions.py"})
