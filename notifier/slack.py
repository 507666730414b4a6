"""The Slack adapter: slack_sdk's WebClient without its sleeping retries; every failure gets a verdict.

Sources: docs.slack.dev, rate limits (HTTP 429 with Retry-After) and the errors of chat.postMessage and chat.update. HTTP is
200 even for most errors: ``ok`` and ``error`` in the body decide.
"""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit

from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.client import WebClient

from alarms.domain.errors import Permanent, Retryable
from notifier.ports import Answer, Posted, Throttled, Transport, Unsure

TIMEOUT_S = 5
DEFAULT_RETRY_S = 30.0  # a 429 without a readable Retry-After
STALE_TOKEN = frozenset({"invalid_auth", "token_revoked", "token_expired", "not_authed", "account_inactive"})
THROTTLED = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
PASSING = frozenset({"service_unavailable", "team_added_to_org", "accesslimited", "request_timeout"})
OUTCOME_LOST = frozenset({"internal_error", "fatal_error"})  # Slack: "some aspect of the operation may have succeeded"
_CODE = re.compile(r"[a-z0-9_]{1,80}\Z")
_LOOK_BACK = timedelta(minutes=1)  # Slack's clock and the alarm's need not agree
_LOOKED_AT = 100  # messages of a channel that are searched for one of ours


class WebTransport:
    """The real one: slack_sdk over HTTPS."""

    def __init__(self, url: str, timeout_s: int = TIMEOUT_S) -> None:
        self._client = WebClient(base_url=url, timeout=timeout_s, retry_handlers=[])
        if urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1"):
            self._client.proxy = None  # the SDK takes a proxy from the environment even for this machine

    def __call__(self, method: str, payload: Mapping[str, Any], token: str) -> Answer:
        """Return Slack's answer, whatever it says."""
        try:
            headers = {"Authorization": f"Bearer {token}"}
            answer = self._client.api_call(method, json=dict(payload), headers=headers)
            return Answer(answer.status_code, _body(answer.data))
        except SlackApiError as error:
            response = error.response
            headers = {name.lower(): value for name, value in dict(getattr(response, "headers", {})).items()}
            return Answer(response.status_code, _body(response.data), str(headers.get("retry-after", "")))
        except SlackClientError as error:
            raise OSError(f"{method}: {type(error).__name__}") from None


class SlackApi:
    """notifier.ports.Slack over a transport. ``token(now, fresh=…)`` gives the bot token."""

    def __init__(self, transport: Transport, token: Callable[..., str]) -> None:
        self._transport, self._token = transport, token

    def post(self, payload: Mapping[str, Any], now: datetime) -> Posted:
        """Post a message (chat.postMessage); returns Slack's own ids of channel and message."""
        body = self._call("chat.postMessage", payload, now)
        return Posted(str(body.get("channel", "")), str(body.get("ts", "")))

    def update(self, payload: Mapping[str, Any], now: datetime) -> None:
        """Edit a message (chat.update)."""
        self._call("chat.update", payload, now)

    def find(self, channel: str, metadata: Mapping[str, Any], *, thread_ts: str, since: datetime, now: datetime) -> Posted | None:
        """Look through the channel's (or thread's) newest messages; None as well when the scope to read them is missing."""
        oldest = f"{(min(since, now) - _LOOK_BACK).timestamp():.6f}"
        payload = {"channel": channel, "oldest": oldest, "limit": _LOOKED_AT, "include_all_metadata": True}
        method = "conversations.history"
        if thread_ts:
            method, payload = "conversations.replies", {**payload, "ts": thread_ts}
        try:
            body = self._call(method, payload, now)
        except Permanent:  # no scope, or a channel known by name only: saying it twice beats not saying it
            return None
        return next((Posted(channel, str(found["ts"])) for found in body.get("messages", ()) if _is(found, metadata)), None)

    def _call(self, method: str, payload: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
        """Call with the kept token, once more with a fresh one when Slack no longer accepts it."""
        try:
            return self._once(method, payload, self._token(now))
        except Permanent as refused:
            if refused.code not in STALE_TOKEN:
                raise
            return self._once(method, payload, self._token(now, fresh=True))

    def _once(self, method: str, payload: Mapping[str, Any], token: str) -> Mapping[str, Any]:
        try:
            answer = self._transport(method, payload, token)
        except (ConnectionRefusedError, URLError) as error:
            raise _unanswered(method, error) from None
        except (OSError, http.client.HTTPException) as error:  # a timeout or a connection that broke off
            raise Unsure(f"Slack {method}: {type(error).__name__}") from None
        return judged(method, answer)


def judged(method: str, answer: Answer) -> Mapping[str, Any]:
    """Return the body of an ``ok`` answer; raise Retryable, Unsure or Permanent for every other. Pure."""
    said = str(answer.body.get("error", ""))
    code = said if _CODE.match(said) else ""  # the SDK puts a sentence there when the body is no JSON
    if answer.status == 429 or code in THROTTLED:
        raise Throttled(f"Slack {method}: rate limited", _seconds(answer.retry_after))
    if answer.status >= 500 or code in OUTCOME_LOST:
        raise Unsure(f"Slack {method}: HTTP {answer.status} {code}".rstrip())
    if code in PASSING:
        raise Retryable(f"Slack {method}: {code}")
    if answer.body.get("ok") is True:
        return answer.body
    if not code and answer.status == 200:
        raise Unsure(f"Slack {method}: an answer that is no JSON")
    raise Permanent(f"Slack {method}: {code or f'HTTP {answer.status}'}", code or f"http_{answer.status}")


def _unanswered(method: str, error: Exception) -> Retryable:
    """Tell a connection that was never made (nothing was sent) from one that may have carried the request."""
    cause = error.reason if isinstance(error, URLError) else error
    message = f"Slack {method}: {type(cause).__name__}"
    never_sent = isinstance(cause, ConnectionRefusedError) or type(cause).__name__ in ("gaierror", "SSLCertVerificationError")
    return Retryable(message) if never_sent else Unsure(message)


def _seconds(retry_after: str) -> float:
    try:
        return max(1.0, float(retry_after))
    except ValueError:
        return DEFAULT_RETRY_S


def _body(data: object) -> Mapping[str, Any]:
    return data if isinstance(data, dict) else {}


def _is(message: Mapping[str, Any], metadata: Mapping[str, Any]) -> bool:
    kept = message.get("metadata") or {}
    return all(kept.get(member) == metadata.get(member) for member in ("event_type", "event_payload"))
