"""Throwing the live switch and releasing it: text of the parameter in, text out. Pure; whatever else it holds is kept."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from alarms.domain.errors import Refused
from alarms.domain.event import iso

Document = dict[str, Any]


def paused(text: str | None, *, policy: str | None, reason: str, by: str, at: datetime) -> str:
    """Return the switch with everything, or one ``policy`` (a row's full id or an action), paused.

    ``text`` is the parameter's present value, None when there is none. One that cannot be read holds everything already,
    and is replaced: stopping must always work.
    """
    try:
        document = _document(text)
    except Refused:
        document = {}
    entry = _entry(document, policy)
    entry.update(paused=True, reason=reason, by=by, at=iso(at))
    return _text(document)


def resumed(text: str | None, *, policy: str | None, reason: str, by: str, at: datetime) -> str:
    """Return the switch with the pause of everything, or of one ``policy``, taken back. Modes stay as they are.

    Refused when that is not paused, so that nobody believes to have released what another entry still holds; and when the
    value cannot be read: what it meant to hold is not known.
    """
    document = _document(text)
    known = document if policy is None else document.get("policies", {}).get(policy, {})
    if known.get("paused") is not True:
        held = [name for name, entry in document.get("policies", {}).items() if entry.get("paused")]
        held = ["everything", *held] if document.get("paused") else held
        raise Refused(f"{policy or 'everything'} is not paused; what is: {', '.join(held) or 'nothing'}")
    _entry(document, policy).update(paused=False, reason=reason, by=by, at=iso(at))
    return _text(document)


def _document(text: str | None) -> Document:
    """Read the parameter's value; a missing one allows nothing yet, which is mode observe."""
    if text is None:
        return {}
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    policies = document.get("policies", {}) if isinstance(document, dict) else None
    if not isinstance(policies, dict) or not all(isinstance(entry, dict) for entry in policies.values()):
        raise Refused("the switch cannot be read, which holds everything; write it anew with `aws ssm put-parameter`")
    return dict(document)


def _entry(document: Document, policy: str | None) -> Document:
    """Return the entry to change, made where it is missing."""
    document.setdefault("paused", False)
    document.setdefault("mode", "observe")
    if policy is None:
        return document
    entry: Document = document.setdefault("policies", {}).setdefault(policy, {})
    return entry


def _text(document: Document) -> str:
    return json.dumps(document, ensure_ascii=False, sort_keys=True)
