"""What green must be like, and whether it is. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LONGEST_S = 3600


@dataclass(frozen=True, slots=True)
class Expected:
    """``rounds`` of four requests; at most ``failures`` of them may fail, and nine of ten must end within ``slowest_ms``.

    ``bucket`` and ``prefix`` are where a form must lead, ``timeout_s`` after what time a request has failed.
    """

    bucket: str
    prefix: str
    rounds: int = 5
    failures: int = 1
    slowest_ms: float = 1000.0
    timeout_s: float = 3.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request: what it was for, why it failed ("" when it did not), how long it took."""

    step: str
    why: str
    ms: float


def verdict(outcomes: Sequence[Outcome], expected: Expected) -> str:
    """Return why green must not have traffic, "" when it may."""
    failed = Counter(f"{outcome.step} {outcome.why}" for outcome in outcomes if outcome.why)
    if failed.total() > expected.failures:
        told = "; ".join(f"{count} times {what}" for what, count in failed.most_common(3))
        return f"{failed.total()} of {len(outcomes)} requests failed, {expected.failures} may: {told}"
    slow = p90([outcome.ms for outcome in outcomes])
    if slow > expected.slowest_ms:
        return f"p90 of {len(outcomes)} requests is {slow:.0f} ms, above {expected.slowest_ms:.0f} ms"
    return ""


def p90(times: Sequence[float]) -> float:
    """Return the time that nine of ten stay within; infinity when nothing was measured."""
    return sorted(times)[math.ceil(0.9 * len(times)) - 1] if times else math.inf


def order_answers(status: int, body: object, expected: Expected) -> str:
    """Return what is wrong with the answer to an order of an upload, "" for nothing. Nothing of the form itself is repeated."""
    if status not in (200, 201):
        return "neither 200 nor 201"
    if not isinstance(body, Mapping) or not UUID.fullmatch(str(body.get("id", ""))):
        return "no id"
    expires = body.get("expires_in_s")
    if not isinstance(expires, int) or not 0 < expires <= LONGEST_S:
        return "a form that never expires, or has already"
    form = body.get("upload")
    if not isinstance(form, Mapping) or not isinstance(form.get("fields"), Mapping):
        return "no form"
    return _form(str(form.get("url", "")), form["fields"], expected)


def status_answers(status: int, body: object) -> str:
    """Return what is wrong with the answer to "what became of it", "" for nothing."""
    if status != 200:
        return "not 200"
    return "" if isinstance(body, Mapping) and isinstance(body.get("status"), str) else "no status"


def refusal_answers(status: int) -> str:
    """Return what is wrong with the answer to an order that no rule allows, "" for nothing."""
    return "" if 400 <= status < 500 else "what is not allowed was not refused"


def _form(url: str, fields: Mapping[str, object], expected: Expected) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "no address"
    first = parts.path.lstrip("/").partition("/")[0]
    host = parts.hostname or ""
    in_bucket = host.startswith(f"{expected.bucket}.s3") or (host.startswith("s3") and first == expected.bucket)
    if parts.scheme != "https" or not in_bucket:
        return "a form that does not lead to the bucket by https"
    if not str(fields.get("key", "")).startswith(expected.prefix):
        return "a key outside the uploads"
    names = {name.lower() for name in fields}
    return "" if "policy" in names and names & {"x-amz-signature", "signature"} else "a form without a signature"
