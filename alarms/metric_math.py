"""Metric math as an alarm computes it: an expression over series of equal length, None where a point is missing.

The rules for missing points are CloudWatch's (user guide, "Using math expressions with CloudWatch metrics"): in arithmetic
between two series a missing point counts as 0 if the other has one; a division by zero drops the point; IF drops it when
its condition is missing or when it has no value for the branch "else". Where the guide is silent: a missing point beside a
plain number stays missing, and a function over an array looks at the points that are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from alarms.metric_math_points import (
    OPERATORS,
    OVER,
    POINTWISE,
    Series,
    Value,
    at,
    between,
    chosen,
    each,
    filled,
    interpolated,
    over,
    repeated,
    steps,
)
from alarms.metric_math_syntax import ExpressionError, Parser
from alarms.metric_math_tree import Array, Binary, Call, Name, Node, Number, Text, Unary, Word, children, names, written

__all__ = ["Expression", "ExpressionError", "results"]


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
        every = tuple(given) if metrics is None else tuple(metrics)
        value = _Computation(given, every, length, period_s).value(self.root)
        if isinstance(value, list):
            raise ExpressionError(
                0, "the result is several series; an alarm watches one: use SUM, AVG, MAX or MIN over the array"
            )
        return value if isinstance(value, tuple) else (value,) * length


def results(
    expressions: Mapping[str, Expression], metrics: Mapping[str, Sequence[float | None]], period_s: int
) -> dict[str, tuple[float | None, ...]]:
    """Compute all expressions of one alarm, which may name each other, over its metrics; by Id, metrics included.

    ExpressionError when an Id is unknown or expressions need each other in a circle.
    """
    done = {name: tuple(points) for name, points in metrics.items()}
    waiting = dict(expressions)
    while waiting:
        ready = [name for name, expression in waiting.items() if not expression.ids & waiting.keys()]
        if not ready:
            raise ExpressionError(0, f"expressions need each other in a circle: {', '.join(sorted(waiting))}")
        for name in ready:
            done[name] = waiting.pop(name).evaluate(done, period_s, metrics)
    return done


def _calls(node: Node, function: str) -> bool:
    if isinstance(node, Call) and node.function == function:
        return True
    return any(_calls(child, function) for child in children(node))


@dataclass(frozen=True, slots=True)
class _Computation:
    series: Mapping[str, Series]
    metrics: tuple[str, ...]
    length: int
    period_s: int

    def value(self, node: Node) -> Value:
        if isinstance(node, Call):
            return self._call(node)
        if isinstance(node, (Unary, Binary)):
            return self._operation(node)
        if isinstance(node, Array):
            return [one for item in node.items for one in self._as_series(item)]
        return self._leaf(node)

    def _leaf(self, node: Number | Name | Text | Word) -> Value:
        if isinstance(node, Number):
            return node.value
        if isinstance(node, Name):
            return self._named(node)
        raise ExpressionError(0, f"{written(node)} is no value; text belongs in METRICS, REPEAT and LINEAR in FILL")

    def _named(self, name: Name) -> Series:
        if name.id not in self.series:
            known = ", ".join(sorted(self.series)) or "none"
            raise ExpressionError(name.at, f"there is no metric with the id {name.id}; known: {known}")
        return self.series[name.id]

    def _operation(self, node: Unary | Binary) -> Value:
        if isinstance(node, Binary):
            return between(OPERATORS[node.operator], self.value(node.left), self.value(node.right))
        return each(POINTWISE[node.operator], self.value(node.operand))

    def _as_series(self, node: Node) -> list[Series]:
        value = self.value(node)
        if isinstance(value, list):
            return value
        return [value if isinstance(value, tuple) else (value,) * self.length]

    def _call(self, call: Call) -> Value:
        own = {"METRICS": self._all_metrics, "IF": self._if, "FILL": self._fill, "PERIOD": self._period}
        if call.function in own:
            return own[call.function](call)
        value = self.value(call.arguments[0])
        if call.function in POINTWISE:
            return each(POINTWISE[call.function], value)
        if call.function in OVER:
            return over(OVER[call.function], value)
        return steps(value, self.period_s if call.function == "RATE" else 0)

    def _period(self, call: Call) -> Value:
        self.value(call.arguments[0])
        return float(self.period_s)

    def _all_metrics(self, call: Call) -> Value:
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
        if isinstance(condition, tuple):
            return tuple(chosen(truth, at(then, place), at(otherwise, place)) for place, truth in enumerate(condition))
        return None if condition is None else then if condition else otherwise

    def _fill(self, call: Call) -> Value:
        value, way = self.value(call.arguments[0]), call.arguments[1]
        if not isinstance(value, (tuple, list)):
            raise ExpressionError(call.at, "FILL takes a series first, as in FILL(m1, 0)")
        return [self._filled(one, way) for one in value] if isinstance(value, list) else self._filled(value, way)

    def _filled(self, points: Series, way: Node) -> Series:
        if isinstance(way, Word):
            return repeated(points) if way.word == "REPEAT" else interpolated(points)
        by = self.value(way)
        if isinstance(by, list):
            raise ExpressionError(0, "FILL fills with a number, REPEAT, LINEAR or one series")
        return filled(points, by)
