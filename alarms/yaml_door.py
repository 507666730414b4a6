"""Strict YAML 1.2 with places: what a file says, and where it says it.

Read from the parser's events in one pass, so nothing is ever expanded: an alias stops the reading at the event. Scalars
follow the core schema of YAML 1.2; one that other readers of YAML would take for something else (``yes``, ``0123``,
``1:30``) is an error that says so, and so is a value that a ``#`` cuts off.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from alarms.problem import Level, Place, Problem
from alarms.yaml_scalars import Misread, cut_off, plain_scalar, split_lines

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 24
MAX_PROBLEMS = 50  # of one file: a file of another kind altogether need not be told off line by line
CHECK = "yaml"
NOT_YAML = "not YAML"
HIDDEN_WITHIN = 400  # characters of a line that are searched for it: the search is not linear
HIDDEN = re.compile(r"[{\[][^#\"']*[:,\[] +(#[^\s#]+)")  # `{notify: #ops, owner: me}`

Value = Any  # dict[str, Value] | list[Value] | str | int | float | bool | None | datetime.date


@dataclass(slots=True)
class Spot:
    """Where a value stands, and where everything inside it stands. ``key`` is the place of the key that names it."""

    place: Place
    key: Place | None = None
    items: dict[str | int, Spot] = field(default_factory=dict)

    def at(self, path: tuple[str | int, ...]) -> Spot:
        """Return the spot of ``path``, or of the deepest part of it that is written."""
        spot = self
        for step in path:
            found = spot.items.get(step)
            if found is None:
                return spot
            spot = found
        return spot

    @property
    def named(self) -> Place:
        """Where the key stands, or the value when there is no key (a list's item)."""
        return self.key or self.place


@dataclass(frozen=True, slots=True)
class Document:
    """One file, read. ``value`` is None when it could not be read at all; then ``problems`` says why."""

    file: str
    value: Value
    spot: Spot
    problems: tuple[Problem, ...]


def read(content: bytes, file: str) -> Document:
    """Read one YAML file; every problem is in the result, nothing is raised. ``file`` is how messages call it."""
    reader = _Reader(file)
    try:
        text = _text(content)
        value, spot = reader.read(text)
    except _Stop as stop:
        stop = reader.cause(stop)
        place = Place(file, stop.line, stop.column)
        reader.problems.append(_problem(place, stop.summary, stop.fix))
        return Document(file, None, Spot(Place(file)), tuple(reader.problems))
    return Document(file, value, spot, tuple(reader.problems))


def read_path(path: Path) -> Document:
    """Read the file ``path``; one that is too large is told of and not read. OSError when it cannot be opened."""
    file = str(path)
    size = path.stat().st_size
    if size <= MAX_BYTES:
        return read(path.read_bytes(), file)
    problem = _problem(Place(file), f"the file has {size / MAX_BYTES:.1f} MiB and was not read", "at most 1 MiB; split it")
    return Document(file, None, Spot(Place(file)), (problem,))


class _Stop(Exception):
    """Reading ends here; counted from 1."""

    def __init__(self, summary: str, fix: str = "", line: int = 0, column: int = 0) -> None:
        super().__init__(summary)
        self.summary, self.fix, self.line, self.column = summary, fix, line, column


class _Reader:
    """Builds plain values and their spots from parser events."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._lines: list[str] = []
        self._events: Iterator[Any] = iter(())
        self._depth = 0

    def read(self, text: str) -> tuple[Value, Spot]:
        self._lines = split_lines(text)
        _refuse_tabs(self._lines)
        self._events = _events(text)
        next(self._events)  # stream start
        if isinstance(next(self._events), yaml.StreamEndEvent):
            raise _Stop("the file is empty", "see `tocsin schema` for what a file may hold")
        value, spot = self._node(next(self._events))
        next(self._events)  # document end
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise _stop_at(after, "a second document starts here (---)", "one file holds one document")
        if value is None and not self.problems:
            raise _Stop("the file is empty", "see `tocsin schema` for what a file may hold")
        return value, spot

    def cause(self, stop: _Stop) -> _Stop:
        """Return the likely cause of a parser's failure: a ``#`` in brackets, which hides the closing one."""
        if not stop.summary.startswith(NOT_YAML):
            return stop
        for number in range(min(stop.line, len(self._lines)), max(0, stop.line - 3), -1):
            line = self._lines[number - 1]
            match = HIDDEN.search(line, 0, HIDDEN_WITHIN)
            if match:
                word = match[1].rstrip(",]}")
                return _Stop(
                    f"{word} starts a comment to YAML, and the rest of the line is lost",
                    f'write "{word}" in quotes',
                    number,
                    match.start(1) + 1,
                )
        return stop

    def _node(self, event: Any) -> tuple[Value, Spot]:
        _refuse_references(event)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event), Spot(self._place(event))
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _stop_at(event, f"nested deeper than {MAX_DEPTH} levels", "nothing here needs that")
        node = self._map(event) if isinstance(event, yaml.MappingStartEvent) else self._list(event)
        self._depth -= 1
        return node

    def _list(self, event: Any) -> tuple[Value, Spot]:
        spot = Spot(self._place(event))
        values: list[Value] = []
        while not isinstance(item := next(self._events), yaml.SequenceEndEvent):
            value, inner = self._node(item)
            spot.items[len(values)] = inner
            values.append(value)
        return values, spot

    def _map(self, event: Any) -> tuple[Value, Spot]:
        spot = Spot(self._place(event))
        values: dict[str, Value] = {}
        while not isinstance(item := next(self._events), yaml.MappingEndEvent):
            key, place = self._key(item), self._place(item)
            value, inner = self._node(next(self._events))
            inner.key = place
            if key in values:
                first = spot.items[key].named
                self._note(place, f"the key {key!r} stands twice", f"it stands already in line {first.line}")
                continue
            spot.items[key] = inner
            values[key] = value
        return values, spot

    def _key(self, event: Any) -> str:
        _refuse_references(event)
        if not isinstance(event, yaml.ScalarEvent):
            raise _stop_at(event, "a list or map is used as a key", "a key is a word")
        value = self._scalar(event)
        if not isinstance(value, str):
            self._note(self._place(event), f"the key {event.value or 'null'} is not text", f'write "{event.value}" in quotes')
        return str(event.value)

    def _scalar(self, event: Any) -> Value:
        text: str = event.value
        if event.style in ("'", '"', "|", ">"):
            return text
        line, end = event.start_mark.line, event.end_mark
        try:
            lost = cut_off(text, self._lines[end.line] if end.line < len(self._lines) else "", end.column)
            if lost is not None:
                raise lost
            return plain_scalar(text)
        except Misread as misread:
            self._note(Place(self.file, line + 1, event.start_mark.column + 1), misread.summary, misread.fix)
            return text

    def _place(self, event: Any) -> Place:
        return Place(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _note(self, place: Place, summary: str, fix: str) -> None:
        self.problems.append(_problem(place, summary, fix))
        if len(self.problems) >= MAX_PROBLEMS:
            raise _Stop(f"more than {MAX_PROBLEMS} problems: reading stopped", "", place.line, place.column)


def _text(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        size = len(content) / MAX_BYTES
        raise _Stop(f"the file has {size:.1f} MiB and was not read", "at most 1 MiB; split it")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _Stop(f"byte {error.start + 1} is not UTF-8", "save the file as UTF-8", line, 1) from None


def _refuse_tabs(lines: list[str]) -> None:
    for number, line in enumerate(lines, 1):
        indent = line[: len(line) - len(line.lstrip(" \t"))]
        if "\t" in indent and line.strip():
            raise _Stop("a tab indents this line", "YAML is indented by spaces", number, indent.index("\t") + 1)


def _events(text: str) -> Iterator[Any]:
    """Yield parser events; a parser's failure becomes one line. The C parser is used where it is built in."""
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        yield from yaml.parse(text, Loader=loader)
    except yaml.reader.ReaderError as error:
        raise _Stop(f"a character that YAML forbids ({error.reason})", "remove it, or write it as an escape in quotes") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        summary = f"{NOT_YAML}: {error.problem or error.context}"
        raise _Stop(summary, _hint(str(error.problem)), mark.line + 1 if mark else 0, mark.column + 1 if mark else 0) from None
    except (yaml.YAMLError, ValueError) as error:
        raise _Stop(f"{NOT_YAML}: {str(error).splitlines()[0]}") from None


def _hint(problem: str) -> str:
    if "mapping values are not allowed" in problem:
        return "quote a value that holds ': ', and check the indentation"
    if "expected comment or line break" in problem:
        return 'quote a value that starts with > or |, as in when: ">= 600 s"'
    if "cannot start any token" in problem:
        return "quote a value that starts with a sign such as @, ` or %"
    return "check quotes, brackets and indentation near here"


def _refuse_references(event: Any) -> None:
    """Refuse anchors, aliases and tags at the event, before anything could be expanded."""
    if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
        raise _stop_at(event, f"anchors and aliases (&{event.anchor}, *{event.anchor}) are not allowed", "write the value out")
    if event.tag is not None:
        raise _stop_at(event, f"tags ({event.tag}) are not allowed", "remove the tag")


def _stop_at(event: Any, summary: str, fix: str) -> _Stop:
    return _Stop(summary, fix, event.start_mark.line + 1, event.start_mark.column + 1)


def _problem(place: Place, summary: str, fix: str) -> Problem:
    return Problem(place, Level.ERROR, CHECK, "", summary, fix=fix)
