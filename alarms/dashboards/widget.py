"""The pieces of a dashboard: widgets without a place, and what CloudWatch allows of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alarms.domain.regions import partition_of

# [CloudWatch user guide, "Dashboard body structure": 500 widgets, 100 ARNs of an alarm widget, 24 columns; "Service quotas":
# 2500 metrics of a dashboard, those included that only feed an expression. A graph takes 500 and stays legible far below.]
COLUMNS = 24
MOST_WIDGETS = 500
MOST_METRICS = 2500
MOST_METRICS_OF_A_WIDGET = 100
MOST_ALARMS_OF_A_WIDGET = 100
# AWS publishes no size of a body. This is ours: what a browser still opens at once, and far from any limit of a request.
MOST_BYTES = 400_000

PLACED_BYTES = 90  # what type, x, y, width and height of one widget take in a body, at most


@dataclass(frozen=True, slots=True)
class Widget:
    """One widget as CloudWatch knows it, without its place.

    ``width`` and ``height`` are in cells of the grid, ``metrics`` the number of series it reads, hidden ones included.
    ``alarms`` are the names of those alarms whose own drawing it is.
    """

    type: str
    width: int
    height: int
    properties: Mapping[str, Any]
    metrics: int = 0
    alarms: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Return the bytes it takes in a body, placed."""
        return len(as_text(self.properties).encode()) + PLACED_BYTES

    def placed(self, x: int, y: int) -> dict[str, Any]:
        """Return it as it stands in a body, its upper left corner at column ``x`` and row ``y``."""
        return {
            "type": self.type,
            "x": x,
            "y": y,
            "width": self.width,
            "height": self.height,
            "properties": dict(self.properties),
        }


def as_text(value: Any) -> str:
    """Return JSON without spaces: the form in which bodies are sent, measured and compared."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def text(markdown: str, *, height: int, width: int = COLUMNS) -> Widget:
    """Return a widget that shows Markdown."""
    return Widget("text", width, height, {"markdown": markdown, "background": "transparent"})


def status(title: str, arns: Sequence[str], alarms: tuple[str, ...] = ()) -> Widget:
    """Return a widget that shows the state of up to 100 alarms, those that ring first."""
    properties = {"title": title, "alarms": list(arns), "sortBy": "stateUpdatedTimestamp"}
    return Widget("alarm", COLUMNS, min(2 + -(-len(arns) // 4), 14), properties, alarms=alarms)


def arn_of(account: str, region: str, name: str) -> str:
    """Return the ARN of an alarm."""
    return f"arn:{partition_of(region)}:cloudwatch:{region}:{account}:alarm:{name}"


def plain(words: str) -> str:
    """Return ``words`` as one line that means nothing to Markdown and to CloudWatch's dynamic labels."""
    flat = " ".join(words.split())
    return "".join(f"\\{sign}" if sign in "\\`*_[]<|" else sign for sign in flat)


def label(words: str) -> str:
    """Return ``words`` as a label that CloudWatch shows as it stands: ``${`` would start a dynamic label."""
    return " ".join(words.split()).replace("${", "$ {")
