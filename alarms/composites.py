"""Which alarm refers to which, and the orders that follow: children are made before parents, parents deleted before children.

A composite refers to others by its AlarmRule and by its ActionsSuppressor, by name or by ARN. [CWUG alarm-combining]
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alarms.configuration import alarm_name

NEVER = "FALSE"  # the rule that refers to nothing: it breaks a cycle

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[(),]|[^\s(),"]+')
_STATES = frozenset({"ALARM", "OK", "INSUFFICIENT_DATA"})
_WORDS = _STATES | {"AND", "OR", "NOT", "TRUE", "FALSE", "AT_LEAST"}


def references(composite: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of the alarms that a composite's members refer to."""
    found = set(_in_rule(_TOKEN.findall(str(composite.get("AlarmRule") or ""))))
    if composite.get("ActionsSuppressor"):
        found.add(alarm_name(str(composite["ActionsSuppressor"])))
    return frozenset(found)


def _in_rule(words: Sequence[str]) -> Iterator[str]:
    """Names stand in quotes, after a state and a parenthesis, or bare in the list of AT_LEAST(2, ALARM, (a, b))."""
    for index, word in enumerate(words):
        before = tuple(earlier.upper() for earlier in words[max(0, index - 2) : index])
        after_state = len(before) == 2 and before[0] in _STATES and before[1] == "("
        listed = before != ("AT_LEAST", "(") and word.upper() not in _WORDS
        if word.startswith('"'):
            yield alarm_name(re.sub(r"\\(.)", r"\1", word[1:-1]))
        elif word not in "()," and (after_state or listed):
            yield alarm_name(word)


def children_first(parents: Mapping[str, frozenset[str]]) -> tuple[list[str], frozenset[str]]:
    """Order the keys of ``parents`` (name → names it refers to) so that each comes after those it refers to.

    Names that are no keys impose no order. Returns the order and the names that stand in or above a cycle; those come last
    in the order, by name.
    """
    waiting = {name: {child for child in refers if child in parents} for name, refers in parents.items()}
    above: dict[str, list[str]] = {}
    for name, children in waiting.items():
        for child in children:
            above.setdefault(child, []).append(name)
    ready = sorted((name for name, children in waiting.items() if not children), reverse=True)
    ordered: list[str] = []
    while ready:
        name = ready.pop()
        ordered.append(name)
        for parent in sorted(above.get(name, ()), reverse=True):
            waiting[parent].discard(name)
            if not waiting[parent]:
                ready.append(parent)
    stuck = sorted(set(waiting) - set(ordered))
    return ordered + stuck, frozenset(stuck)
