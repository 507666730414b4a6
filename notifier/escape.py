"""Makes untrusted text harmless in Slack: no pings, no forged links, no broken formatting, never longer than asked.

Slack asks for exactly three replacements in mrkdwn (& < >). The rest is ours: control characters, marks that reorder
text and lone surrogates are dropped, and every cap is applied after escaping, never through the middle of an entity.
"""

from __future__ import annotations

from urllib.parse import quote, urlsplit

ELLIPSIS = "…"

_URL_SAFE = "/:?#[]@!$&'()*+,;=%~-._"
_LONGEST_ENTITY = len("&amp;")
_MAX_URL = 1500


def plain(text: str, limit: int) -> str:
    """Return ``text`` on one line for a plain_text object, at most ``limit`` characters; never parsed by Slack."""
    return _capped(_tidy(text), limit)


def mrkdwn(text: str, limit: int) -> str:
    """Return ``text`` on one line for a mrkdwn object, at most ``limit`` characters after escaping; back-ticks are replaced."""
    tidy = _tidy(text).replace("`", "'")
    if len(tidy) > limit:
        tidy = tidy[:limit] + ELLIPSIS  # escaping only makes it longer: what follows is cut in any case
    escaped = tidy.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _capped(escaped, limit)


def code(text: str, limit: int) -> str:
    """Return ``text`` as a code span of at most ``limit`` characters; empty when there is nothing to show."""
    inner = mrkdwn(text, limit - 2)
    return f"`{inner}`" if inner else ""


def bold(text: str, limit: int) -> str:
    """Return ``text`` in bold, at most ``limit`` characters; asterisks inside would end it and are replaced."""
    inner = mrkdwn(text.replace("*", "∗"), limit - 2)
    return f"*{inner}*" if inner else ""


def link(url: str, label: str) -> str:
    """Return ``<url|label>``, or the label alone when ``url`` is no http(s) address that fits into a message."""
    shown = mrkdwn(label, 80).replace("|", "¦")
    address = _address(url)
    return f"<{address}|{shown}>" if address else shown


def person(user: str) -> str:
    """Return a mention of the Slack user ``user`` when that looks like an id, else the text itself, escaped."""
    return f"<@{user}>" if is_user(user) else mrkdwn(user, 40)


def naming(escaped: str, user: str) -> str:
    """Return ``escaped`` with each mention of the user's id turned into one that Slack shows as a name."""
    return escaped.replace(user, f"<@{user}>") if is_user(user) else escaped


def is_user(text: str) -> bool:
    """Tell whether ``text`` looks like the id of a Slack user: ``U0123ABCD`` or, in an enterprise grid, ``W…``."""
    return 3 <= len(text) <= 21 and text[0] in "UW" and text.isascii() and text.isalnum() and text.upper() == text


def _address(url: str) -> str:
    """Return ``url`` with all that could end a Slack link encoded, empty when it is not usable."""
    try:
        parts = urlsplit(url)
    except ValueError:  # "http://[" and its like
        return ""
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return ""
    safe = quote(_seen(url), safe=_URL_SAFE).replace("&", "&amp;")
    return safe if len(safe) <= _MAX_URL else ""


def _tidy(text: str) -> str:
    """Return ``text`` on one line without characters that a reader cannot see."""
    return " ".join(_seen(text).split())


def _seen(text: str) -> str:
    """Return ``text`` without control characters, direction marks and lone surrogates; line breaks become spaces."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else " " if char.isspace() else "" for char in text)


def _capped(text: str, limit: int) -> str:
    """Return at most ``limit`` characters of escaped ``text``; a cut is marked and never splits an entity.

    Slack does not say how it counts, so an emoji counts as two, as in UTF-16.
    """
    if _units(text) <= limit:
        return text
    cut = text[: max(limit - 1, 0)]
    while _units(cut) >= limit and cut:
        cut = cut[: limit - 1 - _units(cut)]
    entity = cut.rfind("&", max(0, len(cut) - _LONGEST_ENTITY))
    if entity >= 0 and ";" not in cut[entity:]:
        cut = cut[:entity]
    return cut.rstrip() + ELLIPSIS[:limit]


def _units(text: str) -> int:
    """Return the length in UTF-16 units."""
    return len(text) if text.isascii() else len(text) + sum(char > "\uffff" for char in text)
