"""Slack's limits on a message, checked by ourselves: slack_sdk's own validators let most of these through.

Sources: docs.slack.dev, reference of blocks and of chat.postMessage; the cap on all blocks together is undocumented
(msg_blocks_too_long appears near 13,200 characters), so we stay below 13,000.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

MAX_TEXT = 4_000  # beyond it a message may not be editable any more; Slack cuts at 40,000
CUT_TEXT = 40_000
MAX_BLOCKS = 50
MAX_BLOCKS_SIZE = 13_000
MAX_ATTACHMENTS = 100
_BLOCK_TYPES = frozenset({"header", "section", "context", "actions", "divider", "image"})
_ALLOWED_CONTROL = re.compile(
    r"<(?:https?://[^<>|\s]{1,3000}(?:\|[^<>\n|]*)?|@[UW][A-Z0-9]{2,20}|!date\^\d{1,12}\^[^<>|]+\|[^<>|]+)>"
)
_ENTITY = re.compile(r"&(?:amp|lt|gt);")


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken limit. ``code`` is the error Slack answers with, empty where Slack would accept and misread."""

    text: str
    code: str = ""


def problems(payload: Mapping[str, Any]) -> list[str]:
    """Return what Slack would refuse or misread in a chat.postMessage or chat.update payload; empty when all holds."""
    return [finding.text for finding in findings(payload)]


def findings(payload: Mapping[str, Any]) -> list[Finding]:
    """Return every broken limit of a payload with the error code that it would get."""
    attachments = payload.get("attachments") or []
    groups = [payload.get("blocks") or [], *(attachment.get("blocks") or [] for attachment in attachments)]
    found = [*_message(payload), *_sizes(groups)]
    if len(attachments) > MAX_ATTACHMENTS:
        found.append(Finding(f"{len(attachments)} attachments, at most {MAX_ATTACHMENTS}", "too_many_attachments"))
    blocks = [block for group in groups for block in group]
    for number, block in enumerate(blocks):
        found += [_within(f"block {number}", finding) for finding in _block(block)]
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    return found + [Finding(twin, "invalid_blocks") for twin in _twins(ids)]


def _sizes(groups: Sequence[Sequence[Mapping[str, Any]]]) -> Iterable[Finding]:
    count = sum(len(group) for group in groups)
    if count > MAX_BLOCKS:
        yield Finding(f"{count} blocks, at most {MAX_BLOCKS}", "invalid_blocks")
    size = sum(len(json.dumps(group, ensure_ascii=False)) for group in groups if group)
    if size > MAX_BLOCKS_SIZE:
        yield Finding(f"blocks of {size} characters, at most {MAX_BLOCKS_SIZE}", "msg_blocks_too_long")


def _within(where: str, finding: Finding) -> Finding:
    return Finding(f"{where}: {finding.text}", finding.code)


def _message(payload: Mapping[str, Any]) -> Iterable[Finding]:
    if not payload.get("channel"):
        yield Finding("no channel", "channel_not_found")
    text = payload.get("text")
    if not isinstance(text, str) or not text.strip():
        alone = not (payload.get("blocks") or payload.get("attachments"))
        yield Finding("no text", "no_text" if alone else "")
    else:
        yield from (_within("text", replace(finding, code="")) for finding in _parsed(text, MAX_TEXT))
        if len(text) > CUT_TEXT:
            yield Finding(f"text of {len(text)} characters", "msg_too_long")
    if payload.get("link_names"):
        yield Finding("link_names would turn names into pings")
    for attachment in payload.get("attachments") or []:
        if not re.fullmatch(r"#[0-9a-fA-F]{6}|good|warning|danger", attachment.get("color", "good")):
            yield Finding(f"colour {attachment['color']!r} is none")


def _block(block: Mapping[str, Any]) -> Iterable[Finding]:
    kind = block.get("type")
    if kind not in _BLOCK_TYPES:
        yield Finding(f"unknown type {kind!r}", "invalid_blocks")
    if not 0 < len(block.get("block_id", "x")) <= 255:
        yield Finding("block_id of 1..255 characters", "invalid_blocks")
    if check := _CHECKS.get(str(kind)):
        yield from check(block)


def _header(block: Mapping[str, Any]) -> Iterable[Finding]:
    if block.get("text", {}).get("type") != "plain_text":
        yield Finding("a header is plain_text", "invalid_blocks")
    yield from _object(block.get("text"), 150)


