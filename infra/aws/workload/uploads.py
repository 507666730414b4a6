"""Uploads as the API keeps them: promised once per idempotency key, and looked up with what the consumer found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from infra.aws.workload.database import Pool
from infra.aws.workload.image_rules import Wish

PROMISE = """
INSERT INTO uploads (id, object_key, caller, idempotency_key, wish_digest, content_type, size_bytes, filename)
VALUES (CAST(:id AS uuid), :key, :caller, :idempotency_key, :digest, :content_type, CAST(:size AS bigint), :filename)
ON CONFLICT (caller, idempotency_key) DO NOTHING
RETURNING id, object_key, wish_digest
"""
PROMISED = "SELECT id, object_key, wish_digest FROM uploads WHERE caller = :caller AND idempotency_key = :idempotency_key"
STATUS = """
SELECT u.id, u.content_type, u.size_bytes, u.filename, i.state, i.reason, i.width, i.height, i.animated, i.thumbnails
FROM uploads u LEFT JOIN images i ON i.object_key = u.object_key
WHERE u.id = CAST(:id AS uuid) AND u.caller = :caller
"""


@dataclass(frozen=True, slots=True)
class Promise:
    """A place for one upload. ``fresh``: it was promised just now; ``same``: for the very wish that is made now."""

    upload: UUID
    key: str
    fresh: bool
    same: bool


class Uploads:
    """The table of uploads behind a pool. Every method raises ``database.DatabaseFailed``."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def promise(self, upload: UUID, key: str, wish: Wish, *, caller: str, idempotency_key: str | None) -> Promise:
        """Promise ``key`` to a wish; the earlier promise where ``caller`` has made a wish under this idempotency key before."""
        under = {"caller": caller, "idempotency_key": idempotency_key}
        asked = {"content_type": wish.content_type, "size": wish.size, "filename": wish.filename, "digest": wish.digest}
        made = self._pool.run(PROMISE, id=str(upload), key=key, **asked, **under)
        rows = made or self._pool.run(PROMISED, **under)
        return Promise(UUID(str(rows[0]["id"])), rows[0]["object_key"], bool(made), rows[0]["wish_digest"] == wish.digest)

    def status(self, upload: UUID, caller: str) -> dict[str, Any] | None:
        """Return an upload with what is known of its image (``state`` None: not looked at yet); None: not this caller's."""
        rows = self._pool.run(STATUS, id=str(upload), caller=caller)
        return rows[0] if rows else None
