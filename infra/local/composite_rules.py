"""The rule of a composite alarm: parsed once, then answered from its children's states. Pure.

Grammar (CloudWatch User Guide, "Combining alarms"): TRUE | FALSE | STATE(ref) | NOT e | e AND e | e OR e | (e) |
AT_LEAST(M or P%, [NOT] STATE, (ref, …)). AWS documents no precedence; here NOT binds first, then AND, then OR.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

STATES = ("ALARM", "OK", "INSUFFICIENT_DATA")
MAX_CHILDREN = 100

States = Callable[[str], "str | None"]  # the state of a child, by its reference; None when there is no such alarm

_TOKEN = re.compile(r'\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<sign>[(),])|(?P<word>[^\s(),"]+))')


class RuleError(ValueError):
    """The rule cannot be read; the text says where."""


@dataclass(frozen=True, slots=True)
class CompositeRule:
    """A readable rule: ``children`` are its references as written, in order of appearance."""

    children: tuple[str, ...]
    _answer: Callable[[States], bool]

    def holds(self, states: States) -> bool:
        """Tell whether the rule is true now."""
        return self._answer(states)

    @staticmethod
    def parse(text: str) -> CompositeRule:
        """Read an AlarmRule; RuleError when it is none."""
        parser = _Parser(text)
        answer = parser.expression()
        parser.end()
        children = tuple(dict.fromkeys(parser.references))
        if len(children) > MAX_CHILDREN:
            raise RuleError(f"{len(children)} child alarms, more than {MAX_CHILDREN}")
        return CompositeRule(children, answer)


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self.references: list[str] = []

    def expression(self) -> Callable[[States], bool]:
        terms = [self._conjunction()]
        while self._takes("OR"):
            terms.append(self._conjunction())
        return terms[0] if len(terms) == 1 else lambda states: any(term(states) for term in terms)

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise RuleError(f"unexpected {self._tokens[self._at]}")

    def _conjunction(self) -> Callable[[States], bool]:
        terms = [self._term()]
        while self._takes("AND"):
            terms.append(self._term())
        return terms[0] if len(terms) == 1 else lambda states: all(term(states) for term in terms)

    def _term(self) -> Callable[[States], bool]:
        word = self._next()
        if word == "NOT":
            inner = self._term()
            return lambda states: not inner(states)
        if word == "(":
            inner = self.expression()
            self._expect(")")
            return inner
        if word in ("TRUE", "FALSE"):
            return lambda _: word == "TRUE"
        if word == "AT_LEAST":
            return self._at_least()
        if word in STATES:
            self._expect("(")
            child = self._reference()
            self._expect(")")
            return lambda states: states(child) == word
        raise RuleError(f"unexpected {word}")

    def _at_least(self) -> Callable[[States], bool]:
        self._expect("(")
        count = self._next()
        self._expect(",")
        negated = self._takes("NOT")
        state = self._next()
        if state not in STATES:
            raise RuleError(f"AT_LEAST needs a state, not {state}")
        self._expect(",")
        children = self._reference_list()
        self._expect(")")
        need = _needed(count, len(children))
        return lambda states: sum((states(child) == state) != negated for child in children) >= need

    def _reference_list(self) -> list[str]:
        self._expect("(")
        children = [self._reference()]
        while self._takes(","):
            children.append(self._reference())
        self._expect(")")
        return children

    def _reference(self) -> str:
        word = self._next()
        if word in ("(", ")", ","):
            raise RuleError(f"an alarm's name is expected, not {word}")
        name = re.sub(r"\\(.)", r"\1", word[1:-1]) if word.startswith('"') else word
        self.references.append(name)
        return name

    def _next(self) -> str:
        if self._at >= len(self._tokens):
            raise RuleError("the rule ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _takes(self, word: str) -> bool:
        found = self._at < len(self._tokens) and self._tokens[self._at] == word
        self._at += found
        return found

    def _expect(self, sign: str) -> None:
        found = self._next()
        if found != sign:
            raise RuleError(f"{sign} is expected, not {found}")


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise RuleError(f"unreadable at character {at}")
        tokens.append(match.group(match.lastgroup or 0))
        at = match.end()
    return tokens


def _needed(count: str, children: int) -> int:
    number = count.removesuffix("%")
    if not number.isdigit():
        raise RuleError(f"AT_LEAST needs a number or a percentage, not {count}")
    if count.endswith("%"):
        if not 1 <= int(number) <= 100:
            raise RuleError(f"a percentage is between 1% and 100%, not {count}")
        return math.ceil(children * int(number) / 100)
    if not 1 <= int(number) <= children:
        raise RuleError(f"AT_LEAST asks for {number} of {children} alarms")
    return int(number)
