"""The tree of a metric-math expression, and its text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

# How strongly operators bind; ^ from the right, the rest from the left.
POWER = {"OR": 1, "AND": 2, "==": 4, "!=": 4, "<": 4, "<=": 4, ">": 4, ">=": 4, "+": 5, "-": 5, "*": 6, "/": 6, "^": 8}
NOT_POWER, MINUS_POWER = 3, 7


@dataclass(frozen=True, slots=True)
class Number:
    """A number, never negative: a sign is an operator."""

    value: float


@dataclass(frozen=True, slots=True)
class Name:
    """A metric's or an expression's Id. Two are equal wherever they stand."""

    id: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Text:
    """Text in quotes: METRICS("errors")."""

    value: str


@dataclass(frozen=True, slots=True)
class Word:
    """REPEAT or LINEAR, the ways of FILL."""

    word: str


@dataclass(frozen=True, slots=True)
class Unary:
    """``-`` or ``NOT``."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary:
    """An operator between two; AND and OR by their words."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Array:
    """``[m1, m2]``."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments, their number already right."""

    function: str
    arguments: tuple[Node, ...]
    at: int = field(default=0, compare=False)


Node = Number | Name | Text | Word | Unary | Binary | Array | Call


def names(node: Node) -> Iterator[Name]:
    """Yield every Id in the tree, in the order written."""
    if isinstance(node, Name):
        yield node
    for child in children(node):
        yield from names(child)


def children(node: Node) -> tuple[Node, ...]:
    """Return the nodes right below."""
    if isinstance(node, Unary):
        return (node.operand,)
    if isinstance(node, Binary):
        return (node.left, node.right)
    return node.items if isinstance(node, Array) else node.arguments if isinstance(node, Call) else ()


def written(node: Node, power: int = 0) -> str:
    """Return the text of a tree, with the fewest parentheses that read back as the same tree."""
    if isinstance(node, (Unary, Binary)):
        mine, text = _written_operation(node)
        return f"({text})" if mine < power else text
    if isinstance(node, Array):
        return f"[{', '.join(map(written, node.items))}]"
    if isinstance(node, Call):
        return f"{node.function}({', '.join(map(written, node.arguments))})"
    return _written_leaf(node)


def _written_leaf(node: Number | Name | Text | Word) -> str:
    if isinstance(node, Number):
        return repr(node.value).removesuffix(".0")
    if isinstance(node, Text):
        return f'"{node.value}"'
    return node.id if isinstance(node, Name) else node.word


def _written_operation(node: Unary | Binary) -> tuple[int, str]:
    """Return how strongly the operator binds, and its text."""
    if isinstance(node, Unary):
        mine, sign = (NOT_POWER, "NOT ") if node.operator == "NOT" else (MINUS_POWER, "-")
        return mine, f"{sign}{written(node.operand, mine)}"
    mine = POWER[node.operator]
    from_right = node.operator == "^"
    left, right = written(node.left, mine + from_right), written(node.right, mine + (not from_right))
    return mine, f"{left} {node.operator} {right}"
