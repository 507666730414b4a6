"""Slack's signature of a request, version v0: proof that Slack sent exactly this body within the last five minutes. Pure.

Source: docs.slack.dev, "Verifying requests from Slack": HMAC-SHA256 with the signing secret over ``v0:<timestamp>:<raw body>``.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

WINDOW_S = 300
_LONGEST = len("v0=") + 64


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """Return the header X-Slack-Signature of ``body`` sent at ``timestamp`` (epoch seconds as text)."""
    base = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


def plausible(timestamp: str, signature: str, now: datetime) -> bool:
    """Tell whether it is worth asking for the secret: a signature's form, and a time within the window on either side."""
    formed = signature.isascii() and len(signature) == _LONGEST and signature.startswith("v0=")
    timed = timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12
    return formed and timed and abs(now.timestamp() - int(timestamp)) <= WINDOW_S


def valid(secret: str, timestamp: str, signature: str, body: bytes) -> bool:
    """Tell whether ``signature`` is that of ``body`` and ``timestamp``, in constant time; an empty secret signs nothing."""
    return bool(secret) and hmac.compare_digest(sign(secret, timestamp, body).encode(), signature.encode("utf-8", "replace"))
