"""Reads the part of the Logs Insights query language that our own queries speak, and names what it does not know.

Commands are separated by ``|``: fields, display, filter, parse (glob or regex with named groups), stats … by, sort, limit,
dedup. https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html. What is missing here is refused by name:
an emulator that guesses would let a query pass that AWS answers otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")
AGGREGATES = ("count", "count_distinct", "sum", "avg", "min", "max", "pct")
PREDICATES = ("ispresent", "isblank", "strcontains")
MOST_ROWS = 10_000  # what a query without limit returns at most
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|
    (?P<name>[A-Za-z_@][A-Za-z0-9_.@]*|`[^`]+`)|
    (?P<number>-?\d+(?:\.\d+)?)(?P<unit>ms|[smhdw])?(?![A-Za-z0-9_])|
    (?P<sign>!=|<=|>=|=~|[=<>(),*\[\]|])
    )""",
    re.VERBOSE,
)
_REGEX = re.compile(r"\s*/((?:[^/\\]|\\.)+)/")


class Malformed(Exception):
    """A query that is not in the language, or in a part of it that is not known here. ``at`` is the character's offset."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


@dataclass(frozen=True, slots=True)
class Token:
    """One word: ``kind`` is text, name, number, sign, regex or end. ``seconds``: a number with a unit."""

    kind: str
    value: str
    at: int
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """One node of a filter: ``and``/``or``/``not`` over ``parts``, else ``operator`` on ``name`` with ``values``.

    The operators are the comparisons, ``like``, ``in`` and the predicates.
    """

    operator: str
    name: str = ""
    values: tuple[str | float | re.Pattern[str], ...] = ()
    parts: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Aggregate:
    """``function(name)``, shown as ``label``. ``name`` is ``*`` for all rows; ``share`` is pct's second argument."""

    function: str
    name: str
    label: str
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Group:
    """A field to group by, or ``bin`` seconds of @timestamp."""

    name: str
    label: str
    bin_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Command:
    """One step of the pipeline, by ``verb``; the members that the verb uses are filled."""

    verb: str
    names: tuple[tuple[str, str], ...] = ()  # fields, display, dedup: (name, label); sort: (name, "asc" | "desc")
    condition: Condition | None = None
    source: str = ""
    pattern: re.Pattern[str] | None = None
    labels: tuple[str, ...] = ()
    aggregates: tuple[Aggregate, ...] = ()
    groups: tuple[Group, ...] = ()
    count: int = 0


def parse(query: str) -> tuple[Command, ...]:
    """Return the pipeline; Malformed names the first thing that is not known."""
    reader = _Reader(re.sub(r"(?m)^\s*#.*$", lambda found: " " * len(found.group()), query))
    commands = [_command(reader)]
    while reader.sign("|"):
        commands.append(_command(reader))
    reader.expect_end()
    return tuple(commands)


