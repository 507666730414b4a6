"""Metric math as an alarm computes it: an expression over series of equal length, None where a point is missing.

The rules for missing points are CloudWatch's (user guide, "Using math expressions with CloudWatch metrics"): in arithmetic
between two series a missing point counts as 0 if the other has one; a division by zero drops the point; IF drops it when
its condition is missing or when it has no value for the branch "else". Where the guide is silent: a missing point beside a
plain number stays missing, and a function over an array looks at the points that are there.
"""

from __future__ import annotations

import math
import operator as arithmetic
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from alarms.metric_math_syntax import (
    Array,
    Binary,
    Call,
    ExpressionError,
    Name,
    Node,
    Number,
    Parser,
    Text,
    Unary,
    Word,
    children,
    names,
    written,
)

__all__ = ["Expression", "ExpressionError"]

Scalar = float | None
Series = tuple[Scalar, ...]
Value = Scalar | Series | list[Series]  # a number, one series, or an array of series


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression, read once. ``str`` gives its canonical text, which reads back as the same expression."""

    root: Node

    @staticmethod
    def parse(text: str) -> Expression:
        """Read ``text``; ExpressionError names the character and what would be right."""
        return Expression(Parser(text).parse())

    def __str__(self) -> str:
        return written(self.root)

    @property
    def ids(self) -> frozenset[str]:
        """The Ids it names. METRICS() names none and takes every metric: see ``takes_all``."""
        return frozenset(name.id for name in names(self.root))

    @property
    def takes_all(self) -> bool:
        """Whether it uses METRICS(), and so depends on every metric of the alarm."""
        return _calls(self.root, "METRICS")

    def evaluate(
        self, series: Mapping[str, Sequence[float | None]], period_s: int, metrics: Iterable[str] | None = None
    ) -> tuple[float | None, ...]:
        """Compute the series of results, as long as the given ones (oldest first, one point each ``period_s`` seconds).

        ``series`` holds every Id the expression names; ``metrics`` says which of them METRICS() means (the entries with a
        MetricStat; all of them when None). A result that is one number is that number at every point. ExpressionError when an
        Id is not given or the result is an array: an alarm watches one series.
        """
        given = {name: tuple(points) for name, points in series.items()}
        length = max((len(points) for points in given.values()), default=0)
        if any(len(points) != length for points in given.values()):
            raise ExpressionError(0, "all series must have the same number of points")
        chosen = tuple(given) if metrics is None else tuple(metrics)
        value = _Computation(given, chosen, period_s).value(self.root)
        if isinstance(value, list):
            raise ExpressionError(
                0, "the result is several series; an alarm watches one: use SUM, AVG, MAX or MIN over the array"
            )
        return value if isinstance(value, tuple) else (value,) * length


def _calls(node: Node, function: str) -> bool:
    if isinstance(node, Call) and node.function == function:
        return True
    return any(_calls(child, function) for child in children(node))


@dataclass(frozen=True, slots=True)
class _Computation:
    series: Mapping[str, Series]
    metrics: tuple[str, ...]
    period_s: int

    def value(self, node: Node) -> Value:
        match node:
            case Number(number):
                return number
            case Name(identity, at):
                return self._named(identity, at)
            case Unary("-", operand):
                return _each(lambda point: -point, self.value(operand))
            case Unary(_, operand):
                return _each(lambda point: float(point == 0), self.value(operand))
            case Binary(operator, left, right):
                return _between(_OPERATORS[operator], self.value(left), self.value(right))
            case Array(items):
                return [one for item in items for one in self._as_series(item)]
            case Call():
                return self._call(node)
            case Text() | Word():
                raise ExpressionError(0, f"{written(node)} is no value; text belongs in METRICS, REPEAT and LINEAR in FILL")

    def _named(self, identity: str, at: int) -> Series:
        if identity not in self.series:
            known = ", ".join(sorted(self.series)) or "none"
            raise ExpressionError(at, f"there is no metric with the id {identity}; known: {known}")
        return self.series[identity]

    def _as_series(self, node: Node) -> list[Series]:
        value = self.value(node)
        if isinstance(value, list):
            return value
        length = max((len(points) for points in self.series.values()), default=0)
        return [value if isinstance(value, tuple) else (value,) * length]

    def _call(self, call: Call) -> Value:
        match call.function:
            case "METRICS":
                return self._all_metrics(call)
            case "IF":
                return self._if(call)
            case "FILL":
                return self._fill(call)
            case "PERIOD":
                return float(self.period_s)
        value = self.value(call.arguments[0])
        if call.function in _POINTWISE:
            return _each(_POINTWISE[call.function], value)
        if call.function in _OVER:
            return _over(_OVER[call.function], value)
        return _steps(value, self.period_s if call.function == "RATE" else 0)

    def _all_metrics(self, call: Call) -> list[Series]:
        if not call.arguments:
            return [self.series[name] for name in self.metrics]
        wanted = call.arguments[0]
        if not isinstance(wanted, Text):
            raise ExpressionError(call.at, 'METRICS takes text in quotes, as in METRICS("errors")')
        return [self.series[name] for name in self.metrics if wanted.value in name]

    def _if(self, call: Call) -> Value:
        condition = self.value(call.arguments[0])
        then = self.value(call.arguments[1])
        otherwise = self.value(call.arguments[2]) if len(call.arguments) > 2 else None
        if isinstance(condition, list) or isinstance(then, list) or isinstance(otherwise, list):
            raise ExpressionError(call.at, "IF takes series and numbers, no arrays")
        if not isinstance(condition, tuple):
            if condition is None:
                return None
            return then if condition else otherwise
        return tuple(_if_point(truth, _at(then, place), _at(otherwise, place)) for place, truth in enumerate(condition))

    def _fill(self, call: Call) -> Value:
        value, way = self.value(call.arguments[0]), call.arguments[1]
        if not isinstance(value, (tuple, list)):
            raise ExpressionError(call.at, "FILL takes a series first, as in FILL(m1, 0)")
        if isinstance(way, Word):
            fill = _repeat if way.word == "REPEAT" else _linear
            return [fill(one) for one in value] if isinstance(value, list) else fill(value)
        by = self.value(way)
        if isinstance(by, list):
            raise ExpressionError(call.at, "FILL fills with a number, REPEAT, LINEAR or one series")
        return [_filled(one, by) for one in value] if isinstance(value, list) else _filled(value, by)


def _at(value: Scalar | Series, place: int) -> Scalar:
    return value[place] if isinstance(value, tuple) else value


def _if_point(truth: Scalar, then: Scalar, otherwise: Scalar) -> Scalar:
    if truth is None:
        return None
    if truth:
        return 0.0 if then is None else then
    return otherwise


def _each(compute: Callable[[float], float], value: Value) -> Value:
    """Apply to every point; a missing one stays missing."""
    if isinstance(value, list):
        return [_each_point(compute, one) for one in value]
    if isinstance(value, tuple):
        return _each_point(compute, value)
    return None if value is None else _real(compute, value)


def _each_point(compute: Callable[[float], float], points: Series) -> Series:
    return tuple(None if point is None else _real(compute, point) for point in points)


def _between(compute: Callable[[float, float], float], left: Value, right: Value) -> Value:
    if isinstance(left, list) and isinstance(right, list):
        raise ExpressionError(0, "an operator cannot stand between two arrays; take SUM, AVG, MAX or MIN of one")
    if isinstance(left, list):
        return [_pairwise(compute, one, _single(right)) for one in left]
    if isinstance(right, list):
        return [_pairwise(compute, left, one) for one in right]
    if isinstance(left, tuple) or isinstance(right, tuple):
        return _pairwise(compute, left, right)
    return None if left is None or right is None else _real(compute, left, right)


def _single(value: Value) -> Scalar | Series:
    return None if isinstance(value, list) else value


def _pairwise(compute: Callable[[float, float], float], left: Scalar | Series, right: Scalar | Series) -> Series:
    both = isinstance(left, tuple) and isinstance(right, tuple)
    length = len(left) if isinstance(left, tuple) else len(right) if isinstance(right, tuple) else 0
    return tuple(_pair(compute, _at(left, place), _at(right, place), both) for place in range(length))


def _pair(compute: Callable[[float, float], float], left: Scalar, right: Scalar, both_series: bool) -> Scalar:
    if left is None and right is None:
        return None
    if left is None or right is None:
        if not both_series:
            return None
        return _real(compute, left or 0.0, right or 0.0)
    return _real(compute, left, right)


def _real(compute: Callable[..., float], *values: float) -> Scalar:
    """Compute one point; what is no finite real number (a division by zero, a root of a negative) is dropped."""
    try:
        result = compute(*values)
    except (ArithmeticError, ValueError):
        return None
    return float(result) if isinstance(result, (int, float)) and math.isfinite(result) else None


def _over(compute: Callable[[list[float]], float], value: Value) -> Value:
    """An array gives one series, point by point; a series gives one number over all its points."""
    if isinstance(value, list):
        return tuple(_present(compute, points) for points in zip(*value, strict=True))
    return _present(compute, value if isinstance(value, tuple) else (value,))


def _present(compute: Callable[[list[float]], float], points: Iterable[Scalar]) -> Scalar:
    there = [point for point in points if point is not None]
    return _real(compute, there) if there else None  # type: ignore[arg-type]  # _real passes its arguments on as they are


def _steps(value: Value, period_s: int) -> Value:
    """Return DIFF, or RATE per second when ``period_s`` is not 0: against the point before that is there."""
    if isinstance(value, list):
        return [_series_steps(one, period_s) for one in value]
    return _series_steps(value, period_s) if isinstance(value, tuple) else None


def _series_steps(points: Series, period_s: int) -> Series:
    steps: list[Scalar] = []
    before: tuple[int, float] | None = None
    for place, point in enumerate(points):
        if point is None or before is None:
            steps.append(None)
        else:
            steps.append((point - before[1]) / ((place - before[0]) * period_s if period_s else 1))
        if point is not None:
            before = (place, point)
    return tuple(steps)


def _filled(points: Series, by: Scalar | Series) -> Series:
    return tuple(_at(by, place) if point is None else point for place, point in enumerate(points))


def _repeat(points: Series) -> Series:
    last: Scalar = None
    filled = []
    for point in points:
        last = last if point is None else point
        filled.append(last)
    return tuple(filled)


def _linear(points: Series) -> Series:
    """Fill gaps on the line between their ends; a gap without two ends stays."""
    filled = list(points)
    there = [place for place, point in enumerate(points) if point is not None]
    for left, right in zip(there, there[1:], strict=False):
        start, end = points[left] or 0.0, points[right] or 0.0
        for place in range(left + 1, right):
            filled[place] = start + (end - start) * (place - left) / (right - left)
    return tuple(filled)


_OPERATORS: dict[str, Callable[[float, float], float]] = {
    "+": arithmetic.add,
    "-": arithmetic.sub,
    "*": arithmetic.mul,
    "/": arithmetic.truediv,
    "^": arithmetic.pow,
    "==": arithmetic.eq,
    "!=": arithmetic.ne,
    "<": arithmetic.lt,
    "<=": arithmetic.le,
    ">": arithmetic.gt,
    ">=": arithmetic.ge,
    "AND": lambda left, right: float(bool(left) and bool(right)),
    "OR": lambda left, right: float(bool(left) or bool(right)),
}
_POINTWISE: dict[str, Callable[[float], float]] = {"ABS": abs, "CEIL": math.ceil, "FLOOR": math.floor}
_OVER: dict[str, Callable[[list[float]], float]] = {
    "MAX": max,
    "MIN": min,
    "SUM": math.fsum,
    "AVG": lambda points: math.fsum(points) / len(points),
}
