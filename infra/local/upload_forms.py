"""What S3 itself enforces of what was signed: the policy of an upload form, the address of a presigned link. Pure.

moto takes any form and any link. Without this door in front of it nothing would show that a wrong size, type, key or hour is
refused by the signature, and not only by our own code. [Amazon S3 API reference, POST policy, Authenticating requests: query
parameters (AWS Signature Version 4); error codes and texts as S3 spells them]
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote

ALGORITHM = "AWS4-HMAC-SHA256"
# Fields that no condition has to cover.
FREE = frozenset({"policy", "x-amz-signature", "file", "awsaccesskeyid"})


class NotSigned(Exception):
    """S3 refuses: ``status`` and ``code`` as it answers."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Keys:
    """The one pair of credentials that is known."""

    access: str
    secret: str


def check_form(fields: Mapping[str, str], size: int, bucket: str, keys: Keys, now: datetime) -> None:
    """Raise NotSigned unless the form's policy was signed, has not expired, and allows these fields and this size."""
    given = {name.lower(): value for name, value in fields.items()}
    credential = given.get("x-amz-credential", "").split("/")
    if given.get("x-amz-algorithm") != ALGORITHM or len(credential) != 5 or "policy" not in given:
        raise NotSigned(400, "InvalidArgument", "the form is not signed with Signature Version 4")
    if credential[0] != keys.access:
        raise NotSigned(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
    _compare(_signature(keys, credential, given["policy"]), given.get("x-amz-signature", ""))
    policy = _policy(given["policy"])
    if now >= datetime.fromisoformat(policy["expiration"]):
        raise NotSigned(403, "AccessDenied", "Invalid according to Policy: Policy expired.")
    covered = {"bucket": bucket, **given}
    for condition in policy["conditions"]:
        _hold(condition, covered, size)
    named = {name for condition in policy["conditions"] for name in _names(condition)}
    for name in given.keys() - FREE - named:
        if not name.startswith("x-ignore-"):
            raise NotSigned(403, "AccessDenied", f"Invalid according to Policy: Extra input fields: {name[:40]}")


def check_link(method: str, host: str, path: str, query: str, keys: Keys, now: datetime) -> None:
    """Raise NotSigned unless the presigned address was signed for this method, host and path, and has not expired."""
    pairs = parse_qsl(query, keep_blank_values=True)
    given = dict(pairs)
    credential = given.get("X-Amz-Credential", "").split("/")
    try:
        signed_at = datetime.strptime(given["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        lasts = timedelta(seconds=int(given["X-Amz-Expires"]))
        signature, headers = given["X-Amz-Signature"], given["X-Amz-SignedHeaders"]
    except (KeyError, ValueError):
        raise NotSigned(403, "AccessDenied", "Query-string authentication is incomplete") from None
    if credential[0] != keys.access or len(credential) != 5:
        raise NotSigned(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
    signed = sorted((quote(k, safe="-_.~"), quote(v, safe="-_.~")) for k, v in pairs if k != "X-Amz-Signature")
    canonical = "\n".join(
        [method, path, "&".join(f"{k}={v}" for k, v in signed), f"host:{host}", "", headers, "UNSIGNED-PAYLOAD"]
    )
    scope = "/".join(credential[1:])
    text = "\n".join([ALGORITHM, given["X-Amz-Date"], scope, hashlib.sha256(canonical.encode()).hexdigest()])
    _compare(_signature(keys, credential, text), signature)
    if now >= signed_at + lasts:
        raise NotSigned(403, "AccessDenied", "Request has expired")


def _signature(keys: Keys, credential: list[str], text: str) -> str:
    key = f"AWS4{keys.secret}".encode()
    for part in credential[1:]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _compare(wanted: str, found: str) -> None:
    if not hmac.compare_digest(wanted.encode(), found.encode()):
        raise NotSigned(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the one you provided.")


def _policy(encoded: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.b64decode(encoded))  # it is signed: one of ours
    return found


def _names(condition: Any) -> list[str]:
    if isinstance(condition, Mapping):
        return [name.lower() for name in condition]
    return [] if condition[0] == "content-length-range" else [condition[1].removeprefix("$").lower()]


def _hold(condition: Any, given: Mapping[str, str], size: int) -> None:
    """Raise NotSigned unless one condition holds."""
    if isinstance(condition, Mapping):
        wrong = [name for name, value in condition.items() if given.get(name.lower()) != value]
    elif condition[0] == "content-length-range":
        if size > int(condition[2]):
            raise NotSigned(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
        if size < int(condition[1]):
            raise NotSigned(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
        wrong = []
    else:
        value = given.get(condition[1].removeprefix("$").lower(), "")
        holds = value.startswith(condition[2]) if condition[0] == "starts-with" else value == condition[2]
        wrong = [] if holds else [condition[1]]
    if wrong:
        raise NotSigned(403, "AccessDenied", f"Invalid according to Policy: Policy Condition failed: {json.dumps(condition)}")
