"""What may be uploaded, and where things stand in the bucket. Pure.

A key is the server's own: ``<prefix><uuid>``. Nothing that a client says becomes part of it.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from infra.aws.workload.settings import ImageRules

LONGEST_NAME = 255
MEMBERS = ("content_type", "size", "filename")
UUID_TEXT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
IDEMPOTENCY_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)


class NotAllowed(Exception):
    """What was asked for may not be; ``problems`` says each reason in a sentence for the client."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Wish:
    """An upload as the client asks for it: ``size`` in bytes, ``filename`` only to be shown again."""

    content_type: str
    size: int
    filename: str = ""

    @property
    def digest(self) -> str:
        """The same for the same wish: tells a repeated request from another one under the same idempotency key."""
        return hashlib.sha256(json.dumps([self.content_type, self.size, self.filename]).encode()).hexdigest()


def wish(document: object, rules: ImageRules) -> Wish:
    """Read a request's JSON strictly; NotAllowed with everything that is wrong with it."""
    if not isinstance(document, Mapping):
        raise NotAllowed(["the body must be a JSON object with content_type and size"])
    problems = [f"{str(name)[:40]!r} is not known; known are {', '.join(MEMBERS)}" for name in document if name not in MEMBERS]
    kind, size, filename = document.get("content_type"), document.get("size"), document.get("filename", "")
    if not isinstance(kind, str) or kind not in rules.types:
        problems.append(f"content_type must be one of {', '.join(rules.types)}")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 < size <= rules.most_bytes:
        problems.append(f"size must be the file's size in bytes, from 1 to {rules.most_bytes}")
    if not _is_name(filename):
        problems.append(f"filename must be a text of at most {LONGEST_NAME} printable characters")
    if problems:
        raise NotAllowed(problems)
    return Wish(str(kind), int(size or 0), str(filename))


def _is_name(filename: object) -> bool:
    if not isinstance(filename, str) or len(filename) > LONGEST_NAME:
        return False
    return not any(unicodedata.category(character) in ("Cc", "Cs", "Co", "Cn", "Zl", "Zp") for character in filename)


def key_of(prefix: str, upload: UUID) -> str:
    """Return the key of an upload."""
    return f"{prefix}{upload}"


def upload_of(prefix: str, key: str) -> UUID | None:
    """Return which upload a key is of; None for a key that is not ours."""
    name = key.removeprefix(prefix)
    return UUID(name) if key.startswith(prefix) and UUID_TEXT.fullmatch(name) else None


def thumbnail_key(prefix: str, upload: UUID, edge: int, suffix: str) -> str:
    """Return the key of a thumbnail: the same for the same upload, so that making it twice leaves one."""
    return f"{prefix}{upload}/{edge}.{suffix}"
