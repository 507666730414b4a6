"""The grammar of metric math, as far as an alarm may use it: from text to a tree.

CloudWatch's user guide ("Using math expressions with CloudWatch metrics") names the operators and functions. It does not
print their precedence; this is the usual one: OR, AND, NOT, comparisons, + -, * /, unary minus, ^ (from the right).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NoReturn

from alarms.domain.errors import BadInput
from alarms.metric_math_tree import MINUS_POWER, NOT_POWER, POWER, Array, Binary, Call, Name, Node, Number, Text, Unary, Word

LONGEST = 2048  # PutMetricAlarm: MetricDataQuery.Expression
DEEPEST = 100  # nesting, chains included; bounds the recursion over a tree

# Function: fewest and most arguments.
FUNCTIONS = {
    "ABS": (1, 1),
    "AVG": (1, 1),
    "CEIL": (1, 1),
    "DIFF": (1, 1),
    "FILL": (2, 2),
    "FLOOR": (1, 1),
    "IF": (2, 3),
    "MAX": (1, 1),
    "METRICS": (0, 1),
    "MIN": (1, 1),
    "PERIOD": (1, 1),
    "RATE": (1, 1),
    "SUM": (1, 1),
}
WORDS = ("REPEAT", "LINEAR")
_SPELLINGS = {"&&": "AND", "||": "OR"}


class ExpressionError(BadInput):
    """An expression cannot be read or computed. ``position`` counts characters from 1, 0 when it has none."""

    def __init__(self, position: int, message: str) -> None:
        super().__init__(f"character {position}: {message}" if position else message)
        self.position = position


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


_TOKENS = (
    r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<id>[a-z]\w*)|(?P<word>[A-Z]\w*)"
    r'|(?P<text>"[^"]*"|\'[^\']*\')'
    r"|(?P<sign>&&|\|\||==|!=|<=|>=|[-+*/^<>()\[\],])"
)


def tokens(text: str) -> list[_Token]:
    """Split ``text``; the last token has the kind ``end``."""
    pattern = re.compile(_TOKENS, re.ASCII)
    found, at = [], 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        match = pattern.match(text, at)
        if match is None:
            raise ExpressionError(at + 1, f"{text[at]!r} means nothing here; {_hint(text[at])}")
        found.append(_Token(match.lastgroup or "", match.group(), at + 1))
        at = match.end()
    return [*found, _Token("end", "the end", len(text) + 1)]


def _hint(character: str) -> str:
    hints = {
        "=": "equality is ==",
        "&": "and is AND or &&",
        "|": "or is OR or ||",
        "!": "not is NOT, unequal is !=",
        '"': "the quote has no end",
    }
    return hints.get(character, "an expression has ids, numbers, operators, functions and [arrays]")


class Parser:
    """Precedence climbing over the tokens of one expression."""

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise ExpressionError(LONGEST + 1, f"the expression has {len(text)} characters; CloudWatch takes {LONGEST}")
        self._tokens = tokens(text)
        self._next = 0
        self._depth = 0

    def parse(self) -> Node:
        """Return the whole expression's tree; ExpressionError when it is not one."""
        if self._peek.kind == "end":
            raise ExpressionError(1, "the expression is empty; write an id such as m1")
        node = self._expression(0)
        if self._peek.kind != "end":
            self._wanted("an operator")
        return node

    @property
    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._peek
        self._next += 1
        return token

    def _wanted(self, what: str) -> NoReturn:
        token = self._peek
        raise ExpressionError(
            token.at, f"{what} should stand here, not {token.text if token.kind == 'end' else repr(token.text)}"
        )

    def _close(self, bracket: str) -> None:
        if self._peek.text != bracket:
            self._wanted(f"{bracket!r}")
        self._next += 1

    def _expression(self, power: int) -> Node:
        entered = self._depth
        self._deeper()
        left = self._operand()
        while (operator := self._operator()) and POWER[operator] >= max(power, 1):
            mine = POWER[operator]
            self._take()
            # A chain of operators is as deep a tree as brackets are.
            self._deeper()
            left = Binary(operator, left, self._expression(mine + (operator != "^")))
        self._depth = entered
        return left

    def _operator(self) -> str:
        token = self._peek
        name = _SPELLINGS.get(token.text, token.text)
        return name if name in POWER and token.kind in ("sign", "word") else ""

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ExpressionError(self._peek.at, f"nested or chained deeper than {DEEPEST}; split it into two expressions")

    def _operand(self) -> Node:
        token = self._peek
        if token.text == "-":
            self._take()
            return Unary("-", self._expression(MINUS_POWER))
        if token.text == "NOT":
            self._take()
            return Unary("NOT", self._expression(NOT_POWER))
        return self._atom(token)

    def _atom(self, token: _Token) -> Node:
        if token.kind == "end" or (token.kind == "sign" and token.text not in "(["):
            self._wanted("an id, a number, a function or a bracket")
        self._take()
        if token.text == "(":
            inner = self._expression(0)
            self._close(")")
            return inner
        if token.text == "[":
            return Array(self._list("]"))
        if token.kind == "number":
            return _number(token)
        if token.kind == "text":
            return Text(token.text[1:-1].replace('"', "'"))
        if token.kind == "id":
            return self._name(token)
        return self._called(token)

    def _name(self, token: _Token) -> Node:
        if self._peek.text == "(":
            raise ExpressionError(token.at, f"{token.text!r} is not a function; functions are upper case: {_nearest(token.text)}")
        return Name(token.text, token.at)

    def _called(self, token: _Token) -> Node:
        if token.text in WORDS:
            return Word(token.text)
        if token.text not in FUNCTIONS:
            raise ExpressionError(token.at, f"{token.text} is not known here; {_nearest(token.text)}")
        self._close("(")
        arguments = () if self._peek.text == ")" and self._take() else self._list(")")
        fewest, most = FUNCTIONS[token.text]
        if not fewest <= len(arguments) <= most:
            wanted = str(fewest) if fewest == most else f"{fewest} to {most}"
            raise ExpressionError(
                token.at, f"{token.text} takes {wanted} argument{'' if wanted == '1' else 's'}, not {len(arguments)}"
            )
        return Call(token.text, arguments, token.at)

    def _list(self, bracket: str) -> tuple[Node, ...]:
        items = [self._expression(0)]
        while self._peek.text == ",":
            self._take()
            items.append(self._expression(0))
        self._close(bracket)
        return tuple(items)


def _number(token: _Token) -> Number:
    value = float(token.text)
    if value == float("inf"):
        raise ExpressionError(token.at, f"{token.text} is too large a number")
    return Number(value)


def _nearest(word: str) -> str:
    near = get_close_matches(word.upper(), FUNCTIONS, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(FUNCTIONS)}"
