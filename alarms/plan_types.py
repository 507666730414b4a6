"""The nouns of deploying: what is live, what is to be done about it, and what is not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil

from alarms.configuration import Json, digest, normal
from alarms.desired import TAG_CATALOGUE, TAG_ROW, TAG_STAGE, Operation

PUTS_PER_SECOND = 3  # PutMetricAlarm, PutCompositeAlarm, DeleteAlarms [AWS General Reference, CloudWatch quotas]
DELETE_BATCH = 100  # names in one DeleteAlarms, of which at most one composite [botocore cloudwatch DeleteAlarms]


class Verb(StrEnum):
    """What is to be done with one alarm; the value is its sign in a printed plan."""

    CREATE = "+"
    UPDATE = "~"
    DELETE = "-"


class Cause(StrEnum):
    """Who moved a member since it was last applied."""

    YOU = "you changed it"
    LIVE = "someone changed it live"
    BOTH = "you changed it, and someone changed it live"
    UNKNOWN = "no record of what was last applied"
    RECORD = "the record of the last apply was behind"


class RefusalReason(StrEnum):
    """Why an alarm is not written; the value is shown to people."""

    FOREIGN = "an alarm of this name exists and is not ours"
    OTHER_OWNER = "an alarm of this name belongs to another catalogue or stage"
    OTHER_KIND = "an alarm of this name exists and is of the other kind"
    TOO_MANY_ACTIONS = "more than 5 actions together with those that people added"
    CYCLE = "composites that refer to each other in a circle are never evaluated"
    IN_USE = "a composite alarm that stays still refers to it"
    MOVED = "it changed since the plan was made"


@dataclass(frozen=True, slots=True)
class Target:
    """Whose alarms, and where: ownership is the pair (catalogue, stage).

    ``rows_in`` is the ARN of a hub's table, "" where the rows stay in the stage's own.
    """

    catalogue: str
    stage: str
    prefix: str
    account: str
    region: str
    rows_in: str = ""

    @property
    def name_prefix(self) -> str:
        """What every alarm name of this stage starts with."""
        return f"{self.prefix}/{self.stage}/"

    @property
    def table(self) -> str:
        """The catalogue table of this stage: a name, or another account's or region's ARN, which DynamodB's calls take too."""
        return self.rows_in or f"{self.prefix}-{self.stage}-catalogue"


@dataclass(frozen=True, slots=True)
class Scope:
    """Which rows a run may prune: those of ``services`` (first part of a row's id), or all when None."""

    services: tuple[str, ...] | None = None

    def holds(self, row: str) -> bool:
        """Tell whether ``row`` (the id in the tag ``tocsin:row``) lies inside."""
        return self.services is None or _service(row) in self.services

    @staticmethod
    def covering(part: Iterable[str], whole: Iterable[str]) -> Scope:
        """Return the scope of some rows (ids) of a catalogue: the services of which they are all rows."""
        chosen = set(part)
        missing = {_service(row) for row in whole if row not in chosen}
        return Scope(tuple(sorted({_service(row) for row in chosen} - missing - {""})))


def _service(row: str) -> str:
    """Return the service of a row's id ``<service>/<component>/<id>``; a row that stands alone has none."""
    return row.split("/", 1)[0] if row.count("/") >= 2 else ""


WHOLE = Scope()


@dataclass(frozen=True, slots=True)
class Actual:
    """One live alarm: the members DescribeAlarms shows, and its tags, which it does not show."""

    name: str
    arn: str
    operation: Operation
    members: Mapping[str, Json]
    tags: Mapping[str, str] = field(default_factory=dict)

    def belongs_to(self, target: Target) -> bool:
        """Tell whether it carries our catalogue id and our stage."""
        return self.tags.get(TAG_CATALOGUE) == target.catalogue and self.tags.get(TAG_STAGE) == target.stage

    @property
    def row(self) -> str:
        """The id of the row it was made from, empty when unknown."""
        return self.tags.get(TAG_ROW, "")

    def fingerprint(self, target: Target) -> str:
        """Return what must not have moved between looking and writing: configuration and ownership."""
        return fingerprint(self.operation, self.members, target.account, ours=self.belongs_to(target))


def fingerprint(operation: Operation, members: Mapping[str, Json], account: str, *, ours: bool) -> str:
    """Return a digest of an alarm's configuration in normal form and of whether it is ours."""
    return digest([operation, normal(operation, members, account), ours])


@dataclass(frozen=True, slots=True)
class Published:
    """The row that the catalogue table holds for an alarm. ``document`` is None when only its digest was read."""

    digest: str
    document: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One member before and after, and who moved it. ``field`` is the member, ``tag <key>`` or ``row <path>``."""

    field: str
    before: Json
    after: Json
    cause: Cause


@dataclass(frozen=True, slots=True)
class Hold:
    """What a person set on a live alarm and `apply` keeps: actions switched off, or an action of their own."""

    name: str
    id: str
    what: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """An alarm that is left alone, and why."""

    name: str
    id: str
    reason: RefusalReason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Same:
    """An alarm that is as it should be; ``holds`` are what people set on it and `apply` keeps."""

    name: str
    id: str
    holds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """One alarm to write, with everything needed to do exactly that.

    ``request`` are the members of ``operation`` without Tags, holds merged in. ``put`` is False when only tags or the row
    differ. ``tags`` are all tags it should carry. ``row`` is the document to publish, None when the table is left out or holds
    it already. ``seen`` is the fingerprint of the live alarm the plan was made from, empty when there was none.
    ``row_seen`` is the digest of the row that was published then. ``holds`` are people's own settings that are kept (that a
    delete takes away), ``why`` says what a delete is for. A delete with a ``request`` belongs to a circle of composites:
    that request is put first, to break it.
    """

    verb: Verb
    name: str
    id: str
    operation: Operation
    request: Mapping[str, Json] = field(default_factory=dict)
    put: bool = True
    tags: Mapping[str, str] = field(default_factory=dict)
    row: Mapping[str, Json] | None = None
    row_digest: str = ""
    changes: tuple[FieldChange, ...] = ()
    holds: tuple[str, ...] = ()
    seen: str = ""
    row_seen: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a run would do, in the order it would do it, and everything it would not.

    ``live`` is the number of alarms that are ours, ``outside`` those of them that the scope leaves alone.
    """

    target: Target
    scope: Scope
    items: tuple[Item, ...]
    unchanged: tuple[Same, ...] = ()
    refused: tuple[Refusal, ...] = ()
    held: tuple[Hold, ...] = ()
    live: int = 0
    outside: int = 0
    allowed_deletes: int = 1
    notes: tuple[str, ...] = ()

    def of(self, verb: Verb) -> tuple[Item, ...]:
        """Return the items of one verb, in order."""
        return tuple(item for item in self.items if item.verb is verb)

    @property
    def create(self) -> tuple[Item, ...]:
        """Alarms that do not exist yet."""
        return self.of(Verb.CREATE)

    @property
    def update(self) -> tuple[Item, ...]:
        """Alarms whose configuration, tags or row differ."""
        return self.of(Verb.UPDATE)

    @property
    def delete(self) -> tuple[Item, ...]:
        """Alarms of ours that no row asks for any more."""
        return self.of(Verb.DELETE)

    @property
    def drifted(self) -> tuple[Item, ...]:
        """Updates in which someone changed a member live."""
        return tuple(item for item in self.update if any(change.cause in (Cause.LIVE, Cause.BOTH) for change in item.changes))

    @property
    def empty(self) -> bool:
        """Tell whether nothing is to be written."""
        return not self.items

    @property
    def stop(self) -> str:
        """Return why the run must not start: more deletes than allowed. Empty when it may."""
        if len(self.delete) <= self.allowed_deletes:
            return ""
        return (
            f"{len(self.delete)} of {self.live} alarms would be deleted, {self.allowed_deletes} allowed: nothing was written; "
            f"if that is meant, say --allow-deletes {len(self.delete)}"
        )

    @property
    def seconds(self) -> int:
        """Return about how long the writes take at CloudWatch's three a second."""
        puts = sum(1 for item in self.items if item.verb is not Verb.DELETE and item.put)
        composites = sum(1 for item in self.delete if item.operation == "PutCompositeAlarm")
        deletes = composites + ceil((len(self.delete) - composites) / DELETE_BATCH)
        return ceil((puts + deletes) / PUTS_PER_SECOND)