@dataclass
class _Reader:
    """The text, and how far it has been read."""

    text: str
    at: int = 0
    _ahead: Token | None = field(default=None)

    def peek(self) -> Token:
        """Return the next token without taking it."""
        if self._ahead is None:
            self._ahead = self._read()
        return self._ahead

    def take(self) -> Token:
        """Take the next token."""
        token = self.peek()
        self._ahead = None
        return token

    def sign(self, sign: str) -> bool:
        """Take ``sign`` if it is next."""
        token = self.peek()
        if token.kind == "sign" and token.value == sign:
            self.take()
            return True
        return False

    def word(self, *words: str) -> str:
        """Take one of ``words`` if it is next; "" when it is not."""
        token = self.peek()
        if token.kind == "name" and token.value.lower() in words:
            return self.take().value.lower()
        return ""

    def expect(self, sign: str) -> None:
        """Take ``sign`` or complain."""
        if not self.sign(sign):
            raise Malformed(f"expected {sign!r}, found {self.peek().value or 'the end'!r}", self.peek().at)

    def name(self) -> str:
        """Take a field's name."""
        token = self.take()
        if token.kind != "name":
            raise Malformed(f"expected a field, found {token.value or 'the end'!r}", token.at)
        return token.value.strip("`")

    def regex(self) -> re.Pattern[str] | None:
        """Take ``/a regex/`` if it is next."""
        start = self._ahead.at if self._ahead else self.at
        found = _REGEX.match(self.text, start)
        if found is None:
            return None
        self._ahead, self.at = None, found.end()
        try:
            # RE2 and Java write a named group (?<name>…); Python wants a P.
            return re.compile(re.sub(r"\(\?<(?=[A-Za-z_])", "(?P<", found.group(1)))
        except re.error as error:
            raise Malformed(f"not a regular expression: {error}", start) from None

    def expect_end(self) -> None:
        """Complain when something is left."""
        if self.peek().kind != "end":
            raise Malformed(f"unexpected {self.peek().value!r}", self.peek().at)

    def _read(self) -> Token:
        rest = self.text[self.at :]
        if not rest.strip():
            return Token("end", "", len(self.text))
        if rest.lstrip().startswith("/"):
            return Token("regex", "/", self.at)
        found = _TOKEN.match(self.text, self.at)
        if found is None:
            raise Malformed(f"unexpected character {rest.lstrip()[0]!r}", self.at + len(rest) - len(rest.lstrip()))
        self.at = found.end()
        kind = next(name for name in ("text", "name", "number", "sign") if found.group(name) is not None)
        value = found.group(kind)
        unit = found.group("unit")
        if kind == "text":
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        return Token(kind, value, found.start(kind), float(value) * _UNITS[unit] if unit else None)


def _command(reader: _Reader) -> Command:
    token = reader.take()
    verb = token.value.lower()
    reading = {
        "fields": _fields,
        "display": _fields,
        "dedup": _fields,
        "filter": _filter,
        "parse": _parse,
        "stats": _stats,
        "sort": _sort,
        "limit": _limit,
    }.get(verb)
    if token.kind != "name" or reading is None:
        raise Malformed(f"the embedded Logs Insights does not know the command {token.value or 'nothing'!r}", token.at)
    return reading(reader, verb)


def _fields(reader: _Reader, verb: str) -> Command:
    names = []
    while True:
        name = reader.name()
        if reader.peek().value == "(":
            raise Malformed(f"the embedded Logs Insights does not know the function {name!r} here", reader.peek().at)
        names.append((name, reader.name() if reader.word("as") else name))
        if not reader.sign(","):
            return Command(verb, names=tuple(names))


def _filter(reader: _Reader, verb: str) -> Command:
    return Command(verb, condition=_either(reader))


def _either(reader: _Reader) -> Condition:
    parts = [_both(reader)]
    while reader.word("or"):
        parts.append(_both(reader))
    return parts[0] if len(parts) == 1 else Condition("or", parts=tuple(parts))


def _both(reader: _Reader) -> Condition:
    parts = [_single(reader)]
    while reader.word("and"):
        parts.append(_single(reader))
    return parts[0] if len(parts) == 1 else Condition("and", parts=tuple(parts))


def _single(reader: _Reader) -> Condition:
    if reader.word("not"):
        return Condition("not", parts=(_single(reader),))
    if reader.sign("("):
        inside = _either(reader)
        reader.expect(")")
        return inside
    at, name = reader.peek().at, reader.name()
    if reader.sign("("):
        return _predicate(reader, name, at)
    negated = bool(reader.word("not"))
    condition = _operator(reader, name)
    return Condition("not", parts=(condition,)) if negated else condition


def _operator(reader: _Reader, name: str) -> Condition:
    if reader.word("in"):
        reader.expect("[")
        values = [_value(reader)]
        while reader.sign(","):
            values.append(_value(reader))
        reader.expect("]")
        return Condition("in", name, tuple(values))
    token = reader.take()
    if token.value.lower() in ("like", "=~") and token.kind in ("name", "sign"):
        pattern = reader.regex()
        return Condition("like", name, (pattern if pattern is not None else _value(reader),))
    if token.kind == "sign" and token.value in COMPARISONS:
        return Condition(token.value, name, (_value(reader),))
    raise Malformed(f"the embedded Logs Insights does not know the operator {token.value or 'nothing'!r}", token.at)


