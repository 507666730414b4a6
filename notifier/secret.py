"""The bot token from Secrets Manager: fetched when first needed, kept five minutes so that a rotation works, never logged."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from alarms.domain.errors import Permanent, Retryable

KEPT = timedelta(minutes=5)


class Token:
    """``token(now)`` returns the bot token; ``fresh=True`` asks again although a copy is kept."""

    def __init__(self, client: Callable[[], Any], secret: str) -> None:
        self._client, self._secret = client, secret
        self._kept: tuple[str, datetime] | None = None

    def __call__(self, now: datetime, *, fresh: bool = False) -> str:
        """Return the token. Retryable when the secret cannot be read, Permanent when it holds no token."""
        if self._kept and not fresh and timedelta(0) <= now - self._kept[1] < KEPT:
            return self._kept[0]
        self._kept = (self._read(), now)
        return self._kept[0]

    def _read(self) -> str:
        try:
            text = self._client().get_secret_value(SecretId=self._secret)["SecretString"]
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            raise Retryable(f"secret {self._secret}: {code}") from None
        except BotoCoreError as error:
            raise Retryable(f"secret {self._secret}: {type(error).__name__}") from None
        try:
            token = json.loads(text)["bot_token"]
        except (KeyError, TypeError, ValueError):
            token = None
        if not isinstance(token, str) or not token.strip():
            raise Permanent(f'secret {self._secret} must be JSON with a "bot_token"', "bad_secret") from None
        return token.strip()
