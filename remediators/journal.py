"""The journal: an append-only record of decisions, clicks, changes and verdicts, apart from the state that expires.

What is audited in one delivery is written at its end, in one transaction. Keys (``pk``, ``sk``): the episode (else the run, else
what a click named, else "-"), then time and hash of the content, put only where nothing stands: an entry is never overwritten,
and the same one twice is one. The index ``by-month`` (``month``, ``sk``) lists all of a month, in sixteen partitions
(``2026-10#0`` to ``2026-10#15``).

A journal that cannot be written stops nothing: the entries are on the log anyway, and go to the own queue to be written later.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from alarms.domain import readings
from alarms.domain.errors import Permanent, Retryable
from alarms.domain.event import iso
from alarms.domain.masking import masked_document
from remediators.aws import Failure, translated
from remediators.evidence import days_of
from remediators.items import Item, expiry, values_of

JOURNAL_TYPE = "tocsin.journal/1"
INDEX = "by-month"
DEFAULT_DAYS = 400
KEEP = "keep"
# What is only of the log: it changed nothing and decided nothing.
UNWRITTEN = frozenset({"note", "ignored", "unjournalled"})
REPEATED = frozenset({"duplicate", "not-an-alarm-state"})
AT_ONCE = 100  # DynamoDB's most for one transaction
LONGEST_KEY = 64
SPREAD = 16  # partitions that a month has in the index: one alone takes a thousand small writes a second, and no more
LONGEST_MESSAGE = 200_000  # of characters; SQS takes more
WAITING = 500  # entries that are remembered while neither table nor queue can be reached
AGAIN_S = 300

Entry = Mapping[str, Any]
Audit = Callable[[dict[str, Any]], None]


def table_definition(name: str) -> dict[str, Any]:
    """Return the members of CreateTable that make a journal table; TTL is on ``expires_at``."""
    names = ("pk", "sk", "month")
    return {
        "TableName": name,
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "AttributeDefinitions": [{"AttributeName": part, "AttributeType": "S"} for part in names],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": INDEX,
                "KeySchema": [{"AttributeName": "month", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }


def retention(value: str | None) -> timedelta | None:
    """Read ``TOCSIN_JOURNAL_DAYS``: unset, empty and 0 mean the default, only the word ``keep`` means for ever (None)."""
    if (value or "").strip() == KEEP:
        return None
    return timedelta(days=days_of("TOCSIN_JOURNAL_DAYS", value, DEFAULT_DAYS))


class Journal:
    """Takes what is audited, and writes it down. ``say`` is the log; ``later`` puts a message on the own queue after seconds."""

    def __init__(
        self,
        client: Callable[[], Any],
        table: str,
        *,
        kept_for: timedelta | None,
        say: Audit,
        later: Callable[[str, int], None],
    ) -> None:
        self._client = client
        self._table = table
        self._kept_for = kept_for
        self._say = say
        self._later = later
        self._waiting: list[dict[str, Any]] = []

    def note(self, entry: dict[str, Any]) -> None:
        """Log ``entry`` and keep it for the end of this delivery, unless it is one that only the log holds."""
        self._say(entry)
        if is_written(entry):
            self._waiting = [*self._waiting, entry][-WAITING:]

    def flush(self, now: datetime) -> None:
        """Write down what waits. Never raises what a table or a queue does: entries that cannot be written wait on the queue."""
        entries, self._waiting = self._waiting, []
        if not entries:
            return
        try:
            self.write(entries, now)
        except (Retryable, Permanent) as failure:
            self._say({"type": "unjournalled", "at": iso(now), "entries": len(entries), "why": str(failure)[:300]})
            self._put_off(entries)

    def take(self, document: Entry, now: datetime) -> None:
        """Write down what was put on the queue when the table could not be reached; put it there again when it still cannot."""
        self._waiting = [*(dict(entry) for entry in readings.rows(document.get("entries")) if isinstance(entry, dict))]
        self.flush(now)

    def write(self, entries: Sequence[Entry], now: datetime) -> None:
        """Write ``entries``, each once. Raises Retryable or Permanent."""
        items = {item["sk"]["S"]: item for item in (self._item(entry, now) for entry in entries)}
        for start in range(0, len(items), AT_ONCE):
            self._put(list(items.values())[start : start + AT_ONCE])

    def _put(self, items: list[Item]) -> None:
        """Put what is new of ``items``. Where some stand already the transaction names them, and the others go again."""
        while items:
            new = [{"Put": {"TableName": self._table, "Item": item, "ConditionExpression": _NEW}} for item in items]
            try:
                with translated():
                    self._client().transact_write_items(TransactItems=new)
            except Failure as failure:
                left = _left(items, failure)
                if left is None or len(left) == len(items):
                    raise
                items = left
            else:
                return

    def _item(self, entry: Entry, now: datetime) -> Item:
        document = masked_entry(entry)
        text = json.dumps(document, ensure_ascii=False, sort_keys=True, default=str)
        at = str(document.get("at") or iso(now))
        lasts = {} if self._kept_for is None else {"expires_at": expiry(now, self._kept_for)}
        content = hashlib.sha256(text.encode("utf-8", errors="replace")).hexdigest()[:12]
        return values_of(
            {
                "pk": key_of(entry),
                "sk": f"{at}#{content}",
                "month": f"{at[:7]}#{int(content, 16) % SPREAD}",
                "entry_type": str(entry.get("type", "")),
                "document": text.encode("utf-8", errors="replace").decode("utf-8"),
                **lasts,
            }
        )

    def _put_off(self, entries: list[dict[str, Any]]) -> None:
        try:
            for text in _messages(entries):
                self._later(text, AGAIN_S)
        except (Retryable, Permanent):
            self._waiting = [*entries, *self._waiting][-WAITING:]


_NEW = "attribute_not_exists(pk)"
_PLAIN = frozenset({"episode", "run", "subject", "alarm", "row", "row_digest", "at", "request_ids", "id", "report", "token"})


def partitions(month: str) -> list[str]:
    """Return the index's partitions of ``month`` (``2026-10``): what earlier versions wrote stands under the month itself."""
    return [month, *(f"{month}#{number}" for number in range(SPREAD))]


