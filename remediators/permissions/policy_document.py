"""IAM policy documents from grants: statements that say what they are for, cut to the size of a managed policy. Pure."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from alarms.domain.errors import CannotRun
from remediators.permissions.grants import Grant
from remediators.permissions.iam_actions import reads

LONGEST = 6144  # characters of a managed policy; whitespace does not count
VERSION = "2012-10-17"
Json = Mapping[str, Any]
Condition = tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """What may be done to what, under which condition."""

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: Condition

    def to_document(self) -> dict[str, Any]:
        """Return IAM's JSON of this statement; one element stands alone, as IAM's own console writes it."""
        document: dict[str, Any] = {
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": _short(self.actions),
            "Resource": _short(self.resources),
        }
        if self.condition:
            by_operator: dict[str, dict[str, str]] = defaultdict(dict)
            for operator, key, value in self.condition:
                by_operator[operator][key] = value
            document["Condition"] = dict(by_operator)
        return document


def statements(grants: Iterable[Grant]) -> tuple[Statement, ...]:
    """Return the fewest statements that say just this: the actions that share resources and condition stand together."""
    resources: dict[tuple[str, str, Condition], set[str]] = defaultdict(set)
    for grant in grants:
        resources[grant.sid, grant.action, grant.condition].add(grant.resource)
    together: dict[tuple[str, tuple[str, ...], Condition], list[str]] = defaultdict(list)
    for (sid, action, condition), named_by in resources.items():
        everything = ("*",) if "*" in named_by else tuple(sorted(named_by))
        together[sid or _topic(action), everything, condition].append(action)
    ordered = sorted(together.items())
    named: dict[str, int] = defaultdict(int)
    found = []
    for (sid, on, condition), actions in ordered:
        named[sid] += 1
        found.append(Statement(f"{sid}{named[sid] if named[sid] > 1 else ''}", tuple(sorted(actions)), on, condition))
    return tuple(found)


def documents(found: Iterable[Statement], longest: int = LONGEST) -> tuple[Json, ...]:
    """Return as many policy documents as the size of a managed policy asks for, each full before the next begins."""
    filled: list[list[Statement]] = [[]]
    for statement in found:
        for part in _parts(statement, longest):
            if size(_document([*filled[-1], part])) > longest:
                filled.append([])
            filled[-1].append(part)
    return tuple(_document(part) for part in filled if part)


def size(document: Json) -> int:
    """Return the characters that IAM counts: all but whitespace."""
    return len("".join(json.dumps(document, separators=(",", ":"), ensure_ascii=False).split()))


def _parts(statement: Statement, longest: int) -> Iterator[Statement]:
    """Yield the statement, its resources cut where it alone is too long for a policy."""
    if size(_document([statement])) <= longest:
        yield statement
        return
    on = statement.resources
    if len(on) < 2:
        raise CannotRun(f"the statement {statement.sid} alone is longer than a managed policy may be, {longest} characters")
    for tail, half in (("A", on[: len(on) // 2]), ("B", on[len(on) // 2 :])):
        yield from _parts(Statement(f"{statement.sid}{tail}", statement.actions, half, statement.condition), longest)


def _document(found: list[Statement]) -> Json:
    return {"Version": VERSION, "Statement": [statement.to_document() for statement in found]}


def _topic(action: str) -> str:
    """Return the beginning of a Sid: the service, and whether it is looked at or changed."""
    service = "".join(word.capitalize() for word in action.split(":", 1)[0].split("-"))
    return f"{service}{'Look' if reads(action) else 'Change'}"


def _short(items: tuple[str, ...]) -> str | list[str]:
    return items[0] if len(items) == 1 else list(items)
