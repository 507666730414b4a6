"""Slack's Web API as the checks ask it, with the standard library: whose token it is, what it may do, which channels it sees."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.doctor.check import CouldNotTell

ADDRESS = "https://slack.com/api/"
PATIENCE_S = 10.0
MOST_PAGES = 20  # of a thousand channels each
_LOOPBACK = ("http://127.0.0.1:", "http://localhost:")


class SlackSaidNo(Exception):
    """Slack answered, and the answer is an error; ``str(error)`` is Slack's own code."""


@dataclass
class SlackWeb:
    """Slack for one bot token. ``url`` ends with ``/api/``; only loopback may be without TLS."""

    url: str
    token: str = field(repr=False)
    _answers: dict[str, tuple[Mapping[str, Any], str]] = field(default_factory=dict, repr=False)

    def who(self) -> tuple[Mapping[str, Any], frozenset[str] | None]:
        """Return auth.test's answer and the token's scopes; None for these when Slack did not say them."""
        answer, scopes = self._call("auth.test", {})
        return answer, frozenset(part.strip() for part in scopes.split(",") if part.strip()) if scopes else None

    def channels(self) -> list[Mapping[str, Any]]:
        """Return every channel that the token can see. SlackSaidNo("missing_scope") where it may not look."""
        found: list[Mapping[str, Any]] = []
        cursor = ""
        for _ in range(MOST_PAGES):
            asked = {"types": "public_channel,private_channel", "limit": "1000", **({"cursor": cursor} if cursor else {})}
            answer, _ = self._call("conversations.list", asked)
            found += [channel for channel in answer.get("channels", ()) if isinstance(channel, dict)]
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return found
        raise CouldNotTell(f"the workspace has more than {MOST_PAGES * 1000} channels; give channel ids in tocsin.yaml")

    def _call(self, method: str, members: Mapping[str, str]) -> tuple[Mapping[str, Any], str]:
        key = json.dumps([method, dict(members)])
        if key not in self._answers:
            self._answers[key] = self._posted(method, members)
        answer, scopes = self._answers[key]
        if not answer.get("ok"):
            raise SlackSaidNo(str(answer.get("error", "no reason"))[:60])
        return answer, scopes

    def _posted(self, method: str, members: Mapping[str, str]) -> tuple[Mapping[str, Any], str]:
        if not self.url.startswith(("https://", *_LOOPBACK)):
            raise CouldNotTell("Slack's address must begin with https://")
        request = urllib.request.Request(  # noqa: S310 - the scheme is checked in the line above
            self.url + method,
            data=urllib.parse.urlencode(members).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/x-www-form-urlencoded"},
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:  # noqa: S310 - as above
                answer = json.loads(response.read())
                scopes = str(response.headers.get("x-oauth-scopes") or "")
        except urllib.error.HTTPError as error:
            raise CouldNotTell(f"Slack's {method} answers with HTTP {error.code}; ask again later") from None
        except (OSError, ValueError) as error:
            raise CouldNotTell(f"Slack's {method} does not answer ({type(error).__name__})") from None
        return (answer if isinstance(answer, dict) else {"ok": False, "error": "no object"}), scopes
