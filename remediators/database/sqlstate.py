"""PostgreSQL's error codes as verdicts: which pass by themselves, which are a "no", and what they mean in words of ours.

The server's own message is never passed on: it may quote data, names of roles or parts of a statement.
"""

from __future__ import annotations

from alarms.domain.errors import Permanent, Retryable

SLOTS_FULL = "53300"
BAD_PASSWORD = "28P01"  # noqa: S105 - a SQLSTATE, no password
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_MEANING = {
    "08001": "the connection could not be made",
    "08006": "the connection broke",
    "22023": "a parameter has a value that is not allowed",
    "28000": "the role may not connect",
    BAD_PASSWORD: "the secret's password is not the role's",
    "3D000": "there is no such database",
    "40001": "it collided with another transaction",
    "40P01": "it would have waited for itself",
    "42501": "the role lacks a privilege",
    "42601": "the statement cannot be read",
    "42704": "there is no such role or setting",
    "42P01": "there is no such table",
    SLOTS_FULL: "all connection slots are taken",
    "55P03": "a lock was not free in time",
    "57014": "the statement ran out of time",
    "57P01": "the session was ended by an administrator",
    "57P02": "the server crashed",
    "57P03": "the server is starting or stopping",
    "57P05": "the session was ended for being idle",
}
# Class 08: connections. 53: resources, where waiting helps all but the slots: for those there is another way in.
_PASSING_CLASSES = ("08", "40", "53", "58")
_PASSING = {"55P03", "57014", "57P01", "57P02", "57P03", "57P05"}


def failure(code: str) -> Retryable | Permanent:
    """Return the failure for SQLSTATE ``code``, to be raised: Permanent has it as its ``code``."""
    text = f"PostgreSQL {code}: {_MEANING.get(code, 'refused')}"
    if code != SLOTS_FULL and (code in _PASSING or code.startswith(_PASSING_CLASSES)):
        return Retryable(text)
    return Permanent(text, code)
