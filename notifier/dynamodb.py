"""The two tables: ``threads`` (ours) and ``catalogue`` (read only). DynamoDB's low-level client, consistent reads.

threads: partition key ``subject``, sort key ``item``. One item per transition, ``<time>#<state>``, which is never changed
once written; the one of the ALARM that opened an incident also carries what was told of it. Reports without an incident
stand under ``report:<id>``, which sorts after every time. All expire by the TTL attribute ``expires``. The subject ``channels``
holds the id of each channel by its name, ``episodes`` each episode by the id that buttons carry.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from alarms.domain.alarm import Alarm
from alarms.domain.errors import Retryable
from alarms.domain.event import AlarmEvent, from_iso, iso
from alarms.domain.incident import Episode
from alarms.domain.report import Report
from notifier.ports import Busy
from notifier.record import Pointer, Thread, Timeline, event_document, event_from
from notifier.standing import Silence
from notifier.timeline import item_key

KEPT = timedelta(days=90)
LEASE = timedelta(seconds=120)  # longer than the function may run: a lease that ended belongs to nobody alive
_PAGE = 12  # transitions read at once: several incidents of an ordinary alarm
_TIMES_END = ":"  # sorts right after the digits that every transition begins with
_CHANNELS = "channels"  # a subject that no alarm has: theirs hold two slashes
_EPISODES = "episodes"
_TAKEN = "ConditionalCheckFailedException"

Item = Mapping[str, Any]  # a DynamoDB item in its low-level form, {"name": {"S": "…"}}


def table_definition(name: str) -> dict[str, Any]:
    """Return the members of CreateTable for the threads table; switch TTL on for the attribute ``expires`` afterwards."""
    return {
        "TableName": name,
        "KeySchema": [{"AttributeName": "subject", "KeyType": "HASH"}, {"AttributeName": "item", "KeyType": "RANGE"}],
        "AttributeDefinitions": [
            {"AttributeName": "subject", "AttributeType": "S"},
            {"AttributeName": "item", "AttributeType": "S"},
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }


class DynamoThreads:
    """notifier.ports.Threads on the table ``threads``."""

    def __init__(self, client: Any, table: str) -> None:
        self._client, self._table = client, table
        self._learnt: dict[str, str] = {}

    def record(self, event: AlarmEvent, now: datetime) -> bool:
        """Remember a transition; False when it was known already."""
        item = _key(event.subject_key, item_key(event))
        document = json.dumps(event_document(event), separators=(",", ":"))
        return self._put({**item, "event": {"S": document}, "expires": _expiry(now)})

    def around(self, subject: str, at: datetime) -> Timeline:
        """Return the newest transitions, and those on both sides of ``at`` when it lies further back."""
        items = self._page(subject, "#item < :edge", _TIMES_END, forward=False)
        moment = iso(at)
        if len(items) == _PAGE and not any(_rings_before(item, moment) for item in items[:-1]):
            items = self._page(subject, "#item < :edge", moment + "#~", forward=False)
            items += self._page(subject, "#item BETWEEN :edge AND :end", moment + "#~", forward=True)
        found = sorted(items, key=lambda item: str(item["item"]["S"]))
        events = tuple(event_from(json.loads(item["event"]["S"])) for item in found)
        return Timeline(subject, events, {item["item"]["S"]: _thread(item) for item in found})

    def claim(self, thread: Thread, *, owner: str, doing: str, now: datetime) -> bool:
        """Take the lease on ``thread`` as it was read."""
        values = {
            ":owner": {"S": owner},
            ":until": {"N": repr((now + LEASE).timestamp())},
            ":now": {"N": repr(now.timestamp())},
            ":doing": {"S": doing},
            ":revision": {"N": str(thread.revision)},
        }
        unread = "attribute_not_exists(revision)" if thread.revision == 0 else "revision = :revision"
        if thread.revision == 0:
            del values[":revision"]
        return self._update(
            thread,
            "SET lease_owner = :owner, lease_until = :until, doing = :doing",
            f"{unread} AND (attribute_not_exists(lease_until) OR lease_until <= :now)",
            values,
        )

    def save(self, thread: Thread, *, owner: str, doing: str = "") -> None:
        """Store ``thread``; give the lease back unless ``doing`` names what comes next."""
        sets, values = _members(thread)
        values |= {":owner": {"S": owner}, ":one": {"N": "1"}}
        pending = doing or thread.doubt
        removes = [] if doing else ["lease_owner", "lease_until"]
        if pending:
            sets, values = f"{sets}, doing = :doing", {**values, ":doing": {"S": pending}}
        else:
            removes.append("doing")
        remove = f" REMOVE {', '.join(removes)}" if removes else ""
        if not self._update(thread, f"SET {sets}{remove} ADD revision :one", "lease_owner = :owner", values):
            raise Busy("the lease ended before the work did")

    def stray(self, subject: str, item: str, now: datetime) -> Thread:
        """Return what was told of a report that has no incident."""
        self._put({**_key(subject, item), "expires": _expiry(now)})
        answer = self._call("get_item", Key=_key(subject, item), ConsistentRead=True)
        return _thread(answer["Item"])

    def point(self, pointer: Pointer, now: datetime) -> None:
        """Let an incident be found again by its episode's id, which is all that a button carries."""
        document = json.dumps(pointer.episode.to_document(), separators=(",", ":"))
        item = {**_key(_EPISODES, pointer.episode.id), "episode": {"S": document}, "alarm": {"S": pointer.alarm_key}}
        self._call("put_item", Item={**item, "expires": _expiry(now)})

    def pointer(self, ident: str) -> Pointer | None:
        """Return the incident whose episode has this id; None when it is not known (any more)."""
        item = self._call("get_item", Key=_key(_EPISODES, ident), ConsistentRead=True).get("Item")
        return Pointer(Episode.from_document(json.loads(item["episode"]["S"])), item["alarm"]["S"]) if item else None

    def learn(self, name: str, channel: str) -> None:
        """Remember the id of the channel called ``name``; written once in a process."""
        if self._learnt.get(name) != channel:
            self._call("put_item", Item={**_key(_CHANNELS, name), "channel": {"S": channel}})
            self._learnt[name] = channel

    def channel_id(self, name: str) -> str:
        """Return the id of the channel called ``name``, else ``name`` itself."""
        if name not in self._learnt:
            answer = self._call("get_item", Key=_key(_CHANNELS, name), ConsistentRead=True)
            return str(answer.get("Item", {}).get("channel", {}).get("S", name))
        return self._learnt[name]

    def _put(self, item: Item) -> bool:
        try:
            self._call("put_item", Item=item, ConditionExpression="attribute_not_exists(subject)")
        except _Taken:
            return False
        return True

    def _update(self, thread: Thread, update: str, condition: str, values: Mapping[str, Any]) -> bool:
        try:
            self._call(
                "update_item",
                Key=_key(thread.subject, thread.item),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=dict(values),
            )
        except _Taken:
            return False
        return True

    def _page(self, subject: str, condition: str, edge: str, *, forward: bool) -> list[Item]:
        values = {":subject": {"S": subject}, ":edge": {"S": edge}}
        if ":end" in condition:
            values[":end"] = {"S": _TIMES_END}
        answer = self._call(
            "query",
            KeyConditionExpression=f"subject = :subject AND {condition}",
            ExpressionAttributeNames={"#item": "item"},  # a reserved word of DynamoDB's
            ExpressionAttributeValues=values,
            ScanIndexForward=forward,
            Limit=_PAGE,
            ConsistentRead=True,
        )
        return list(answer["Items"])

    def _call(self, operation: str, **members: Any) -> Any:
        return _answered(self._client, operation, TableName=self._table, **members)


