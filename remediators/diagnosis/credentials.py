"""Signal: secrets and parameters that expired, are about to, or were just changed. Only their dates are read, never a value.

A secret's expiry date is not known to AWS: people tag it, ``tocsin:expires: 2026-12-01``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from alarms.domain.cause import Cause
from alarms.domain.readings import moment
from alarms.domain.text import Text
from remediators.action import Clients
from remediators.diagnosis.finding import WINDOW, Finding, Look, Signal, short, when

EXPIRES_TAG = "tocsin:expires"
_SOON = timedelta(days=7)
_PARAMETERS = 10


@dataclass(frozen=True, slots=True)
class Credential:
    """The dates of one secret or parameter; None where there is none."""

    name: str
    changed_at: datetime | None = None
    expires_at: datetime | None = None
    rotation_due: datetime | None = None
    deleted_at: datetime | None = None
    secret: bool = True


def read(clients: Clients, look: Look, _: Callable[[], float]) -> tuple[Credential, ...]:
    """Read secretsmanager DescribeSecret of each secret and ssm DescribeParameters of the parameters."""
    found = [_secret(name, clients("secretsmanager").describe_secret(SecretId=name)) for name in look.named("secrets")]
    names = look.named("parameters")[:_PARAMETERS]
    if names:
        wanted = [{"Key": "Name", "Option": "Equals", "Values": list(names)}]
        answer = clients("ssm").describe_parameters(ParameterFilters=wanted, MaxResults=_PARAMETERS)
        found += [Credential(item["Name"], item.get("LastModifiedDate"), secret=False) for item in answer["Parameters"]]
    return tuple(found)


def judge(seen: tuple[Credential, ...], look: Look) -> tuple[Finding, ...]:
    """Say what is over, what will be soon, what was changed within the hour before the symptom."""
    return tuple(finding for item in seen for finding in _findings(item, look))


def _findings(item: Credential, look: Look) -> Iterator[Finding]:
    name, token = short(item.name.rsplit(":", 1)[-1], 80), Cause.EXPIRED_TOKEN
    if item.deleted_at is not None:
        line = Text(
            f"The secret {name} is marked for deletion: nobody can read it.",
            f"비밀값 {name}이(가) 삭제 예정이라 읽을 수 없습니다.",
        )
        yield Finding("secret", line, {token: 6}, {"name": item.name, "deleted_at": item.deleted_at})
    if item.expires_at is not None and item.expires_at <= look.now:
        day = f"{item.expires_at:%Y-%m-%d}"
        line = Text(f"The secret {name} expired on {day} (its tag).", f"비밀값 {name}이(가) {day}에 만료되었습니다(태그 기준).")
        yield Finding("secret", line, {token: 6}, {"name": item.name, "expires_at": item.expires_at})
    elif item.expires_at is not None and item.expires_at - look.now <= _SOON:
        day = f"{item.expires_at:%Y-%m-%d}"
        line = Text(f"The secret {name} expires on {day}.", f"비밀값 {name}이(가) {day}에 만료됩니다.")
        yield Finding("secret", line, {}, {"name": item.name, "expires_at": item.expires_at})
    if item.rotation_due is not None and item.rotation_due < look.now - timedelta(days=1):
        line = Text(
            f"The rotation of {name} is overdue since {item.rotation_due:%Y-%m-%d}.",
            f"{name}의 교체 예정일({item.rotation_due:%Y-%m-%d})이 지났습니다.",
        )
        yield Finding("secret", line, {token: 3}, {"name": item.name, "rotation_due": item.rotation_due})
    if item.changed_at is not None and look.began - WINDOW <= item.changed_at <= look.began:
        at = when(look, item.changed_at)
        line = Text(f"{name} was changed {at.en}.", f"{name} 변경: {at.ko}.")
        points = {token: 3} if item.secret else {Cause.BAD_DEPLOYMENT: 2}
        yield Finding("secret", line, points, {"name": item.name, "changed_at": item.changed_at})


def _secret(name: str, answer: Mapping[str, Any]) -> Credential:
    tags = {tag.get("Key"): tag.get("Value") for tag in answer.get("Tags", ())}
    changed = [found for key in ("LastChangedDate", "LastRotatedDate") if (found := answer.get(key)) is not None]
    return Credential(
        name,
        max(changed, default=None),
        _expiry(tags.get(EXPIRES_TAG)),
        answer.get("NextRotationDate") if answer.get("RotationEnabled") else None,
        answer.get("DeletedDate"),
    )


def _expiry(value: object) -> datetime | None:
    """Return the moment of a day or a time written in a tag; None for anything else."""
    if isinstance(value, str) and len(value) == len("2026-12-01"):
        return moment(f"{value}T00:00:00Z")
    return moment(value)


SIGNAL = Signal(
    "credentials",
    Text("secrets and parameters", "비밀값·파라미터"),
    read,
    judge,
    lambda look: bool(look.named("secrets") or look.named("parameters")),
    Text("the service names no `secrets` or `parameters`", "서비스에 `secrets`·`parameters`가 지정되지 않았습니다"),
)
