"""A Slack message as a value, and the few blocks that tocsin builds messages from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from notifier.escape import mrkdwn

Block = dict[str, Any]  # a Block Kit block, JSON

# Slack's wording of a time: each reader sees it in their own zone; the part after "|" is for clients that cannot.
_NOTHING = "—"  # Slack refuses a whole message for one empty text
_BARE_TEXT = 3_000  # Slack advises at most 4,000
_DATE = "<!date^{epoch}^{{date_short_pretty}} {{time_secs}}|{fallback}>"


@dataclass(frozen=True, slots=True)
class Message:
    """What to say and where. ``text`` is the notification, ``blocks`` stand above the coloured ``attachments``.

    ``metadata`` (``{"event_type", "event_payload"}``) finds the message again when a post's outcome is not known.
    """

    channel: str
    text: str
    blocks: tuple[Block, ...]
    attachments: tuple[Block, ...] = ()
    metadata: Block | None = None
    thread_ts: str = ""

    def payload(self) -> dict[str, Any]:
        """Return the JSON arguments of chat.postMessage (and, with ``ts`` added, of chat.update)."""
        payload: dict[str, Any] = {"channel": self.channel, "text": self.text or _NOTHING, "blocks": list(self.blocks)}
        if self.attachments:
            payload["attachments"] = list(self.attachments)
        if self.metadata:
            payload["metadata"] = self.metadata
        if self.thread_ts:
            payload.update(thread_ts=self.thread_ts, reply_broadcast=False)
        return {**payload, "unfurl_links": False, "unfurl_media": False, "link_names": False}

    def edit(self, channel: str, ts: str) -> dict[str, Any]:
        """Return the JSON arguments of the chat.update that makes the message ``ts`` of ``channel`` look like this one."""
        payload = {"channel": channel, "ts": ts, "text": self.text or _NOTHING, "blocks": list(self.blocks)}
        return {**payload, "attachments": list(self.attachments), **({"metadata": self.metadata} if self.metadata else {})}

    def bare(self) -> Message:
        """Return the same message as text alone, for when Slack refuses its blocks: plain beats lost."""
        groups = [self.blocks, *(attachment["blocks"] for attachment in self.attachments)]
        lines = [self.text, *(line for group in groups for block in group[1:] for line in _lines(block))]
        kept: list[str] = []
        for line in lines:
            if sum(map(len, kept)) + len(kept) + len(line) < _BARE_TEXT:
                kept.append(line)
        return replace(self, text="\n".join(kept), blocks=(), attachments=())

    @property
    def digest(self) -> str:
        """16 hex digits of what a reader would see: two messages with the same digest look the same.

        Ids of blocks are left out: they are new with every edit.
        """
        groups = [self.blocks, *({**one, "blocks": _anonymous(one["blocks"])} for one in self.attachments)]
        seen = json.dumps([self.text, *groups], ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(seen.encode("utf-8", "replace")).hexdigest()[:16]


def _anonymous(blocks: Sequence[Block]) -> list[Block]:
    return [{name: value for name, value in block.items() if name != "block_id"} for block in blocks]


def _lines(block: Block) -> list[str]:
    """Return a block's texts as mrkdwn, one a line; a button has nothing to read."""
    if block["type"] == "actions":
        return []
    texts = [block.get("text"), *block.get("fields", ()), *block.get("elements", ())]
    return [
        line
        for text in texts
        if text
        for line in (text["text"].split("\n") if text["type"] == "mrkdwn" else [mrkdwn(text["text"], 1_000)])
    ]


def mark(text: str) -> Block:
    """Return a mrkdwn text object. ``verbatim`` keeps Slack from turning bare addresses and names into links and pings."""
    return {"type": "mrkdwn", "text": text if text.strip() else _NOTHING, "verbatim": True}


def words(text: str) -> Block:
    """Return a plain_text object: never parsed."""
    return {"type": "plain_text", "text": text if text.strip() else _NOTHING, "emoji": False}


def header(text: str) -> Block:
    """Return a header block (at most 150 characters)."""
    return {"type": "header", "text": words(text)}


def section(text: str) -> Block:
    """Return a section of one mrkdwn text."""
    return {"type": "section", "text": mark(text)}


def button(label: str, action: str, value: str, *, style: str = "", confirm: Block | None = None) -> Block:
    """Return a button. ``action`` is the stable action_id, ``value`` an opaque id, ``style`` primary or danger."""
    made: Block = {"type": "button", "text": words(label), "action_id": action, "value": value}
    return {**made, **({"style": style} if style else {}), **({"confirm": confirm} if confirm else {})}


def dialog(title: str, text: str, yes: str, no: str) -> Block:
    """Return the dialog that asks again before a button counts (text at most 300 characters, labels 30)."""
    return {"title": words(title), "text": words(text), "confirm": words(yes), "deny": words(no)}


def actions(block_id: str, *buttons: Block) -> Block:
    """Return a row of buttons. ``block_id`` has to be new with every edit."""
    return {"type": "actions", "block_id": block_id, "elements": list(buttons)}


def columns(fields: list[tuple[str, str]]) -> Block:
    """Return a section of two columns from (label, mrkdwn) pairs; at most ten are shown."""
    return {"type": "section", "fields": [mark(f"*{label}*\n{value}") for label, value in fields[:10]]}


def context(*elements: Block) -> Block:
    """Return a context block: small and grey."""
    return {"type": "context", "elements": list(elements[:10])}


def coloured(colour: str, fallback: str, blocks: list[Block]) -> Block:
    """Return an attachment with a coloured bar: still Slack's only way to show one."""
    return {"color": colour, "fallback": fallback, "blocks": blocks}


def date(moment: datetime) -> str:
    """Return ``moment`` in each reader's own zone, in UTC where a client cannot."""
    return _DATE.format(epoch=int(moment.timestamp()), fallback=clock(moment))


def clock(moment: datetime) -> str:
    """Return ``2026-10-31 15:03:20 UTC``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
