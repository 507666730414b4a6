"""Draws Slack messages as a reader sees them: Block Kit and mrkdwn to HTML.

Everything that comes out is escaped: the text is untrusted here as it is in Slack. Only http and https links become links.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

Block = Mapping[str, Any]
NAMED_COLOURS = {"good": "#2eb886", "warning": "#daa038", "danger": "#a30200"}
EMOJI = {
    "rotating_light": "🚨",
    "white_check_mark": "✅",
    "warning": "⚠️",
    "information_source": "ℹ️",
    "red_circle": "🔴",
    "large_orange_circle": "🟠",
    "large_yellow_circle": "🟡",
    "large_green_circle": "🟢",
    "large_blue_circle": "🔵",
    "white_circle": "⚪",
    "bell": "🔔",
    "x": "❌",
}
_CONTROL = re.compile(r"<([^<>]+)>")
_MARKS = (
    (re.compile(r"(?<![\w*])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\w*])"), r"<b>\1</b>"),
    (re.compile(r"(?<![\w_])_(?=\S)([^_\n]+?)(?<=\S)_(?![\w_])"), r"<i>\1</i>"),
    (re.compile(r"(?<![\w~])~(?=\S)([^~\n]+?)(?<=\S)~(?![\w~])"), r"<s>\1</s>"),
)


def message(payload: Mapping[str, Any], zone: tzinfo) -> str:
    """Return the body of a message: its blocks and attachments, or its text when it has neither."""
    blocks = _list(payload.get("blocks"))
    attachments = _list(payload.get("attachments"))
    drawn = _blocks(blocks, zone) + "".join(_attachment(item, zone) for item in attachments)
    if not drawn or not (blocks or any(_list(item.get("blocks")) for item in attachments)):
        drawn = f'<div class="s-section">{mrkdwn(str(payload.get("text", "")), zone)}</div>' + drawn
    return drawn


def mrkdwn(text: str, zone: tzinfo) -> str:
    """Return Slack's mrkdwn as HTML: code, bold, italic, strike, quotes, links, dates, known emoji."""
    parts = re.split(r"(```.*?```|`[^`\n]+`)", text, flags=re.DOTALL)
    return "".join(_code(part) if part.startswith("`") and len(part) > 1 else _prose(part, zone) for part in parts)


def _code(part: str) -> str:
    if part.startswith("```"):
        return f"<pre>{_plain(part[3:-3].strip(chr(10)))}</pre>"
    return f"<code>{_plain(part[1:-1])}</code>"


def _prose(part: str, zone: tzinfo) -> str:
    held: list[str] = []

    def hold(match: re.Match[str]) -> str:
        held.append(_control(match[1], zone))
        return f"\x00{len(held) - 1}\x00"

    text = _plain(_CONTROL.sub(hold, part.replace("\x00", "")))
    for pattern, drawn in _MARKS:
        text = pattern.sub(drawn, text)
    text = re.sub(r":([a-z0-9_+-]+):", lambda match: EMOJI.get(match[1], match[0]), text)
    text = re.sub(r"(?m)^&gt; ?(.*)$", r"<q>\1</q>", text).replace("\n", "<br>")
    return re.sub("\x00(\\d+)\x00", lambda match: held[int(match[1])], text)


def _control(inside: str, zone: tzinfo) -> str:
    """Draw what stands between < and >: a link, a date, a mention."""
    if inside.startswith("!date^"):
        return _date(inside, zone)
    target, _, label = inside.partition("|")
    if target.startswith(("https://", "http://")):
        return f'<a href="{_plain(target)}" rel="noreferrer noopener">{_plain(label or target)}</a>'
    if target.startswith(("!", "@", "#")):
        return f'<span class="s-mention">{_plain(label or target.replace("!", "@"))}</span>'
    return _plain(f"<{inside}>".replace("<", "&lt;").replace(">", "&gt;"))


def _date(inside: str, zone: tzinfo) -> str:
    """Draw ``!date^<epoch>^<format>^<link?>|<fallback>`` in the reader's zone."""
    head, _, fallback = inside.partition("|")
    parts = head.split("^")
    if len(parts) < 3 or not parts[1].lstrip("-").isdigit():
        return _plain(fallback)
    moment = datetime.fromtimestamp(int(parts[1]), UTC).astimezone(zone)
    formats = {
        "{date_num}": "%Y-%m-%d", "{date}": "%B %d, %Y", "{date_short}": "%b %d, %Y", "{date_long}": "%A, %B %d, %Y",
        "{date_pretty}": "%B %d, %Y", "{date_short_pretty}": "%b %d, %Y", "{date_long_pretty}": "%A, %B %d, %Y",
        "{time}": "%H:%M", "{time_secs}": "%H:%M:%S",
    }  # fmt: skip
    text = parts[2]
    for token, pattern in formats.items():
        text = text.replace(token, moment.strftime(pattern))
    return f'<time datetime="{moment.astimezone(UTC).isoformat()}">{_plain(text)}</time>'


