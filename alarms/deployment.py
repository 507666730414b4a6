"""Carrying out a plan: alarm by alarm, each read again right before it is written, refusing what has moved since.

Every step is safe to repeat, so a run that was cut off is resumed by running it again. The order within one alarm: its row is
published, then the alarm is put, then its tags are set. So no alarm is live without a row; a row is removed after its alarm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from alarms.calls import Now
from alarms.cloudwatch import CloudWatch, batches
from alarms.configuration import PUT_COMPOSITE
from alarms.domain.errors import Permanent, Refused, Retryable
from alarms.domain.event import iso
from alarms.lease import Lease
from alarms.plan_types import Actual, Item, Plan, Published, Refusal, RefusalReason, Target, Verb, fingerprint
from alarms.rows import Rows

# What would fail for every further alarm too: the run stops at the first.
_HOPELESS = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "LimitExceeded", "LimitExceededFault"})


@dataclass(frozen=True, slots=True)
class Step:
    """How far a run is: ``done`` of ``total`` alarms, and what happened last. ``total`` 0: still getting ready."""

    done: int
    total: int
    text: str


Progress = Callable[[Step], None]


@dataclass(frozen=True, slots=True)
class Failure:
    """An alarm that AWS would not write, in AWS's words."""

    name: str
    id: str
    why: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did. ``stopped`` says why it ended before its last alarm, empty when it did not."""

    plan: Plan
    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    refused: tuple[Refusal, ...] = ()
    failed: tuple[Failure, ...] = ()
    stopped: str = ""

    @property
    def ok(self) -> bool:
        """Tell whether everything that was asked is done."""
        return not (self.refused or self.failed or self.stopped)


class Standing(Enum):
    """How a live alarm stands to the item that is about to be written."""

    AS_SEEN = auto()
    DONE = auto()  # by an earlier run that was cut off
    MOVED = auto()


def standing(item: Item, alarm: Actual | None, target: Target) -> tuple[Standing, str]:
    """Compare the alarm as it is now with what the plan was made from; the text says how it moved."""
    if alarm is None:
        if item.verb is Verb.DELETE:
            return Standing.DONE, ""
        return (Standing.AS_SEEN, "") if item.verb is Verb.CREATE else (Standing.MOVED, "it was deleted")
    now = alarm.fingerprint(target)
    if item.verb is not Verb.DELETE and now == fingerprint(item.operation, item.request, target.account, ours=True):
        return Standing.DONE, ""
    if item.verb is not Verb.CREATE and now == item.seen:
        return Standing.AS_SEEN, ""
    if not alarm.belongs_to(target):
        return Standing.MOVED, "it is not ours any more" if item.seen else "somebody made an alarm of this name"
    return Standing.MOVED, "its configuration was changed" if item.seen else "it was made meanwhile, with another configuration"


@dataclass(slots=True)
class _Tally:
    """What a run has done so far."""

    written: dict[Verb, list[str]] = field(default_factory=lambda: {verb: [] for verb in Verb})
    refused: list[Refusal] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    stopped: str = ""


class Deployment:
    """One run over one plan. ``rows`` and ``lease`` are None when the catalogue table is left out."""

    def __init__(self, aws: CloudWatch, rows: Rows | None, lease: Lease | None, *, now: Now, progress: Progress) -> None:
        self._aws = aws
        self._rows = rows
        self._lease = lease
        self._now = now
        self._progress = progress
        self._tally = _Tally()
        self._published: Mapping[str, Published] = {}

    def run(self, plan: Plan) -> Outcome:
        """Write what ``plan`` says. One alarm's failure leaves the others to go on; a throttle that lasts stops the run."""
        done = 0
        if self._rows:  # under the lease: nobody else publishes until this run ends
            self._published = self._rows.digests(
                [item.name for item in plan.items if item.row is not None or item.verb is Verb.DELETE]
            )
        for group in _groups(plan.items):
            try:
                self._keep_lease()
                self._delete(group, plan.target) if group[0].verb is Verb.DELETE else self._put(group[0], plan.target)
            except Permanent as error:
                self._tally.failed += [Failure(item.name, item.id, str(error)) for item in group]
                if error.code in _HOPELESS:
                    self._tally.stopped = f"every further alarm would fail too: {error}"
            except (Retryable, Refused) as error:
                self._tally.stopped = str(error)
            if self._tally.stopped:
                break
            done += len(group)
            self._progress(Step(done, len(plan.items), _line(group)))
        return self._outcome(plan)

    def finish_removals(self, names: Sequence[str]) -> None:
        """Remove the rows of alarms that a run deleted before it was cut off."""
        live = self._aws.describe(names)
        if self._rows:
            self._published = self._rows.digests(names)
        self._remove_rows([name for name in names if name not in live])
        if self._lease:
            self._lease.remember([])

    def _put(self, item: Item, target: Target) -> None:
        alarm = self._read(item.name)
        how, detail = standing(item, alarm, target)
        row = self._row(item)
        if row is Standing.MOVED:
            how, detail = row, "another row was published for it"
        if how is Standing.MOVED:
            self._tally.refused.append(Refusal(item.name, item.id, RefusalReason.MOVED, detail))
            return
        wrote = row is Standing.AS_SEEN
        if wrote:
            self._publish(item)
        if how is Standing.AS_SEEN and item.put:
            self._aws.put(item.operation, item.request, None if alarm else dict(item.tags))
            wrote = True
        if alarm and any(alarm.tags.get(key) != value for key, value in item.tags.items()):
            self._aws.tag(alarm.arn, dict(item.tags))
            wrote = True
        if wrote:
            self._tally.written[item.verb].append(item.name)

    def _row(self, item: Item) -> Standing:
        """Compare the published row with the one the plan was made from."""
        if self._rows is None or item.row is None:
            return Standing.DONE
        found = self._published.get(item.name)
        now = found.digest if found else ""
        if now == item.row_digest:
            return Standing.DONE
        return Standing.AS_SEEN if now == item.row_seen else Standing.MOVED

    def _publish(self, item: Item) -> None:
        if self._rows and item.row is not None:
            fence = self._lease.fence if self._lease else 0
            self._rows.publish(item.name, item.row, item.row_digest, at=iso(self._now()), fence=fence)

    def _delete(self, group: Sequence[Item], target: Target) -> None:
        """Delete what is as it was seen; what is gone already only loses its row."""
        live = self._aws.describe([item.name for item in group])
        going: list[Item] = []
        gone: list[Item] = []
        for item in group:
            how, detail = standing(item, self._with_tags(live.get(item.name)), target)
            if how is Standing.MOVED:
                self._tally.refused.append(Refusal(item.name, item.id, RefusalReason.MOVED, detail))
            else:
                (going if how is Standing.AS_SEEN else gone).append(item)
        if self._lease and going:
            self._lease.remember([item.name for item in going])
        for item in going:
            if item.put:  # stands in a circle of composites: none can be deleted before all are broken
                self._aws.put(item.operation, item.request)
        deleted = self._delete_alarms(going)
        self._remove_rows([*deleted, *(item.name for item in gone)])
        if self._lease and going:
            self._lease.remember([])
        self._tally.written[Verb.DELETE] += deleted

    def _delete_alarms(self, items: Sequence[Item]) -> list[str]:
        """Delete metric alarms in one call and composites one by one; where one of many is refused, ask for each by itself."""
        singly = [[item] for item in items]
        together = [list(items)] if items and items[0].operation != PUT_COMPOSITE else singly
        deleted: list[str] = []
        while together:
            batch = together.pop(0)
            try:
                self._aws.delete([item.name for item in batch])
                deleted += [item.name for item in batch]
            except Permanent as error:
                if error.code in _HOPELESS:
                    raise
                if len(batch) > 1:
                    together = singly
                else:
                    self._tally.failed.append(Failure(batch[0].name, batch[0].id, str(error)))
        return deleted

    def _remove_rows(self, names: Sequence[str]) -> None:
        if self._rows:
            for name in names:
                if name in self._published:
                    self._rows.remove(name)

    def _read(self, name: str) -> Actual | None:
        return self._with_tags(self._aws.describe([name]).get(name))

    def _with_tags(self, alarm: Actual | None) -> Actual | None:
        return replace(alarm, tags=self._aws.tags(alarm.arn)) if alarm else None

    def _keep_lease(self) -> None:
        if self._lease:
            self._lease.keep()

    def _outcome(self, plan: Plan) -> Outcome:
        tally = self._tally
        created, updated, deleted = (tuple(tally.written[verb]) for verb in (Verb.CREATE, Verb.UPDATE, Verb.DELETE))
        return Outcome(plan, created, updated, deleted, (*plan.refused, *tally.refused), tuple(tally.failed), tally.stopped)


def _groups(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Cut a plan into what is written together.

    Puts go one by one, composites are deleted one by one but for those of a circle, metric alarms in batches.
    """
    deletes = [item for item in items if item.verb is Verb.DELETE]
    composites = [item for item in deletes if item.operation == PUT_COMPOSITE]
    circle = [item for item in composites if item.put]
    yield from ([item] for item in items if item.verb is not Verb.DELETE)
    yield from [circle] if circle else []
    yield from ([item] for item in composites if not item.put)
    yield from batches(item for item in deletes if item.operation != PUT_COMPOSITE)


def _line(group: Sequence[Item]) -> str:
    first, more = group[0], f" and {len(group) - 1} more" if len(group) > 1 else ""
    return f"{first.verb.value} {first.id} [{first.name.rsplit('/', 1)[-1]}]{more}"
