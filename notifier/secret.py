"""Slack's secrets from Secrets Manager: fetched when first needed, kept five minutes so that a rotation works, never logged.

One secret holds both as JSON: ``{"bot_token": "xoxb-…", "signing_secret": "…"}``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from alarms.domain.errors import Permanent, Retryable

KEPT = timedelta(minutes=5)


class Secret:
    """One secret of Secrets Manager, a JSON object of texts."""

    def __init__(self, client: Callable[[], Any], name: str) -> None:
        self._client, self._name = client, name
        self._kept: tuple[Mapping[str, Any], datetime] | None = None

    def member(self, member: str, now: datetime, *, fresh: bool = False) -> str:
        """Return one text of it. Retryable when the secret cannot be read, Permanent when it has no such text."""
        if self._kept is None or fresh or not timedelta(0) <= self.age(now) < KEPT:
            self._kept = (self._read(), now)
        value = self._kept[0].get(member)
        if not isinstance(value, str) or not value.strip():
            raise Permanent(f'secret {self._name} must be JSON with a "{member}"', "bad_secret")
        return value.strip()

    def age(self, now: datetime) -> timedelta:
        """Return how old the kept copy is; more than any patience where there is none."""
        return now - self._kept[1] if self._kept else timedelta.max

    def _read(self) -> Mapping[str, Any]:
        try:
            text = self._client().get_secret_value(SecretId=self._name)["SecretString"]
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            raise Retryable(f"secret {self._name}: {code}") from None
        except BotoCoreError as error:
            raise Retryable(f"secret {self._name}: {type(error).__name__}") from None
        except KeyError:  # a binary secret
            return {}
        try:
            document = json.loads(text)
        except (TypeError, ValueError):
            return {}
        return document if isinstance(document, dict) else {}


class Token:
    """``token(now)`` returns the bot token; ``fresh=True`` asks again although a copy is kept."""

    def __init__(self, client: Callable[[], Any], secret: str) -> None:
        self._secret = Secret(client, secret)

    def __call__(self, now: datetime, *, fresh: bool = False) -> str:
        """Return the token. Retryable when the secret cannot be read, Permanent when it holds no token."""
        return self._secret.member("bot_token", now, fresh=fresh)
