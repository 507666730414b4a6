"""AWS as the checks ask it: read-only calls at a pace that disturbs nobody, each asked once, each "no" in our own words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from alarms.calls import Caller, Now, Pace, Sleep
from alarms.domain.errors import Permanent, Retryable
from infra.doctor.check import Absent, CouldNotTell

PER_SECOND = 8  # calls of one service: below the lowest of the quotas of what is asked here
# AWS's words for "you may not" and "there is no such thing", over all services that are asked.
_REFUSED = re.compile(r"access.?denied|unauthori[sz]ed|forbidden|not.?authori[sz]ed|authorization.?error", re.IGNORECASE)
_ABSENT = re.compile(r"not.?found|no.?such|nonexistent|does.?not.?exist", re.IGNORECASE)
_ACTION = re.compile(r"perform: ([a-z0-9-]+:[A-Za-z]+)")
# What IAM calls a service, where botocore calls it otherwise.
_PREFIXES = {"resourcegroupstaggingapi": "tag"}


class Account:
    """One account and region. ``clients(name)`` returns a boto3 client."""

    def __init__(self, clients: Callable[[str], Any], *, now: Now, sleep: Sleep) -> None:
        self._clients = clients
        self._call = Caller(sleep)
        self._now, self._sleep = now, sleep
        self._paces: dict[str, Pace] = {}
        self._answers: dict[str, Mapping[str, Any] | CouldNotTell] = {}

    def ask(self, service: str, operation: str, **members: Any) -> Mapping[str, Any]:
        """Return the answer to one read. Absent when it does not exist, CouldNotTell when AWS would not say; both remembered."""
        key = json.dumps([service, operation, members], sort_keys=True, default=str)
        if key not in self._answers:
            try:
                self._answers[key] = self._asked(service, operation, members)
            except CouldNotTell as error:
                self._answers[key] = error
        answer = self._answers[key]
        if isinstance(answer, CouldNotTell):
            raise answer
        return answer

    def pages(self, service: str, operation: str, token: str, most: int, **members: Any) -> Iterator[Mapping[str, Any]]:
        """Return the pages of a listing, at most ``most``; CouldNotTell instead of a further one: a part is no whole."""
        following: dict[str, Any] = {}
        given_back_as = "Marker" if token.endswith("Marker") else token
        for _ in range(most):
            page = self.ask(service, operation, **members, **following)
            yield page
            if not page.get(token):
                return
            following = {given_back_as: page[token]}
        raise CouldNotTell(f"{operation} has more than {most} pages; what follows was not looked at")

    def _asked(self, service: str, operation: str, members: Mapping[str, Any]) -> Mapping[str, Any]:
        client = self._clients(service)
        pace = self._paces.setdefault(service, Pace(PER_SECOND, self._now, self._sleep))
        call = getattr(client, _snake(operation))
        try:
            answer: Mapping[str, Any] = self._call(operation, lambda: call(**members), pace)
        except Permanent as error:
            raise said_no(service, operation, error) from error
        except Retryable as error:
            raise CouldNotTell(f"{operation}: AWS does not answer now; ask again later") from error
        return answer


def said_no(service: str, operation: str, error: Permanent) -> CouldNotTell:
    """Return AWS's refusal of one call: what is missing, or that what was asked about does not exist."""
    if _REFUSED.search(error.code):
        named = _ACTION.search(str(error))
        action = named[1] if named else f"{_PREFIXES.get(service, service)}:{operation}"
        return CouldNotTell(f"the permission {action} is missing")
    if _ABSENT.search(error.code):
        return Absent(f"{operation}: {error.code}")
    return CouldNotTell(f"{operation}: {error.code or 'no answer'}")


def _snake(operation: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", operation).lower()