def _predicate(reader: _Reader, name: str, at: int) -> Condition:
    function = name.lower()
    if function not in PREDICATES:
        raise Malformed(f"the embedded Logs Insights does not know the function {name!r} in a filter", at)
    subject = reader.name()
    values: tuple[str | float, ...] = ()
    if function == "strcontains":
        reader.expect(",")
        values = (_value(reader),)
    reader.expect(")")
    return Condition(function, subject, values)


def _value(reader: _Reader) -> str | float:
    token = reader.take()
    if token.kind == "number" and token.seconds is None:
        return float(token.value)
    if token.kind == "text":
        return token.value
    raise Malformed(f"expected a number or a quoted text, found {token.value or 'the end'!r}", token.at)


def _parse(reader: _Reader, verb: str) -> Command:
    token = reader.peek()
    source = reader.name() if token.kind == "name" else "@message"
    pattern = reader.regex()
    if pattern is not None:
        if not pattern.groupindex:
            raise Malformed("a regex to parse with needs named groups", token.at)
        return Command(verb, source=source, pattern=pattern, labels=tuple(pattern.groupindex))
    glob = reader.take()
    if glob.kind != "text":
        raise Malformed(f"parse needs a glob or a regex, found {glob.value or 'the end'!r}", glob.at)
    if not reader.word("as"):
        raise Malformed("parse with a glob needs `as`", reader.peek().at)
    labels = [reader.name()]
    while reader.sign(","):
        labels.append(reader.name())
    if glob.value.count("*") != len(labels):
        raise Malformed(f"the glob has {glob.value.count('*')} wildcards for {len(labels)} fields", glob.at)
    shape = "(.*?)".join(re.escape(part) for part in glob.value.split("*"))
    tail = "$" if glob.value.endswith("*") else ""
    return Command(verb, source=source, pattern=re.compile(shape + tail, re.DOTALL), labels=tuple(labels))


def _stats(reader: _Reader, verb: str) -> Command:
    aggregates = [_aggregate(reader)]
    while reader.sign(","):
        aggregates.append(_aggregate(reader))
    groups = []
    if reader.word("by"):
        groups.append(_group(reader))
        while reader.sign(","):
            groups.append(_group(reader))
    return Command(verb, aggregates=tuple(aggregates), groups=tuple(groups))


def _aggregate(reader: _Reader) -> Aggregate:
    at, function = reader.peek().at, reader.name().lower()
    if function not in AGGREGATES:
        raise Malformed(f"the embedded Logs Insights does not know the function {function!r} in stats", at)
    reader.expect("(")
    name = "*" if function == "count" and (reader.sign("*") or reader.peek().value == ")") else reader.name()
    share = 0.0
    if function == "pct":
        reader.expect(",")
        share = float(_value(reader))
    reader.expect(")")
    shown = f"{function}({name}{f', {share:g}' if share else ''})"
    return Aggregate(function, name, reader.name() if reader.word("as") else shown, share)


def _group(reader: _Reader) -> Group:
    name = reader.name()
    width, shown = 0.0, name
    if name.lower() == "bin" and reader.sign("("):
        token = reader.take()
        if not token.seconds or token.seconds <= 0:
            raise Malformed("bin needs a duration such as 1m", token.at)
        width, shown = token.seconds, f"bin({reader.text[token.at : reader.at].strip()})"
        reader.expect(")")
    elif reader.peek().value == "(":
        raise Malformed(f"the embedded Logs Insights does not know the function {name!r} in by", reader.peek().at)
    return Group(name, reader.name() if reader.word("as") else shown, width)


def _sort(reader: _Reader, verb: str) -> Command:
    names = []
    while True:
        name = reader.name()
        if reader.sign("("):
            inside = reader.take()
            inner = reader.text[inside.at : reader.at].strip()
            reader.expect(")")
            name = f"{name}({inner})"
        names.append((name, reader.word("asc", "desc") or "asc"))
        if not reader.sign(","):
            return Command(verb, names=tuple(names))


def _limit(reader: _Reader, verb: str) -> Command:
    token = reader.take()
    if token.kind != "number" or not token.value.isdigit() or not 1 <= int(token.value) <= MOST_ROWS:
        raise Malformed(f"limit is a whole number from 1 to {MOST_ROWS}, not {token.value or 'nothing'!r}", token.at)
    return Command(verb, count=int(token.value))
