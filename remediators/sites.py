"""Where the remediators read and act: at home with their own rights, in a spoke as the role that the spoke lends them.

A place that is not on the allow list cannot be reached at all: whoever asks for it gets a Permanent. The list is read when an
alarm of another place comes, and again once a minute at most, so that a place that is taken off is soon left alone.
The credentials of a role are kept in this process until shortly before they end, and are never logged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from alarms.domain.errors import BadInput, Permanent
from remediators.aws import Alarms, Clients, Credentials, Failure
from remediators.levels import Levels
from remediators.ports import Site

if TYPE_CHECKING:
    from remediators.spokes import Spoke

LIST_FOR = timedelta(seconds=60)
# The least that STS gives. A role that itself was assumed, as a function's is, may have an hour at most.
SESSION_S = 900
# Longer than an invocation may take: what begins with these credentials ends with them.
SPARE = timedelta(minutes=3)
MOST_VISITS = 32  # sessions that are kept at once; the oldest goes first
LOOKING = "look"

Text = Callable[[], str]


class SpokesParameter:
    """The allow list in Parameter Store."""

    def __init__(self, clients: Clients, parameter: str) -> None:
        self._clients = clients
        self._parameter = parameter

    def __call__(self) -> str:
        """Return the list's text. Raises Retryable or Permanent; a parameter that does not exist is a Permanent too."""
        return str(self._clients("ssm").get_parameter(Name=self._parameter)["Parameter"]["Value"])


@dataclass(slots=True)
class _Visit:
    """One session in a spoke. ``until`` is None as long as its role was not assumed."""

    spoke: Spoke
    site: Site
    until: datetime | None = None

    def lasts(self, spoke: Spoke, now: datetime) -> bool:
        """Tell whether it may still be used, for ``spoke`` as the list says it now."""
        return self.spoke == spoke and (self.until is None or self.until - SPARE > now)


class Sites:
    """Every place that may be reached. ``spokes`` gives the allow list's text; None where there is no list: home alone."""

    def __init__(self, home: str, own: Clients, spokes: Text | None = None, session: str = "tocsin") -> None:
        self.home = home
        self._clients = own
        self._spokes = spokes
        self._session = session
        self._at_home = _site(own)
        self._list: Mapping[str, Spoke] = {}
        self._read_at: datetime | None = None
        self._visits: dict[tuple[str, str], _Visit] = {}

    def reaches(self, place: str, now: datetime) -> bool | None:
        """Tell whether ``place`` (``account/region``) may be acted in; None when a list should be there and no right one is.

        Raises Retryable while Parameter Store does not answer: the message comes back then.
        """
        if place == self.home:
            return True
        try:
            return place in self.spokes(now)
        except Permanent:
            return None

    def spokes(self, now: datetime) -> Mapping[str, Spoke]:
        """Return the allow list as it was at most a minute ago. Raises Retryable or Permanent; no old list outlives a failure."""
        if self._spokes is None:
            return {}
        from remediators.spokes import parse  # here: whoever has no list starts without it

        if self._read_at is None or not self._read_at <= now < self._read_at + LIST_FOR:
            self._read_at = None
            try:
                self._list = parse(self._spokes(), self.home)
            except BadInput as error:
                raise Permanent(str(error), "spokes-unreadable") from error
            self._read_at = now
        return self._list

    def at(self, place: str, now: datetime, run: str = "") -> Site:
        """Return what reads and acts in ``place``; ``run`` stands in the session's name, and so in the spoke's CloudTrail.

        Raises Permanent for a place that is not on the list, and what reading the list raises. The role is assumed by the first
        call that is made there.
        """
        if place == self.home:
            return self._at_home
        spoke = self.spokes(now).get(place)
        if spoke is None:
            raise Permanent(f"{place} is not on the list of places that may be acted in", "place-not-allowed")
        key = (place, run or LOOKING)
        visit = self._visits.get(key)
        if visit is None or not visit.lasts(spoke, now):
            visit = self._visit(key, spoke)
        return visit.site

    def _visit(self, key: tuple[str, str], spoke: Spoke) -> _Visit:
        self._visits.pop(key, None)
        while len(self._visits) >= MOST_VISITS:
            del self._visits[next(iter(self._visits))]

        def credentials() -> Credentials:
            given = self._assume(spoke, f"{self._session}-{key[1]}")
            visit.until = given["Expiration"]
            return Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])

        def lapsed() -> None:
            self._visits.pop(key, None)

        visit = _Visit(spoke, _site(self._clients.elsewhere(spoke.region, credentials, lapsed)))
        self._visits[key] = visit
        return visit

    def _assume(self, spoke: Spoke, name: str) -> Mapping[str, Any]:
        """Return STS's Credentials of the spoke's role. Raises Retryable, or Permanent with the code ``cannot-assume-role``."""
        try:
            answer = self._clients("sts").assume_role(
                RoleArn=spoke.role, RoleSessionName=name[-64:], ExternalId=spoke.external_id, DurationSeconds=SESSION_S
            )
        except Failure as failure:
            raise Permanent(f"{spoke.role} cannot be assumed: {failure.code}", "cannot-assume-role") from failure
        found: Mapping[str, Any] = answer["Credentials"]
        return found


def _site(clients: Clients) -> Site:
    return Site(clients, Alarms(clients), Levels(clients))
