"""The store of raw evidence: a table of its own in the watched account, short-lived, masked before it is written, never shown.

Keys (``pk``, ``sk``): episode id, ``<kind>#<hash of the content>``: the same twice is the same item. The document is JSON, masked
(``alarms.domain.masking``), compressed. DynamoDB takes 409,600 bytes an item: a document of more than ``MOST_BYTES`` is cut, its
longest lists and texts first, half at a time, and the item says so (``cut``); what is left out is counted where it stood.
Encryption with a customer's key is the table's own (the stack sets it), as is TTL on ``expires_at``.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from alarms.domain.errors import CannotRun, Permanent
from alarms.domain.event import from_iso, iso
from alarms.domain.masking import masked_document
from remediators.aws import Failure, translated
from remediators.items import Item, expiry, plain, values_of

DEFAULT_DAYS = 14
LONGEST_DAYS = 3650
MOST_BYTES = 380_000  # of JSON; compression only ever makes it smaller, by more than the other attributes take
MOST_ITEMS, MOST_CHARACTERS = 2000, 50_000  # of one list or mapping, of one text: halved until the whole fits
LONGEST_INFLATED = 4 * MOST_BYTES


@dataclass(frozen=True, slots=True)
class Kept:
    """One piece of evidence as it was kept. ``reference`` names it, ``cut`` says that it was too large to be kept whole."""

    reference: str
    kind: str
    at: datetime
    document: Any
    cut: bool


class EvidenceTable:
    """The adapter. Every method raises Retryable when the table cannot be reached, Permanent when it may not be."""

    def __init__(self, client: Callable[[], Any], table: str, days: int = DEFAULT_DAYS) -> None:
        self._client = client
        self._table = table
        self._for = timedelta(days=days)

    def keep(self, episode: str, kind: str, document: Mapping[str, Any], now: datetime) -> str:
        """Store ``document`` under the episode's id and return its reference; the same twice is the same."""
        content, cut = packed(document)
        reference = f"{kind}#{hashlib.sha256(content).hexdigest()[:16]}"
        item = values_of({"pk": episode, "sk": reference, "at": iso(now), "cut": cut, "expires_at": expiry(now, self._for)})
        item["content"] = {"B": zlib.compress(content, 6)}
        try:
            with translated():
                self._client().put_item(TableName=self._table, Item=item, ConditionExpression="attribute_not_exists(pk)")
        except Failure as failure:
            if failure.code != "ConditionalCheckFailedException":
                raise
        return f"{episode}/{reference}"

    def of(self, episode: str, now: datetime) -> list[Kept]:
        """Return what is kept of an episode, the oldest first; what has expired is not there, deleted yet or not."""
        found: list[Kept] = []
        start: Item = {}
        while True:
            with translated():
                answer = self._client().query(
                    TableName=self._table,
                    KeyConditionExpression="pk = :pk",
                    ExpressionAttributeValues=values_of({":pk": episode}),
                    **start,
                )
            items = [plain(item) for item in answer["Items"]]
            found += [_kept(item) for item in items if item["expires_at"] > now.timestamp()]
            if "LastEvaluatedKey" not in answer:
                return sorted(found, key=lambda kept: (kept.at, kept.reference))
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def days_of(name: str, value: str | None, default: int) -> int:
    """Read a number of days from the environment. Unset, empty and 0 mean the default; anything else must be a whole number."""
    text = (value or "").strip()
    if text in ("", "0"):
        return default
    if not text.isdecimal() or not 1 <= int(text) <= LONGEST_DAYS:
        raise CannotRun(f"environment: {name} is {text[:40]!r}; a whole number of days, 1 to {LONGEST_DAYS}, is right")
    return int(text)


def packed(document: Mapping[str, Any]) -> tuple[bytes, bool]:
    """Return the masked JSON of ``document`` in at most ``MOST_BYTES``, and whether it had to be cut for that."""
    content = _json(document)
    cut = len(content) > MOST_BYTES
    if cut:  # before it is masked, so that nothing enormous is read through
        content = _shortened(document)
    content = _json(masked_document(json.loads(content)))
    if len(content) > MOST_BYTES:  # masks may be longer than what they hide
        cut, content = True, _shortened(json.loads(content))
    return content, cut


def _shortened(document: Any) -> bytes:
    items, characters = MOST_ITEMS, MOST_CHARACTERS
    while items:
        content = _json(_cut(document, items, characters))
        if len(content) <= MOST_BYTES:
            return content
        items, characters = items // 2, max(characters // 2, 64)
    return _json({"left_out": "all of it"})


def _cut(value: Any, items: int, characters: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= characters else f"{value[:characters]}… ({len(value) - characters} characters left out)"
    if isinstance(value, Mapping):
        kept = {str(key)[:characters]: _cut(value[key], items, characters) for key in list(value)[:items]}
        return {**kept, "left_out": len(value) - items} if len(value) > items else kept
    if isinstance(value, (list, tuple)):
        some = [_cut(item, items, characters) for item in value[:items]]
        return [*some, {"left_out": len(value) - items}] if len(value) > items else some
    return value


def _json(document: Any) -> bytes:
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
    return text.encode("utf-8", errors="replace")


def _kept(item: Item) -> Kept:
    inflate = zlib.decompressobj()
    content = inflate.decompress(bytes(item["content"]), LONGEST_INFLATED)
    try:
        document = json.loads(content)
    except ValueError as failure:
        raise Permanent(f"evidence {item['sk']} cannot be read", "evidence-unreadable") from failure
    return Kept(item["sk"], item["sk"].split("#")[0], from_iso(item["at"]), document, item["cut"])
