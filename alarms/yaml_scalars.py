"""What an unquoted scalar means in YAML 1.2's core schema, and which ones are refused because others read them otherwise."""

from __future__ import annotations

import re
from datetime import date

_LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # the breaks that the parser counts as lines
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None, "true": True, "True": True, "TRUE": True}
_WORDS |= {"false": False, "False": False, "FALSE": False}
_OLD_BOOLEANS = frozenset({"yes", "no", "on", "off"})
_MAX_DIGITS = 300  # beyond it Python refuses or overflows, and no alarm needs it

# What may be wrong with a plain scalar, first match first: (pattern, what it is, what to write; {} is the text).
_MISREAD = (
    (re.compile(r"[-+]?0[0-9]+"), "{0} starts with a zero: a number would lose it", 'write "{0}" in quotes'),
    (
        re.compile(r"[-+]?[0-9]+(:[0-5]?[0-9])+(\.[0-9]*)?"),
        "{0} is a number of base 60 to some readers of YAML",
        'quote it: "{0}"',
    ),
    (
        re.compile(r"[-+]?[0-9][0-9,]*_[0-9_,.]*"),
        "{0} is text in YAML 1.2 and a number in 1.1",
        'write it without _ or quote it: "{0}"',
    ),
    (
        re.compile(r"[-+]?0[xXoObB][0-9a-fA-F]+"),
        "{0} is not read alike by all readers of YAML",
        'write it in decimal or quote it: "{0}"',
    ),
    (
        re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+"),
        "{0} is a number to some readers of YAML and text to others",
        'write the number out or quote it: "{0}"',
    ),
    (re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"), "{0} is not a number that an alarm can use", "write a finite number"),
    (
        re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt]|[ \t]+)[0-9].*"),
        "{0} is a time stamp to some readers of YAML",
        'write "{0}" in quotes',
    ),
)


class Misread(ValueError):
    """A scalar that would be read as something else than was meant."""

    def __init__(self, summary: str, fix: str) -> None:
        super().__init__(summary)
        self.summary, self.fix = summary, fix


def split_lines(text: str) -> list[str]:
    """Split ``text`` at the breaks that YAML counts."""
    return _LINE_BREAK.split(text)


def plain_scalar(text: str) -> str | int | float | bool | date | None:
    """Return what the unquoted ``text`` means; raises Misread for what is refused."""
    if text in _WORDS:
        return _WORDS[text]
    first = text[0]
    if first.isalpha() and not first.isdigit():
        if text.lower() in _OLD_BOOLEANS:
            raise Misread(f"{text} is true or false to some readers of YAML", f'write true or false, or "{text}" in quotes')
        return text
    return _number_like(text)


def _number_like(text: str) -> str | int | float | date:
    for pattern, summary, fix in _MISREAD:
        if pattern.fullmatch(text):
            raise Misread(summary.format(text), fix.format(text))
    if len(text) <= _MAX_DIGITS:
        if _INTEGER.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
    return _date(text) if _DATE.fullmatch(text) else text


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Misread(f"there is no day {text}", "write year-month-day") from None


def cut_off(text: str, line: str, column: int) -> Misread | None:
    """Return what is wrong when a ``#`` ends the value ``text`` early; ``line`` holds its end at ``column`` (from 0).

    ``# words`` is a comment; ``#words`` right after a value, or instead of one, is nearly always a value that lost its
    quotes (a Slack channel, a ticket number).
    """
    rest = line[column:].lstrip(" \t")
    if len(rest) < 2 or rest[0] != "#" or not rest[1].isalnum():
        return None
    lost = rest.split()[0]
    if not text:
        return Misread(f"{lost} is a comment to YAML, and the value is empty", f'write "{lost}" in quotes')
    return Misread(f"YAML ends the value before {lost}", f'write "{text} {lost}" in quotes, or `# {lost[1:]}` for a comment')
