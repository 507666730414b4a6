"""The types that YAML values are read into, each with its own error text and its JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

from pydantic import Discriminator, PlainValidator, Tag, WithJsonSchema

from alarms.domain.alarm import Missing as MissingMode
from alarms.domain.alarm import Mode, Severity
from alarms.domain.bounds import Limit
from alarms.domain.text import Language
from alarms.kind import LowSamples, Metric, Statistic, did_you_mean
from alarms.quantity import (
    When,
    Window,
    duration_text,
    parse_datapoints,
    parse_duration,
    parse_limit,
    parse_size,
    parse_when,
)

MAX_RANGE_S = 604800  # CloudWatch: period times periods, at most 7 days
MAX_SHORT_RANGE_S = 86400  # … and at most a day for periods below an hour
HIGH_RESOLUTION_S = (10, 20, 30)

# Control characters but tab and line break, and marks that turn the direction of what follows them.
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069]")
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?")
_ACCOUNT = re.compile(r"[0-9]{12}")
_EXTERNAL_ID = re.compile(r"[A-Za-z0-9_+=,.@:/-]{8,128}")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]{1,2}")
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,256}|arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}")


def text_of(value: Any) -> str:
    """Return ``value`` when it is text; ValueError says what YAML made of it otherwise."""
    if isinstance(value, str):
        return value
    if isinstance(value, date):
        raise ValueError(f'{value} is read as a date: write "{value}" in quotes')
    if value is None:
        raise ValueError("the value is empty: write it, or leave out the key")
    if isinstance(value, bool):
        raise ValueError(f"{str(value).lower()} is read as true or false: write it in quotes")
    if isinstance(value, int | float):
        raise ValueError(f'{value} is read as a number: write "{value}" in quotes')
    raise ValueError("text is expected here, not a list or a map")


def _scalar_text(value: Any) -> str:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else text_of(value)


def _parsed(parse: Callable[[str], Any]) -> PlainValidator:
    return PlainValidator(lambda value: parse(_scalar_text(value)))


def _described(description: str, **more: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "description": description, **more})


def _choice(kind: type[Any], what: str) -> PlainValidator:
    values = [str(member.value) for member in kind]

    def parse(value: Any) -> Any:
        if isinstance(value, kind):
            return value
        text = text_of(value)
        if text not in values:
            raise ValueError(f"{text!r} is no {what}; {did_you_mean(text, values)}")
        return kind(text)

    return PlainValidator(parse)


def _pattern(pattern: re.Pattern[str], what: str) -> PlainValidator:
    def parse(value: Any) -> str:
        text = text_of(value)
        if not pattern.fullmatch(text):
            raise ValueError(f"{text!r} is not {what}")
        return text

    return PlainValidator(parse)


def _line(value: Any) -> str:
    text = text_of(value).strip()
    if not text:
        raise ValueError("the text is empty")
    if len(text) > 1000:
        raise ValueError(f"{len(text)} characters; at most 1000")
    if found := _UNSEEN.search(text):
        raise ValueError(f"the text holds {found[0]!a}, which nobody sees; remove it")
    return " ".join(text.split())


def _reason(value: Any) -> str:
    if isinstance(value, bool):
        raise ValueError('a reason is expected; say why, as in `disable: "no dead letters by design"`')
    return _line(value)


def _dimension(value: Any) -> str:
    text = text_of(value)
    if not 1 <= len(text) <= 1024 or not text.isascii() or not text.isprintable() or not text.strip():
        raise ValueError(f"{text!r} is no dimension value: 1 to 1024 printable ASCII characters")
    return text


def _dimension_name(value: Any) -> str:
    text = text_of(value)
    if not 1 <= len(text) <= 255 or not text.isascii() or not text.isprintable() or not text.strip() or text.startswith(":"):
        raise ValueError("no name of a dimension: 1 to 255 printable ASCII characters, the first of them no colon")
    return text


def _true_or_false(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false is expected")
    return value


def _day(value: Any) -> date:
    if not isinstance(value, date):
        raise ValueError("a day is expected, as in 2027-03-31")
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("a whole number of at least 1 is expected; leave the key out for none")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ValueError("a number of at least 0 is expected")
    return float(value)


def parse_window(value: Any) -> Window:
    """Read ``5 m`` or ``{period: 60 s, datapoints: 3 of 5}``; ValueError says what is wrong."""
    if not isinstance(value, dict):
        return window(60, *_periods(parse_duration(_scalar_text(value))))
    unknown = next((key for key in value if key not in ("period", "datapoints")), None)
    if unknown is not None:
        raise ValueError(f"there is no key {unknown!r}; {did_you_mean(str(unknown), ('period', 'datapoints'))}")
    if len(value) < 2:
        raise ValueError("both are needed: {period: 60 s, datapoints: 3 of 5}")
    return window(parse_duration(_scalar_text(value["period"])), *parse_datapoints(_scalar_text(value["datapoints"])))


def window(period_s: int, datapoints: int, periods: int) -> Window:
    """Return the window when CloudWatch allows it; ValueError otherwise."""
    if period_s not in HIGH_RESOLUTION_S and period_s % 60:
        raise ValueError(f"the period {duration_text(period_s)} is not possible: 10 s, 20 s, 30 s or a multiple of 60 s")
    most = MAX_SHORT_RANGE_S if period_s < 3600 else MAX_RANGE_S
    if period_s * periods > most:
        raise ValueError(
            f"{periods} periods of {duration_text(period_s)} are longer than {duration_text(most)}, "
            "CloudWatch's limit (a day, or 7 days with periods of 1 h and more)"
        )
    return Window(period_s, datapoints, periods)


def _periods(seconds: int) -> tuple[int, int]:
    if seconds % 60:
        raise ValueError(f"{duration_text(seconds)} is no number of whole minutes: write {{period: 10 s, datapoints: 3 of 3}}")
    return seconds // 60, seconds // 60


Slug = Annotated[
    str, _pattern(_SLUG, "a short name: small letters, digits and -, at most 48"), _described("small letters, digits, -")
]
Line = Annotated[str, PlainValidator(_line), _described("text, at most 1000 characters", maxLength=1000)]
Reason = Annotated[str, PlainValidator(_reason), _described("a reason, at most 1000 characters", maxLength=1000)]
DimensionValue = Annotated[str, PlainValidator(_dimension), _described("value of a dimension", maxLength=1024)]
DimensionName = Annotated[str, PlainValidator(_dimension_name), _described("name of a dimension", maxLength=255)]
Dimensions = dict[DimensionName, DimensionValue]
LIST_OF, MAP_OF = "[list]", "[map]"  # which of the two shapes an error is about; a step in its path, not a key
ForEach = Annotated[
    Annotated[list[Dimensions], Tag(LIST_OF)] | Annotated[dict[DimensionName, list[DimensionValue]], Tag(MAP_OF)],
    Discriminator(lambda value: LIST_OF if isinstance(value, list) else MAP_OF),
]
Flag = Annotated[bool, PlainValidator(_true_or_false), WithJsonSchema({"type": "boolean"})]
Day = Annotated[date, PlainValidator(_day), _described("a day", format="date")]
Count = Annotated[int, PlainValidator(_count), WithJsonSchema({"type": "integer", "minimum": 1})]
Number = Annotated[float, PlainValidator(_number), WithJsonSchema({"type": "number", "minimum": 0})]
Duration = Annotated[int, _parsed(parse_duration), _described("a duration: `15 m`, `90 s`, `6 h`, `2 d`", examples=["15 m"])]
Size = Annotated[int, _parsed(parse_size), _described("a size: `128 TiB`", examples=["128 TiB"])]
LimitText = Annotated[
    Limit, _parsed(parse_limit), _described("`3 per hour`, `10 per day`, `2 per 30 m`", examples=["3 per hour"])
]
WhenText = Annotated[When, _parsed(parse_when), _described("what must not stay true: `>= 600 s`", examples=[">= 600 s"])]
MetricText = Annotated[
    Metric, PlainValidator(lambda value: Metric.parse(text_of(value))), _described("`AWS/SQS ApproximateAgeOfOldestMessage`")
]
StatisticText = Annotated[
    Statistic, PlainValidator(lambda value: Statistic.parse(text_of(value))), _described("`Average`, `Maximum`, `p90` …")
]
WindowField = Annotated[
    Window,
    PlainValidator(parse_window),
    WithJsonSchema(
        {
            "description": "how long it must stay true: `5 m`, or {period: 60 s, datapoints: 3 of 5}",
            "anyOf": [
                {"type": "string"},
                {
                    "type": "object",
                    "properties": {"period": {"type": "string"}, "datapoints": {"type": "string"}},
                    "required": ["period", "datapoints"],
                    "additionalProperties": False,
                },
            ],
        }
    ),
]


def _enumerated(kind: type[Any]) -> WithJsonSchema:
    return WithJsonSchema({"enum": [member.value for member in kind]})


SeverityName = Annotated[Severity, _choice(Severity, "severity"), _enumerated(Severity)]
ModeName = Annotated[Mode, _choice(Mode, "mode"), _enumerated(Mode)]
MissingName = Annotated[MissingMode, _choice(MissingMode, "way to treat missing data"), _enumerated(MissingMode)]
LanguageName = Annotated[Language, _choice(Language, "language"), _enumerated(Language)]
LowSamplesName = Annotated[LowSamples, _choice(LowSamples, "way to treat few samples"), _enumerated(LowSamples)]
Account = Annotated[str, _pattern(_ACCOUNT, "an account: twelve digits in quotes"), _described("twelve digits, in quotes")]
Region = Annotated[str, _pattern(_REGION, "a region, as in ap-northeast-2"), _described("`ap-northeast-2`")]
ExternalId = Annotated[
    str,
    _pattern(_EXTERNAL_ID, "an external id: 8 to 128 of A-Z a-z 0-9 _ + = , . @ : / -"),
    _described("what a role's trust policy asks for; make one with `openssl rand -hex 16`"),
]
Topic = Annotated[str, _pattern(_TOPIC, "an SNS topic's name or ARN"), _described("name or ARN of an SNS topic")]
