"""Reads what S3 tells a queue: which objects were created. Pure and strict: what it does not understand is poison, by name.

Messages are ``{"Records": [{"eventName", "s3": {"bucket", "object": {"key", "size", "eTag", "versionId", "sequencer"}}}]}``;
keys are URL-encoded as in a form (a space is ``+``). When a notification is set up, S3 sends one ``s3:TestEvent`` without
records. [Amazon S3 user guide, Event message structure]
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes
from uuid import UUID

from infra.aws.workload.image_rules import upload_of
from infra.aws.workload.settings import Store

CREATED = "ObjectCreated:"
ETAG = re.compile(r'"?([0-9a-fA-F]{32}(?:-\d{1,5})?)"?', re.ASCII)
# How S3 orders two events of one key: shorter ones are padded with zeros on the right, then compared as texts.
SEQUENCER = re.compile(r"[0-9A-Fa-f]{0,64}", re.ASCII)
VERSION = re.compile(r"[A-Za-z0-9._-]{0,1024}", re.ASCII)


class Poison(Exception):
    """This message, or its image, will never be done; the text says why."""


@dataclass(frozen=True, slots=True)
class Created:
    """One object that was created. ``version`` and ``sequencer`` are "" where S3 gave none."""

    upload: UUID
    key: str
    etag: str
    version: str = ""
    sequencer: str = ""


def created(body: str, store: Store) -> list[Created]:
    """Return the objects that a message tells of; none for S3's test event. Poison for anything that is not ours."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise Poison("the message is not JSON") from None
    if not isinstance(document, Mapping):
        raise Poison("the message is not an object")
    if document.get("Event") == "s3:TestEvent" and document.get("Bucket") == store.bucket:
        return []
    records = document.get("Records")
    if not isinstance(records, list) or not records:
        raise Poison("the message has no records")
    return [_created(record, store) for record in records]


def _created(record: Any, store: Store) -> Created:
    told = _member(record, "s3")
    thing = _member(told, "object")
    if record.get("eventSource") != "aws:s3" or not str(record.get("eventName")).startswith(CREATED):
        raise Poison("the event is not of S3's ObjectCreated")
    if _member(told, "bucket").get("name") != store.bucket:
        raise Poison("the object stands in another bucket")
    key = _key(thing.get("key"))
    upload = upload_of(store.uploads, key)
    if upload is None:
        raise Poison("the object's key is not one of an upload")
    etag = ETAG.fullmatch(_text(thing, "eTag"))
    sequencer, version = _text(thing, "sequencer"), _text(thing, "versionId")
    if etag is None or not SEQUENCER.fullmatch(sequencer) or not VERSION.fullmatch(version):
        raise Poison("the object has no readable eTag, version or sequencer")
    return Created(upload, key, etag[1].lower(), "" if version == "null" else version, sequencer.upper())


def _member(value: Any, name: str) -> Mapping[str, Any]:
    found = value.get(name) if isinstance(value, Mapping) else None
    if not isinstance(found, Mapping):
        raise Poison(f"a record has no {name}")
    return found


def _text(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name, "")
    return found if isinstance(found, str) else "?"


def _key(encoded: Any) -> str:
    """Return a key as it stands in the bucket."""
    try:
        return unquote_to_bytes(encoded.replace("+", " ")).decode("utf-8")
    except (AttributeError, ValueError):
        raise Poison("the object's key cannot be read") from None
