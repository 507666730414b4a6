"""Slack's limits on a message, checked by ourselves: slack_sdk's own validators let most of these through.

Sources: docs.slack.dev, reference of blocks and of chat.postMessage; the cap on all blocks together is undocumented
(msg_blocks_too_long appears near 13,200 characters), so we stay below 13,000.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

MAX_TEXT = 4_000  # beyond it a message may not be editable any more; Slack cuts at 40,000
MAX_BLOCKS = 50
MAX_BLOCKS_SIZE = 13_000
MAX_ATTACHMENTS = 100
_BLOCK_TYPES = frozenset({"header", "section", "context", "actions", "divider", "image"})
_ALLOWED_CONTROL = re.compile(r"<(?:https?://[^<>|\s]{1,3000}(?:\|[^<>\n|]*)?|!date\^\d{1,12}\^[^<>|]+\|[^<>|]+)>")
_ENTITY = re.compile(r"&(?:amp|lt|gt);")


def problems(payload: Mapping[str, Any]) -> list[str]:
    """Return what Slack would refuse or misread in a chat.postMessage or chat.update payload; empty when all holds."""
    found = list(_message(payload))
    attachments = payload.get("attachments") or []
    if len(attachments) > MAX_ATTACHMENTS:
        found.append(f"{len(attachments)} attachments, at most {MAX_ATTACHMENTS}")
    groups = [payload.get("blocks") or [], *(attachment.get("blocks") or [] for attachment in attachments)]
    blocks = [block for group in groups for block in group]
    if len(blocks) > MAX_BLOCKS:
        found.append(f"{len(blocks)} blocks, at most {MAX_BLOCKS}")
    size = sum(len(json.dumps(group, ensure_ascii=False)) for group in groups)
    if size > MAX_BLOCKS_SIZE:
        found.append(f"blocks of {size} characters, at most {MAX_BLOCKS_SIZE}")
    for number, block in enumerate(blocks):
        found += [f"block {number}: {problem}" for problem in _block(block)]
    found += _twins([block["block_id"] for block in blocks if "block_id" in block])
    return found


def _message(payload: Mapping[str, Any]) -> Iterable[str]:
    if not payload.get("channel"):
        yield "no channel"
    text = payload.get("text")
    if not isinstance(text, str) or not text.strip():
        yield "no text"
    else:
        yield from (f"text: {problem}" for problem in _parsed(text, MAX_TEXT))
    if payload.get("link_names"):
        yield "link_names would turn names into pings"
    for attachment in payload.get("attachments") or []:
        if not re.fullmatch(r"#[0-9a-fA-F]{6}|good|warning|danger", attachment.get("color", "good")):
            yield f"colour {attachment['color']!r} is none"


def _block(block: Mapping[str, Any]) -> Iterable[str]:
    kind = block.get("type")
    if kind not in _BLOCK_TYPES:
        yield f"unknown type {kind!r}"
    if not 0 < len(block.get("block_id", "x")) <= 255:
        yield "block_id of 1..255 characters"
    if check := _CHECKS.get(str(kind)):
        yield from check(block)


def _header(block: Mapping[str, Any]) -> Iterable[str]:
    if block.get("text", {}).get("type") != "plain_text":
        yield "a header is plain_text"
    yield from _object(block.get("text"), 150)


def _section(block: Mapping[str, Any]) -> Iterable[str]:
    fields = block.get("fields")
    if not block.get("text") and not fields:
        yield "a section needs text or fields"
    if block.get("text"):
        yield from _object(block["text"], 3_000)
    if fields is not None and not 1 <= len(fields) <= 10:
        yield f"{len(fields)} fields, 1..10"
    for field in fields or []:
        yield from _object(field, 2_000)


def _context(block: Mapping[str, Any]) -> Iterable[str]:
    elements = block.get("elements") or []
    if not 1 <= len(elements) <= 10:
        yield f"{len(elements)} context elements, 1..10"
    for element in elements:
        yield from _object(element, 2_000)


def _actions(block: Mapping[str, Any]) -> Iterable[str]:
    elements = block.get("elements") or []
    if not 1 <= len(elements) <= 25:
        yield f"{len(elements)} action elements, 1..25"
    for element in elements:
        yield from _object(element.get("text"), 75)
        for member, most in (("value", 2_000), ("url", 3_000), ("action_id", 255)):
            if len(element.get(member, "")) > most:
                yield f"{member} longer than {most}"
    yield from _twins([element["action_id"] for element in elements if "action_id" in element])


def _image(block: Mapping[str, Any]) -> Iterable[str]:
    if not 0 < len(block.get("alt_text", "")) <= 2_000:
        yield "alt_text of 1..2000 characters"
    if len(block.get("image_url", "")) > 3_000:
        yield "image_url longer than 3000"


_CHECKS = {"header": _header, "section": _section, "context": _context, "actions": _actions, "image": _image}


def _object(text: Any, most: int) -> Iterable[str]:
    """Check a text object."""
    if not isinstance(text, dict) or text.get("type") not in ("plain_text", "mrkdwn"):
        yield "not a text object"
        return
    if text["type"] == "mrkdwn":
        yield from _parsed(text.get("text", ""), most)
    else:
        yield from _sized(text.get("text", ""), most)


def _parsed(text: str, most: int) -> Iterable[str]:
    """Check text that Slack parses: after links and dates of ours nothing may be left that Slack would act on."""
    yield from _sized(text, most)
    rest = _ALLOWED_CONTROL.sub("", text)
    if "<" in rest or ">" in rest:
        yield f"an unescaped bracket in {rest[:60]!r}"
    if "&" in _ENTITY.sub("", rest):
        yield f"an unescaped ampersand in {rest[:60]!r}"
    if any(line.count("`") % 2 for line in text.split("\n")):
        yield f"an open code span in {text[:60]!r}"


def _sized(text: str, most: int) -> Iterable[str]:
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2  # the stricter way to count: an emoji is two
    if not text.strip():
        yield "empty text"
    if units > most:
        yield f"{units} characters, at most {most}"
    if re.search("[\ud800-\udfff]", text):
        yield "a lone surrogate cannot be sent"


def _twins(ids: list[str]) -> list[str]:
    return [f"{name!r} twice" for name in sorted({name for name in ids if ids.count(name) > 1})]