class DynamoRows:
    """notifier.ports.Rows on the table ``catalogue``."""

    def __init__(self, client: Any, table: str) -> None:
        self._client, self._table = client, table

    def row(self, key: str, digest: str = "") -> Alarm | None:
        """Return the current row of ``key``, else the version ``digest`` of it; an unreadable one counts as none."""
        versions = ["current", *([f"row#{digest}"] if digest else [])]
        return next((row for version in versions if (row := self._version(key, version))), None)

    def _version(self, key: str, version: str) -> Alarm | None:
        item = {"alarm": {"S": key}, "version": {"S": version}}
        answer = _answered(self._client, "get_item", TableName=self._table, Key=item, ConsistentRead=False)
        document = answer.get("Item", {}).get("document", {}).get("S")
        try:
            return Alarm.from_document(json.loads(document)) if document else None
        except (KeyError, TypeError, ValueError):  # a newer version's document: people are told without it
            return None


class _Taken(Exception):
    """A condition did not hold."""


def _answered(client: Any, operation: str, **members: Any) -> Any:
    """Call DynamoDB; every failure but a condition's is worth another delivery."""
    try:
        return getattr(client, operation)(**members)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code == _TAKEN:
            raise _Taken from None
        raise Retryable(f"DynamoDB {operation} on {members['TableName']}: {code}") from error
    except BotoCoreError as error:
        raise Retryable(f"DynamoDB {operation} on {members['TableName']}: {error}") from error


def _key(subject: str, item: str) -> dict[str, Any]:
    return {"subject": {"S": subject}, "item": {"S": item}}


def _expiry(now: datetime) -> dict[str, str]:
    return {"N": str(int((now + KEPT).timestamp()))}


def _rings_before(item: Item, moment: str) -> bool:
    key = str(item["item"]["S"])
    return key.endswith("#ALARM") and key <= moment + "#~"


def _members(thread: Thread) -> tuple[str, dict[str, Any]]:
    """Return the SET clause and its values for what was told."""
    reports = json.dumps([report.to_document() for report in thread.reports], separators=(",", ":"))
    stored = {
        "channel": thread.channel,
        "ts": thread.ts,
        "digest": thread.digest,
        "told": json.dumps(sorted(thread.told), separators=(",", ":")),
        "reports": reports,
        "note": thread.note,
        "row_digest": thread.row_digest,
        "silence": _silence_document(thread.silence),
        "episode": thread.episode,
    }
    return ", ".join(f"{name} = :{name}" for name in stored), {f":{name}": {"S": value} for name, value in stored.items()}


def _thread(item: Item) -> Thread:
    def text(name: str) -> str:
        return str(item.get(name, {}).get("S", ""))

    return Thread(
        subject=text("subject"),
        item=text("item"),
        channel=text("channel"),
        ts=text("ts"),
        digest=text("digest"),
        told=frozenset(json.loads(text("told") or "[]")),
        reports=tuple(Report.from_document(document) for document in json.loads(text("reports") or "[]")),
        note=text("note"),
        doubt=text("doing"),
        row_digest=text("row_digest"),
        silence=_silence(text("silence")),
        episode=text("episode"),
        revision=int(item.get("revision", {}).get("N", 0)),
        busy_until=float(item.get("lease_until", {}).get("N", 0)),
    )


def _silence_document(silence: Silence | None) -> str:
    """Return ``by|at|until``, empty while nobody silenced or unsilenced anything."""
    return "|".join((silence.by, iso(silence.at), iso(silence.until))) if silence else ""


def _silence(text: str) -> Silence | None:
    by, _, times = text.partition("|")
    at, _, until = times.partition("|")
    return Silence(by, from_iso(at), from_iso(until)) if until else None
