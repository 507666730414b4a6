"""What should exist in CloudWatch: the pure result of compiling a catalogue, input of `plan`, `export` and the checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from alarms.domain.alarm import Alarm
from alarms.problem import Place

Operation = Literal["PutMetricAlarm", "PutCompositeAlarm"]

# Tags by which an alarm is known to be ours; `plan` treats an alarm without the first two as foreign.
TAG_CATALOGUE = "tocsin:catalogue"
TAG_STAGE = "tocsin:stage"
TAG_ROW = "tocsin:row"
TAG_APPLIED = "tocsin:applied"  # digest of the request that was last applied, for three-way drift


@dataclass(frozen=True, slots=True)
class Desired:
    """One alarm as it should be. ``request`` holds the boto3 members of ``operation`` without ``Tags``.

    ``id`` is what people type, shortened where it is unique in the catalogue (``sqs/oldest-message-age``). ``tags`` are
    the ownership tags without TAG_APPLIED, which `apply` adds. ``parents`` are names of composite alarms that refer to it.
    ``place`` is where the row stands in the YAML.
    """

    id: str
    alarm: Alarm
    operation: Operation
    request: Mapping[str, Any]
    tags: Mapping[str, str]
    place: Place
    parents: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The AlarmName."""
        return self.alarm.name
