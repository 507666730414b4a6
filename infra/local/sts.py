"""STS's AssumeRole: roles of this and other accounts, whom they trust under which external id, and the sessions they gave."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from infra.local.aws_error import AwsError
from infra.local.seam import Operation, Request


@dataclass(frozen=True, slots=True)
class Session:
    """What an access key stands for."""

    account: str
    until: datetime
    role: str = ""
    name: str = ""


class Sts:
    """``roles`` maps a role's ARN to the external id that its trust policy asks for."""

    def __init__(self, home: str, now: Callable[[], datetime]) -> None:
        self.roles: dict[str, str] = {}
        self.sessions: dict[str, Session] = {}
        self._home = home
        self._now = now

    @property
    def operations(self) -> dict[str, Operation]:
        """What is answered here."""
        return {"AssumeRole": self._assume_role}

    def key_of(self, account: str) -> str:
        """Return an access key of ``account`` that does not end: a person's, or a deployer's."""
        return self._key(Session(account, datetime.max.replace(tzinfo=self._now().tzinfo)))

    def account_of(self, key: str) -> str:
        """Return the account that ``key`` acts in. Raises AwsError when its time is over."""
        session = self.sessions.get(key)
        if session is not None and session.until <= self._now():
            raise AwsError("ExpiredTokenException", "The security token included in the request is expired", 403)
        return session.account if session else self._home

    def _assume_role(self, params: Mapping[str, Any], request: Request) -> dict[str, Any]:
        role, name = params["RoleArn"], params["RoleSessionName"]
        if role not in self.roles or self.roles[role] != params.get("ExternalId"):
            raise AwsError("AccessDenied", f"not authorized to perform: sts:AssumeRole on resource: {role}", 403)
        account, until = role.split(":")[4], request.at + timedelta(seconds=params.get("DurationSeconds", 3600))
        key = self._key(Session(account, until, role, name))
        return {
            "Credentials": {
                "AccessKeyId": key,
                "SecretAccessKey": "embedded-secret",
                "SessionToken": "embedded-token",
                "Expiration": until,
            },
            "AssumedRoleUser": {
                "AssumedRoleId": f"AROAEMBEDDED00000001:{name}",
                "Arn": f"arn:aws:sts::{account}:assumed-role/{role.rsplit('/', 1)[-1]}/{name}",
            },
        }

    def _key(self, session: Session) -> str:
        key = f"ASIA{len(self.sessions):016d}"
        self.sessions[key] = session
        return key
