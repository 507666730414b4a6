"""What metric math does to points: operators, functions over series and arrays, and the filling of gaps.

A value is a number, a series (None where a point is missing) or an array of series. The rules for missing points are told in
``alarms.metric_math``.
"""

from __future__ import annotations

import math
import operator as arithmetic
from collections.abc import Callable, Iterable
from itertools import pairwise

from alarms.metric_math_syntax import ExpressionError

Scalar = float | None
Series = tuple[Scalar, ...]
Value = Scalar | Series | list[Series]


def at(value: Scalar | Series, place: int) -> Scalar:
    """Return the point at ``place``; a number is the same at every place."""
    return value[place] if isinstance(value, tuple) else value


def chosen(truth: Scalar, then: Scalar, otherwise: Scalar) -> Scalar:
    """Return what IF gives for one point: a missing condition drops it, a missing branch "then" is 0."""
    if truth is None:
        return None
    if truth:
        return 0.0 if then is None else then
    return otherwise


def each(compute: Callable[[float], float], value: Value) -> Value:
    """Apply to every point; a missing one stays missing."""
    if isinstance(value, list):
        return [_each_point(compute, one) for one in value]
    if isinstance(value, tuple):
        return _each_point(compute, value)
    return None if value is None else _real(compute, value)


def _each_point(compute: Callable[[float], float], points: Series) -> Series:
    return tuple(None if point is None else _real(compute, point) for point in points)


def between(compute: Callable[[float, float], float], left: Value, right: Value) -> Value:
    """Apply an operator; an array takes it series by series."""
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
    return tuple(_pair(compute, at(left, place), at(right, place), both) for place in range(length))


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


def over(compute: Callable[[list[float]], float], value: Value) -> Value:
    """Return one series for an array, point by point, and one number for a series, over all its points."""
    if isinstance(value, list):
        return tuple(_present(compute, points) for points in zip(*value, strict=True))
    return _present(compute, value if isinstance(value, tuple) else (value,))


def _present(compute: Callable[[list[float]], float], points: Iterable[Scalar]) -> Scalar:
    there = [point for point in points if point is not None]
    return _real(lambda: compute(there)) if there else None


def steps(value: Value, period_s: int) -> Value:
    """Return DIFF, or RATE per second when ``period_s`` is not 0: against the point before that is there."""
    if isinstance(value, list):
        return [_series_steps(one, period_s) for one in value]
    return _series_steps(value, period_s) if isinstance(value, tuple) else None


def _series_steps(points: Series, period_s: int) -> Series:
    found: list[Scalar] = []
    before: tuple[int, float] | None = None
    for place, point in enumerate(points):
        if point is None or before is None:
            found.append(None)
        else:
            found.append((point - before[1]) / ((place - before[0]) * period_s if period_s else 1))
        if point is not None:
            before = (place, point)
    return tuple(found)


def filled(points: Series, by: Scalar | Series) -> Series:
    """Fill gaps with a number, or with the points of another series."""
    return tuple(at(by, place) if point is None else point for place, point in enumerate(points))


def repeated(points: Series) -> Series:
    """Fill gaps with the last point before them; a gap at the start stays."""
    last: Scalar = None
    filled = []
    for point in points:
        last = last if point is None else point
        filled.append(last)
    return tuple(filled)


def interpolated(points: Series) -> Series:
    """Fill gaps on the line between their ends; a gap without two ends stays."""
    filled = list(points)
    there = [place for place, point in enumerate(points) if point is not None]
    for left, right in pairwise(there):
        start, end = points[left] or 0.0, points[right] or 0.0
        for place in range(left + 1, right):
            filled[place] = start + (end - start) * (place - left) / (right - left)
    return tuple(filled)


OPERATORS: dict[str, Callable[[float, float], float]] = {
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
POINTWISE: dict[str, Callable[[float], float]] = {
    "-": arithmetic.neg,
    "NOT": lambda point: float(point == 0),
    "ABS": abs,
    "CEIL": math.ceil,
    "FLOOR": math.floor,
}
OVER: dict[str, Callable[[list[float]], float]] = {
    "MAX": max,
    "MIN": min,
    "SUM": math.fsum,
    "AVG": lambda points: math.fsum(points) / len(points),
}
