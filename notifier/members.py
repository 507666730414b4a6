"""Who a Slack user is, and a word to that user alone: two calls over plain HTTPS, since slack_sdk is slow to import.

Source: docs.slack.dev, users.info (scope users:read) and the user object: guests are ``is_restricted`` (multi-channel) or
``is_ultra_restricted`` (single-channel); people of other organisations have another ``team_id`` or are ``is_stranger``.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from http.client import HTTPException
from typing import Any
from urllib.parse import urlencode, urlsplit

from alarms.domain import readings
from alarms.domain.errors import Permanent, Retryable

LOOK_S = 1.5  # Slack waits three seconds for the whole answer
SPEAK_S = 0.8
KEPT = timedelta(minutes=5)
_MOST_KEPT = 200
_LONGEST = 200_000
_NOBODY = frozenset({"user_not_found", "user_not_visible", "users_not_found"})
_NOT_FULL = ("deleted", "is_bot", "is_restricted", "is_ultra_restricted", "is_stranger", "is_workflow_bot", "is_connector_bot")
_HOOKS = frozenset({"hooks.slack.com", "hooks.slack-gov.com"})


class Membership(StrEnum):
    """What is known of a user."""

    FULL = "full-member"
    OTHER = "no-full-member"  # a guest, a bot, somebody who left, another organisation's
    UNKNOWN = "unknown"  # Slack did not say


class Members:
    """Asks Slack who a user is; a sure answer is kept for five minutes. ``url`` is the Web API's address."""

    def __init__(self, url: str, token: Callable[[datetime], str], team: str) -> None:
        self._url, self._token, self._team = url, token, team
        self._kept: dict[str, tuple[Membership, datetime]] = {}

    def of(self, user: str, now: datetime) -> Membership:
        """Return what ``user`` is; UNKNOWN when Slack cannot be asked within its time. Never raises for that."""
        kept = self._kept.get(user)
        if kept and timedelta(0) <= now - kept[1] < KEPT:
            return kept[0]
        found = judged(self._asked(user, now), user, self._team)
        if found is not Membership.UNKNOWN:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[user] = (found, now)
        return found

    def tell(self, answer_url: str, text: str) -> bool:
        """Say ``text`` to the one who pressed, for nobody else to see; False when it could not be said."""
        if not _answers(answer_url, self._url):
            return False
        said = {"response_type": "ephemeral", "replace_original": False, "text": text}
        try:
            _post(answer_url, json.dumps(said).encode(), {"Content-Type": "application/json"}, SPEAK_S)
        except (OSError, HTTPException, ValueError):
            return False
        return True

    def _asked(self, user: str, now: datetime) -> Mapping[str, object]:
        try:
            headers = {"Authorization": f"Bearer {self._token(now)}", "Content-Type": "application/x-www-form-urlencoded"}
            return readings.table(
                readings.decoded(_post(f"{self._url}users.info", urlencode({"user": user}).encode(), headers, LOOK_S))
            )
        except (OSError, HTTPException, ValueError, Retryable, Permanent):
            return {}


def judged(answer: Mapping[str, object], user: str, team: str) -> Membership:
    """Return what an answer of users.info says of ``user`` in our ``team``. Pure; what is not said is not known."""
    if answer.get("ok") is not True:
        return Membership.OTHER if answer.get("error") in _NOBODY else Membership.UNKNOWN
    found = readings.table(answer.get("user"))
    if found.get("id") != user or not isinstance(found.get("team_id"), str):
        return Membership.UNKNOWN
    other = found["team_id"] != team or any(found.get(flag) for flag in _NOT_FULL)
    return Membership.OTHER if other else Membership.FULL


def _answers(url: str, api: str) -> bool:
    """Tell whether ``url`` is one of Slack's for answers: what is in a payload is not called blindly."""
    try:
        asked, own = urlsplit(url), urlsplit(api)
    except ValueError:
        return False
    return (asked.scheme == "https" and asked.netloc in _HOOKS) or (asked.scheme, asked.netloc) == (own.scheme, own.netloc)


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token elsewhere."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""


def _post(url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> str:
    here = urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
    opener = urllib.request.build_opener(_Stay, *([urllib.request.ProxyHandler({})] if here else []))
    request = urllib.request.Request(url, data=body, headers=dict(headers))  # noqa: S310 - https, or the embedded Slack
    with opener.open(request, timeout=timeout_s) as answer:
        return str(answer.read(_LONGEST).decode("utf-8", "replace"))
