"""Pages of a listing, with the opaque token that AWS gives for the next one."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import TypeVar

from infra.local.aws_error import AwsError

T = TypeVar("T")


def page(items: Sequence[T], size: int, token: str | None, *, error: str = "InvalidNextToken") -> tuple[list[T], str | None]:
    """Return the page of ``items`` that ``token`` asks for, and the token of the next page (None after the last).

    AwsError with code ``error`` when the token is none of ours.
    """
    start = _offset(token, error) if token else 0
    rest = start + size
    return list(items[start:rest]), (_token(rest) if rest < len(items) else None)


def _token(offset: int) -> str:
    return base64.urlsafe_b64encode(f"page:{offset}".encode()).decode()


def _offset(token: str, error: str) -> int:
    try:
        word, _, number = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
        if word == "page":
            return int(number)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        pass
    raise AwsError(error, "The specified token is not valid.")
