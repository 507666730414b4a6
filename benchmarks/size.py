"""The Lambda's zip: our code and its pinned dependencies, deflated; once whole, once with botocore's data cut to what is used."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
OURS = ("alarms/__init__.py", "alarms/domain", "remediators", "notifier")
PIN = re.compile(r"^([A-Za-z0-9_.-]+)==", re.MULTILINE)
SERVICE_DATA = re.compile(r"^botocore/data/([^/]+)/")


def zipped(services: Iterable[str], room_packages: Iterable[str] = OURS) -> tuple[float, float, float]:
    """Return megabytes (10^6 bytes) of: the whole zip, the zip with data of ``services`` only, our own code alone."""
    kept = set(services)
    own = [(path, str(path.relative_to(ROOT))) for path in _own(room_packages)]
    vendors = list(_vendors())
    cut = [(path, name) for path, name in vendors if (match := SERVICE_DATA.match(name)) is None or match.group(1) in kept]
    return _megabytes(own + vendors), _megabytes(own + cut), _megabytes(own)


def _own(names: Iterable[str]) -> Iterator[Path]:
    for name in names:
        path = ROOT / name
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]


def _vendors() -> Iterator[tuple[Path, str]]:
    """Yield the files of every pinned distribution, without bytecode and without what installers leave."""
    for name in PIN.findall((ROOT / "requirements/lambda.txt").read_text(encoding="utf-8")):
        for file in metadata.distribution(name).files or ():
            inside = str(file)
            if not inside.startswith("..") and "__pycache__" not in inside and ".dist-info" not in inside:
                yield Path(str(file.locate())), inside


def _megabytes(files: Iterable[tuple[Path, str]]) -> float:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path, name in files:
            archive.write(path, name)
    return len(buffer.getvalue()) / 1e6