def _section(block: Mapping[str, Any]) -> Iterable[Finding]:
    fields = block.get("fields")
    if not block.get("text") and not fields:
        yield Finding("a section needs text or fields", "invalid_blocks")
    if block.get("text"):
        yield from _object(block["text"], 3_000)
    if fields is not None and not 1 <= len(fields) <= 10:
        yield Finding(f"{len(fields)} fields, 1..10", "invalid_blocks")
    for field in fields or []:
        yield from _object(field, 2_000)
    if "accessory" in block:
        yield from _button(block["accessory"])


def _context(block: Mapping[str, Any]) -> Iterable[Finding]:
    elements = block.get("elements") or []
    if not 1 <= len(elements) <= 10:
        yield Finding(f"{len(elements)} context elements, 1..10", "invalid_blocks")
    for element in elements:
        yield from _object(element, 2_000)


def _actions(block: Mapping[str, Any]) -> Iterable[Finding]:
    elements = block.get("elements") or []
    if not 1 <= len(elements) <= 25:
        yield Finding(f"{len(elements)} action elements, 1..25", "invalid_blocks")
    for element in elements:
        yield from _button(element)
    yield from (
        Finding(twin, "invalid_blocks")
        for twin in _twins([element["action_id"] for element in elements if "action_id" in element])
    )


def _button(element: Mapping[str, Any]) -> Iterable[Finding]:
    """Check a button and its confirm dialog; no other interactive element is ours."""
    if element.get("type") != "button":
        yield Finding(f"unknown element {element.get('type')!r}", "invalid_blocks")
    yield from _plain(element.get("text"), 75)
    for member, most in (("value", 2_000), ("url", 3_000), ("action_id", 255)):
        if not 0 < len(element.get(member, "x")) <= most:
            yield Finding(f"{member} of 1..{most} characters", "invalid_blocks")
    if element.get("style", "primary") not in ("primary", "danger"):
        yield Finding(f"style {element['style']!r} is none", "invalid_blocks")
    if "confirm" in element:
        yield from _confirm(element["confirm"])


def _confirm(dialog: Mapping[str, Any]) -> Iterable[Finding]:
    for member, most in (("title", 100), ("confirm", 30), ("deny", 30)):
        yield from _plain(dialog.get(member), most)
    yield from _object(dialog.get("text"), 300)


def _plain(text: Any, most: int) -> Iterable[Finding]:
    if not isinstance(text, dict) or text.get("type") != "plain_text":
        yield Finding("plain_text is wanted here", "invalid_blocks")
    yield from _object(text, most)


def _image(block: Mapping[str, Any]) -> Iterable[Finding]:
    if not 0 < len(block.get("alt_text", "")) <= 2_000:
        yield Finding("alt_text of 1..2000 characters", "invalid_blocks")
    if len(block.get("image_url", "")) > 3_000:
        yield Finding("image_url longer than 3000", "invalid_blocks")


_CHECKS = {"header": _header, "section": _section, "context": _context, "actions": _actions, "image": _image}


def _object(text: Any, most: int) -> Iterable[Finding]:
    """Check a text object."""
    if not isinstance(text, dict) or text.get("type") not in ("plain_text", "mrkdwn"):
        yield Finding("not a text object", "invalid_blocks")
        return
    if text["type"] == "mrkdwn":
        yield from _parsed(text.get("text", ""), most)
    else:
        yield from _sized(text.get("text", ""), most)


def _parsed(text: str, most: int) -> Iterable[Finding]:
    """Check text that Slack parses: after links and dates of ours nothing may be left that Slack would act on."""
    yield from _sized(text, most)
    rest = _ALLOWED_CONTROL.sub("", text)
    if "<" in rest or ">" in rest:
        yield Finding(f"an unescaped bracket in {rest[:60]!r}")
    if "&" in _ENTITY.sub("", rest):
        yield Finding(f"an unescaped ampersand in {rest[:60]!r}")
    if any(line.count("`") % 2 for line in text.split("\n")):
        yield Finding(f"an open code span in {text[:60]!r}")


def _sized(text: str, most: int) -> Iterable[Finding]:
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2  # the stricter way to count: an emoji is two
    if not text.strip():
        yield Finding("empty text", "invalid_blocks")
    if units > most:
        yield Finding(f"{units} characters, at most {most}", "invalid_blocks")
    if re.search("[\ud800-\udfff]", text):
        yield Finding("a lone surrogate cannot be sent", "invalid_blocks")


def _twins(ids: list[str]) -> list[str]:
    return [f"{name!r} twice" for name in sorted({name for name in ids if ids.count(name) > 1})]
