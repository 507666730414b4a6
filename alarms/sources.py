"""Finds and reads the files of a catalogue: which is tocsin.yaml, which hold rows, which a service."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from alarms.domain.errors import CannotRun
from alarms.problem import Level, Place, Problem
from alarms.yaml_door import Document, read_path

SETTINGS_FILE = "tocsin.yaml"
PROFILES, SERVICES = "profiles", "services"
CHECK = "files"
_SUFFIXES = (".yaml", ".yml")
_TESTS = (".test.yaml", ".test.yml")


@dataclass(frozen=True, slots=True)
class Sources:
    """What was read. ``only`` is the file that was asked for when it was one file, else empty.

    ``profiles`` and ``services`` are the documents in those folders (services also by their keys elsewhere); ``rows``
    every other document with alarms. ``problems`` are those of reading alone.
    """

    settings: Document | None
    profiles: tuple[Document, ...]
    services: tuple[Document, ...]
    rows: tuple[Document, ...]
    problems: tuple[Problem, ...]
    only: str = ""

    @property
    def empty(self) -> bool:
        """Tell whether no file of a catalogue could be read."""
        return not (self.settings or self.profiles or self.services or self.rows)


def read_sources(root: Path) -> Sources:
    """Read the catalogue in the folder ``root``, or the one that the file ``root`` belongs to; CannotRun when there is neither.

    One file outside any catalogue (no tocsin.yaml and no profiles beside it) is read alone.
    """
    if root.is_dir():
        return _sort(_files(root), root)
    if not root.is_file():
        raise CannotRun(f"{root}: there is no such file or folder")
    home = _home(root)
    if home is None:
        return _sort([root], root.parent, only=str(root))
    if root.name == SETTINGS_FILE:
        return _sort(_files(home), home)
    files = _files(home)
    same = next((file for file in files if file.resolve() == root.resolve()), None)
    return _sort(files if same else [*files, root], home, only=str(same or root))


def _home(file: Path) -> Path | None:
    """Return the catalogue's folder that ``file`` belongs to: its own, or the one above profiles/ and services/."""
    above = file.parent.parent if file.parent.name in (PROFILES, SERVICES) else file.parent
    return above if (above / SETTINGS_FILE).exists() or (above / PROFILES).is_dir() else None


def _files(root: Path) -> list[Path]:
    found: list[Path] = []
    for folder, inner, names in os.walk(root):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        found += [Path(folder, name) for name in sorted(names) if name.endswith(_SUFFIXES) and not name.endswith(_TESTS)]
    return found


def _sort(files: list[Path], home: Path, only: str = "") -> Sources:
    documents = {path: _read(path) for path in files}
    settings = documents.pop(home / SETTINGS_FILE, None)
    problems = [problem for document in documents.values() for problem in document.problems]
    problems += settings.problems if settings else ()
    problems += [_nested(path) for path in documents if path.name == SETTINGS_FILE]
    if not documents and settings is None:
        problems.append(
            Problem(Place(str(home)), Level.ERROR, CHECK, "", "no YAML file is here", fix="give a catalogue's folder or file")
        )
    groups: dict[str, list[Document]] = {PROFILES: [], SERVICES: [], "rows": []}
    for path, document in documents.items():
        if document.value is not None and path.name != SETTINGS_FILE:
            groups[_group(path, document)].append(document)
    return Sources(settings, tuple(groups[PROFILES]), tuple(groups[SERVICES]), tuple(groups["rows"]), tuple(problems), only)


def _nested(path: Path) -> Problem:
    summary = f"a {SETTINGS_FILE} stands in the catalogue's own folder, and this one is below it"
    return Problem(Place(str(path)), Level.ERROR, CHECK, "", summary, fix=f"give the folder {path.parent}, or move the file")


def _group(path: Path, document: Document) -> str:
    if path.parent.name in (PROFILES, SERVICES):
        return path.parent.name
    keys = document.value if isinstance(document.value, dict) else {}
    if "service" in keys and "alarms" not in keys:
        return SERVICES
    return "rows"


def _read(path: Path) -> Document:
    try:
        return read_path(path)
    except OSError as error:
        raise CannotRun(f"{path}: {error.strerror or error}") from None
