"""What alarms are called: names that no two rows can share, and that a second target or a new threshold never changes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

MAX_NAME = 255  # CloudWatch's limit, in characters; ASCII control characters are not allowed
_DIGEST = 10


def target_key(dimensions: Mapping[str, str]) -> str:
    """Return the last part of an alarm's name: the dimension values in the order of their names, joined by commas.

    ``/`` separates a name's parts, so it is written ``:`` here; what would then be ambiguous, or a control character, is
    percent-encoded. Different values therefore give different keys.
    """
    return ",".join(_encode(dimensions[name]) for name in sorted(dimensions))


def alarm_name(parts: Iterable[str], dimensions: Mapping[str, str]) -> str:
    """Return ``<parts…>/<target key>``, of at most 255 characters: a key that is too long ends in a digest of the whole."""
    head, key = "/".join(parts), target_key(dimensions)
    name = f"{head}/{key}"
    if len(name) <= MAX_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGEST]
    return f"{name[: MAX_NAME - _DIGEST - 1]}~{digest}"


def _encode(value: str) -> str:
    return "".join(_character(character) for character in value)


def _character(character: str) -> str:
    if character == "/":
        return ":"
    if character in "%:,~" or ord(character) < 32 or ord(character) == 127:
        return f"%{ord(character):02X}"
    return character