def is_written(entry: Entry) -> bool:
    """Tell whether the journal holds ``entry``: notes and repetitions are of the log alone."""
    return entry.get("type") not in UNWRITTEN and entry.get("reason") not in REPEATED


def key_of(entry: Entry) -> str:
    """Return the partition of an entry: its episode, else its run, else the id that a click named, else "-"."""
    for name in ("episode", "run", "subject"):
        key = entry.get(name)
        if isinstance(key, str) and 0 < len(key) <= LONGEST_KEY and "/" not in key:
            return key
    return "-"


def masked_entry(entry: Entry) -> dict[str, Any]:
    """Return ``entry`` with its sentences masked; identities are no sentences."""
    return {name: value if name in _PLAIN else masked_document(value) for name, value in entry.items()}


def _left(items: list[Item], failure: Failure) -> list[Item] | None:
    """Return the items that do not stand yet; None when the transaction failed for another reason."""
    reasons = [str(reason.get("Code", "None")) for reason in failure.response.get("CancellationReasons", ())]
    if len(reasons) != len(items) or not set(reasons) <= {"None", "ConditionalCheckFailed"}:
        return None
    return [item for item, reason in zip(items, reasons, strict=True) if reason == "None"]


def _messages(entries: Iterable[dict[str, Any]]) -> list[str]:
    """Return the messages that carry ``entries``, each well below what a queue takes."""
    batches: list[list[dict[str, Any]]] = [[]]
    size = 0
    for entry in entries:
        length = len(json.dumps(entry, default=str))
        if batches[-1] and size + length > LONGEST_MESSAGE:
            batches.append([])
            size = 0
        batches[-1].append(entry)
        size += length
    return [json.dumps({"type": JOURNAL_TYPE, "entries": batch}, default=str) for batch in batches if batch]