def _plain(text: str) -> str:
    """Escape for HTML a text that is escaped for Slack already (&amp; &lt; &gt;), without escaping twice."""
    return html.escape(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"), quote=True)


def _text(item: Any, zone: tzinfo) -> str:
    """Draw a text object; a plain_text one has no markup, and Slack does not unescape it either."""
    if not isinstance(item, Mapping):
        return ""
    text = str(item.get("text", ""))
    if item.get("type") == "mrkdwn":
        return mrkdwn(text, zone)
    return html.escape(text).replace("\n", "<br>")


def _blocks(blocks: Sequence[Block], zone: tzinfo) -> str:
    return "".join(_DRAWN.get(str(block.get("type")), _unknown)(block, zone) for block in blocks)


def _header(block: Block, zone: tzinfo) -> str:
    return f'<div class="s-header">{_text(block.get("text"), zone)}</div>'


def _section(block: Block, zone: tzinfo) -> str:
    text = _text(block.get("text"), zone)
    fields = "".join(f"<div>{_text(item, zone)}</div>" for item in _list(block.get("fields")))
    drawn = (f"<div>{text}</div>" if text else "") + (f'<div class="s-fields">{fields}</div>' if fields else "")
    if not isinstance(block.get("accessory"), Mapping):
        return f'<div class="s-section">{drawn}</div>'
    beside = _element(block["accessory"], zone)
    return f'<div class="s-section s-beside"><div>{drawn}</div><div>{beside}</div></div>'


def _context(block: Block, zone: tzinfo) -> str:
    items = "".join(f"<span>{_element(item, zone)}</span>" for item in _list(block.get("elements")))
    return f'<div class="s-context">{items}</div>'


def _actions(block: Block, zone: tzinfo) -> str:
    return f'<div class="s-actions">{"".join(_element(item, zone) for item in _list(block.get("elements")))}</div>'


def _divider(block: Block, zone: tzinfo) -> str:  # noqa: ARG001 - one signature for every block
    return "<hr>"


def _markdown(block: Block, zone: tzinfo) -> str:
    return f'<div class="s-section">{mrkdwn(str(block.get("text", "")), zone)}</div>'


def _unknown(block: Block, zone: tzinfo) -> str:  # noqa: ARG001 - one signature for every block
    return f'<div class="s-context">[{html.escape(str(block.get("type")))} block]</div>'


_DRAWN: Mapping[str, Callable[[Block, tzinfo], str]] = {
    "header": _header,
    "section": _section,
    "context": _context,
    "actions": _actions,
    "divider": _divider,
    "markdown": _markdown,
}


def _element(item: Block, zone: tzinfo) -> str:
    """Draw an element of a context or actions block. Buttons show and do nothing; a link button is a link."""
    if item.get("type") != "button":
        return _text(item, zone)
    style = f" s-{item['style']}" if item.get("style") in {"primary", "danger"} else ""
    label, url = _text(item.get("text"), zone), str(item.get("url", ""))
    if url.startswith(("https://", "http://")):
        return f'<a class="s-button{style}" href="{html.escape(url)}" rel="noreferrer noopener">{label}</a>'
    return f'<span class="s-button{style}"{_asks_again(item)}>{label}</span>'


def _asks_again(button: Block) -> str:
    """Return a button's dialog as what a reader sees when pointing at it."""
    dialog = button.get("confirm")
    if not isinstance(dialog, Mapping):
        return ""
    parts = [dialog.get(name) for name in ("title", "text")]
    said = "\n".join(str(part.get("text", "")) for part in parts if isinstance(part, Mapping))
    return f' title="{html.escape(said, quote=True)}"'


def _attachment(item: Block, zone: tzinfo) -> str:
    colour = NAMED_COLOURS.get(str(item.get("color")), str(item.get("color", "")))
    if colour and not colour.startswith("#"):
        colour = f"#{colour}"
    bar = colour if re.fullmatch(r"#[0-9a-fA-F]{6}", colour) else "#8d8d8d"
    inner = _blocks(_list(item.get("blocks")), zone)
    if not inner:
        inner = f'<div class="s-section">{mrkdwn(str(item.get("text") or item.get("fallback") or ""), zone)}</div>'
    return f'<div class="s-attachment" style="border-left-color:{bar}">{inner}</div>'


def _list(value: Any) -> list[Any]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []
