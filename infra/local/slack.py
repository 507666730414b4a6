"""A stand-in for Slack: the same rules in process and over HTTP on loopback. It refuses what Slack refuses, with Slack's codes.

``Workspace`` is the rules and the memory; ``serving(workspace)`` puts it behind an address for slack_sdk. Readers use
``workspace.calls`` (everything that was asked) and ``workspace.messages(channel)`` (what a reader of the channel sees).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from notifier.limits import findings
from notifier.ports import Answer

TEAM = "T0EMBEDDED"
# The bot's scopes: the manifest of docs/slack.md, and those that let it look around.
SCOPES = ("chat:write", "chat:write.public", "users:read", "channels:read", "groups:read")
TOKEN = "xoxb-embedded"  # noqa: S105 - the stand-in's own token, worth nothing anywhere else
_RATE_S = 1.0


class Fault(StrEnum):
    """What goes wrong with a call that was ordered to fail."""

    THROTTLED = "429"
    BROKEN = "500"  # HTTP 500 without having done anything
    TIMEOUT = "timeout"  # no answer, nothing done
    LOST = "lost"  # done, but the answer never arrives


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it came, and the answer it got (status 0: none)."""

    at: datetime
    method: str
    payload: Mapping[str, Any]
    status: int
    answer: Mapping[str, Any]


@dataclass(slots=True)
class Shown:
    """One message in its present state, and what it was before each edit."""

    channel: str
    ts: str
    payload: dict[str, Any]
    posted_at: datetime
    thread_ts: str = ""
    edited_at: datetime | None = None
    history: list[Mapping[str, Any]] = field(default_factory=list)


class NoAnswer(TimeoutError):
    """The call got no answer: a timeout as seen by the caller."""


class Workspace:
    """A workspace with channels. ``clock`` is the (virtual) time; ``rate_limited`` turns on one message a second a channel.

    ``channels`` maps names to ids; None lets any name be a channel. Archived ones and those the bot is not in are refused
    by name. ``order(fault, count)`` makes the next calls fail; ``calls_allowed`` methods are the ones the token may use.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        *,
        token: str = TOKEN,
        channels: Mapping[str, str] | None = None,
        rate_limited: bool = False,
        denied: Iterable[str] = (),
    ) -> None:
        self.calls: list[Call] = []
        self.people: dict[str, Mapping[str, Any]] = {}  # the user objects of users.info, by id
        self.whispers: list[tuple[str, str]] = []  # (user, text): what only one person sees
        self.tokens = {token}
        self.archived: set[str] = set()
        self.not_in: set[str] = set()
        self.private: set[str] = set()  # channels that only those in them see
        self.scopes: tuple[str, ...] = SCOPES
        self._clock, self._rate_limited, self._denied = clock, rate_limited, frozenset(denied)
        self._names, self._open = dict(channels or {}), channels is None
        self._shown: dict[str, list[Shown]] = {}
        self._faults: list[tuple[Fault, float]] = []
        self._lock = threading.RLock()

    def order(self, fault: Fault, count: int = 1, *, retry_after_s: float = 30) -> None:
        """Make the next ``count`` calls fail by ``fault``."""
        self._faults += [(fault, retry_after_s)] * count

    def messages(self, channel: str) -> tuple[Shown, ...]:
        """Return the messages of a channel (name or id), replies left out, oldest first, as they look now."""
        return tuple(shown for shown in self._in(channel) if not shown.thread_ts)

    def everything(self) -> tuple[Shown, ...]:
        """Return the messages of all channels, replies included."""
        return tuple(shown for channel in self._shown.values() for shown in channel)

    def replies(self, channel: str, ts: str) -> tuple[Shown, ...]:
        """Return the replies in the thread of message ``ts``, oldest first."""
        return tuple(shown for shown in self._in(channel) if shown.thread_ts == ts)

    def delete(self, channel: str, ts: str) -> None:
        """Delete a message, as a person may."""
        kept = self._shown.get(self._id(channel) or "", [])
        kept[:] = [shown for shown in kept if shown.ts != ts]

    def __call__(self, method: str, payload: Mapping[str, Any], token: str) -> Answer:
        """Answer one call; NoAnswer where the caller would wait in vain."""
        with self._lock:
            fault, after_s = self._faults.pop(0) if self._faults else (None, 0.0)
            answer = self._ordered(fault, after_s) or self._answered(method, payload, token)
            lost = fault in (Fault.TIMEOUT, Fault.LOST)
            self.calls.append(Call(self._clock(), method, dict(payload), 0 if lost else answer.status, answer.body))
        if lost:
            raise NoAnswer(f"{method}: no answer")
        return answer

    def whisper(self, user: str, payload: Mapping[str, Any]) -> None:
        """Take what was posted to a response_url: only the one who pressed sees it."""
        with self._lock:
            self.whispers.append((user, str(payload.get("text", ""))))

    def _ordered(self, fault: Fault | None, after_s: float) -> Answer | None:
        """Return the ordered failure's answer; None where the call is carried out."""
        if fault is Fault.THROTTLED:
            return Answer(429, {"ok": False, "error": "ratelimited"}, f"{after_s:g}")
        if fault is Fault.BROKEN:
            return Answer(500, {"ok": False, "error": "internal_error"})
        return Answer(0, {}) if fault is Fault.TIMEOUT else None

    def _answered(self, method: str, payload: Mapping[str, Any], token: str) -> Answer:
        handler = _METHODS.get(method)
        if handler is None:
            return _refused("unknown_method")
        if token not in self.tokens:
            return _refused("invalid_auth" if token else "not_authed")
        if method in self._denied:
            return _refused("missing_scope")
        return handler(self, payload)

    def authenticate(self, payload: Mapping[str, Any]) -> Answer:  # noqa: ARG002 - every method has one signature
        """auth.test."""
        return _done(team="embedded", team_id=TEAM, user="tocsin", bot_id="B0TOCSIN")

    def listed(self, payload: Mapping[str, Any]) -> Answer:  # noqa: ARG002 - every method has one signature
        """conversations.list: what the bot can see. All on one page."""
        if "channels:read" not in self.scopes:
            return _refused("missing_scope")
        shown = [
            {
                "id": ident,
                "name": name.removeprefix("#"),
                "is_archived": bool({name, ident} & self.archived),
                "is_member": not {name, ident} & self.not_in,
                "is_private": bool({name, ident} & self.private),
            }
            for name, ident in self._names.items()
        ]
        seen = [channel for channel in shown if channel["is_member"] or not channel["is_private"]]
        return _done(channels=seen, response_metadata={"next_cursor": ""})

    def who(self, payload: Mapping[str, Any]) -> Answer:
        """users.info."""
        person = self.people.get(str(payload.get("user", "")))
        return _done(user=person) if person else _refused("user_not_found")

    def post(self, payload: Mapping[str, Any]) -> Answer:
        """chat.postMessage."""
        channel = self._id(str(payload.get("channel", "")))
        if refusal := self._refusal(channel, payload):
            return refusal
        thread = str(payload.get("thread_ts", ""))
        if thread and not self._find(channel, thread):
            return _refused("thread_not_found")
        if self._rate_limited and (wait := self._too_soon(channel)):
            return Answer(429, {"ok": False, "error": "ratelimited"}, str(wait))
        now = self._clock()
        shown = Shown(channel, self._next_ts(channel, now), dict(payload), now, thread)
        self._shown.setdefault(channel, []).append(shown)
        return _done(channel=channel, ts=shown.ts, message={"text": payload.get("text", ""), "ts": shown.ts})

    def update(self, payload: Mapping[str, Any]) -> Answer:
        """chat.update: only by channel id, only of a message that exists."""
        channel = str(payload.get("channel", ""))
        channel = channel if channel in self._names.values() else ""
        if refusal := self._refusal(channel, payload):
            return refusal
        shown = self._find(channel, str(payload.get("ts", "")))
        if shown is None:
            return _refused("message_not_found")
        shown.history.append(shown.payload)
        shown.payload = {**shown.payload, **payload}
        shown.edited_at = self._clock()
        return _done(channel=channel, ts=shown.ts, text=payload.get("text", ""))

    def history(self, payload: Mapping[str, Any]) -> Answer:
        """conversations.history: newest first, by channel id."""
        return self._read(payload, [shown for shown in self._in(str(payload.get("channel", ""))) if not shown.thread_ts])

    def thread(self, payload: Mapping[str, Any]) -> Answer:
        """conversations.replies: the parent, then its replies."""
        ts = str(payload.get("ts", ""))
        return self._read(payload, [one for one in self._in(str(payload.get("channel", ""))) if ts in (one.ts, one.thread_ts)])

    def _read(self, payload: Mapping[str, Any], shown: list[Shown]) -> Answer:
        if payload.get("channel") not in self._names.values():
            return _refused("channel_not_found")
        oldest = float(payload.get("oldest") or 0)
        found = [one for one in shown if float(one.ts) > oldest][-int(payload.get("limit") or 100) :]
        return _done(messages=[_read_back(one, payload) for one in reversed(found)])

    def _refusal(self, channel: str, payload: Mapping[str, Any]) -> Answer | None:
        """Return why Slack would not take a message, None when it would."""
        if not channel:
            return _refused("channel_not_found")
        names = {channel, *(name for name, known in self._names.items() if known == channel)}
        if names & self.archived:
            return _refused("is_archived")
        if names & self.not_in:
            return _refused("not_in_channel")
        code = next((finding.code for finding in findings(payload) if finding.code), "")
        return _refused(code) if code else None

    def _in(self, channel: str) -> list[Shown]:
        return self._shown.get(self._id(channel) or "", [])

    def _find(self, channel: str, ts: str) -> Shown | None:
        return next((shown for shown in self._shown.get(channel, []) if shown.ts == ts), None)

    def _id(self, channel: str) -> str:
        """Return the id of a channel given by id or name (with or without #); empty when there is none."""
        if channel in self._names.values():
            return channel
        name = channel.removeprefix("#")
        if self._open and name and name not in self._names:
            self._names[name] = f"C{len(self._names) + 1:08d}"
        return self._names.get(name) or self._names.get(f"#{name}", "")

    def _too_soon(self, channel: str) -> int:
        """Return after how many whole seconds the channel takes another message, 0 for now."""
        latest = max((shown.posted_at for shown in self._shown.get(channel, [])), default=None)
        if latest is None:
            return 0
        passed = (self._clock() - latest).total_seconds()
        return 0 if passed >= _RATE_S else 1

    def _next_ts(self, channel: str, now: datetime) -> str:
        """Return an id that no message of the channel has: the time in microseconds, moved on when it is taken."""
        micros = round(now.timestamp() * 1_000_000)
        taken = [int(shown.ts.replace(".", "")) for shown in self._shown.get(channel, [])]
        micros = max([micros, *(one + 1 for one in taken)])
        return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"


_METHODS: Mapping[str, Callable[[Workspace, Mapping[str, Any]], Answer]] = {
    "auth.test": Workspace.authenticate,
    "chat.postMessage": Workspace.post,
    "chat.update": Workspace.update,
    "conversations.history": Workspace.history,
    "conversations.list": Workspace.listed,
    "conversations.replies": Workspace.thread,
    "users.info": Workspace.who,
}


def _done(**members: Any) -> Answer:
    return Answer(200, {"ok": True, **members})


def _refused(code: str) -> Answer:
    return Answer(200, {"ok": False, "error": code})


def _read_back(shown: Shown, payload: Mapping[str, Any]) -> dict[str, Any]:
    message = {"type": "message", "ts": shown.ts, "text": shown.payload.get("text", "")}
    if payload.get("include_all_metadata") and shown.payload.get("metadata"):
        message["metadata"] = shown.payload["metadata"]
    return message
