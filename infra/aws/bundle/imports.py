"""What a module imports, read from its text: nothing is run. From it follows which of our files a function needs."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

Find = Callable[[str], Path | None]


def closure(roots: Iterable[str], find: Find) -> Mapping[str, Path]:
    """Return the file of every module that ``roots`` reach, by name, late imports within functions included.

    ``find`` returns the file of a module (a package's is its ``__init__.py``), None for one that is somebody else's. A package
    is reached with each of its modules: importing ``a.b`` runs ``a`` first.
    """
    found: dict[str, Path] = {}
    waiting = [part for root in roots for part in _lineage(root)]
    while waiting:
        name = waiting.pop()
        if name in found or (path := find(name)) is None:
            continue
        found[name] = path
        waiting += [part for imported in imported_by(name, path) for part in _lineage(imported)]
    return dict(sorted(found.items()))


def imported_by(name: str, path: Path) -> Iterator[str]:
    """Yield what the module ``name`` imports: of ``from a import b`` both ``a`` and ``a.b``, for b may be a module."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in _statements(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = ".".join([*parts[: len(parts) - node.level + 1], node.module or ""]).strip(".") if node.level else node.module
            yield from (f"{base}.{alias.name}" for alias in node.names)


def finder(*folders: Path, tops: Iterable[str] | None = None) -> Find:
    """Return what finds modules below ``folders``, of the top-level names ``tops`` only when they are given."""
    only = None if tops is None else frozenset(tops)

    def find(name: str) -> Path | None:
        if only is not None and name.partition(".")[0] not in only:
            return None
        inside = Path(*name.split("."))
        found = (folder / path for folder in folders for path in (inside / "__init__.py", inside.with_suffix(".py")))
        return next((path for path in found if path.is_file()), None)

    return find


def _lineage(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield every node but those that only a type checker reads."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for other in child.orelse:
                yield other
                yield from _statements(other)
            continue
        yield child
        yield from _statements(child)
