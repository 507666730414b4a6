"""What is done with one message: each image that it tells of is looked at, its thumbnails are stored, its row is written.

Everything may be done twice, also at the same time: keys of thumbnails and rows follow from the object, and the row of a later
version is never overwritten by an earlier one. ``Poison`` will never work, ``Transient`` is not the image's fault.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.aws.workload.database import DatabaseFailed, Pool
from infra.aws.workload.image_rules import thumbnail_key
from infra.aws.workload.s3_events import Created, Poison, created
from infra.aws.workload.settings import Store
from infra.aws.workload.thumbnails import NotAnImage, Picture, picture

Log = Callable[..., None]

KNOWN = "SELECT state FROM images WHERE object_key = :key AND etag = :etag AND version_id = :version"
# S3 pads the shorter sequencer with zeros on the right, and compares texts. Without one, the last to write wins.
WRITE = """
INSERT INTO images AS kept (object_key, etag, version_id, sequencer, state, reason, content_type, width, height, size_bytes,
                            animated, thumbnails)
VALUES (:key, :etag, :version, :sequencer, :state, :reason, :content_type, CAST(:width AS int), CAST(:height AS int),
        CAST(:size AS bigint), CAST(:animated AS boolean), CAST(:thumbnails AS jsonb))
ON CONFLICT (object_key) DO UPDATE SET
    etag = EXCLUDED.etag, version_id = EXCLUDED.version_id, sequencer = EXCLUDED.sequencer, state = EXCLUDED.state,
    reason = EXCLUDED.reason, content_type = EXCLUDED.content_type, width = EXCLUDED.width, height = EXCLUDED.height,
    size_bytes = EXCLUDED.size_bytes, animated = EXCLUDED.animated, thumbnails = EXCLUDED.thumbnails, processed_at = now()
WHERE rpad(kept.sequencer, 64, '0') COLLATE "C" <= rpad(EXCLUDED.sequencer, 64, '0') COLLATE "C"
"""


class Transient(Exception):
    """A dependency failed for now: the image is as good as it was.

    ``fatal``: only another task can go on. ``doubtful``: it may be the image's fault all the same, and is not waited for long.
    """

    def __init__(self, reason: str, *, fatal: bool = False, doubtful: bool = False) -> None:
        super().__init__(reason)
        self.fatal = fatal
        self.doubtful = doubtful


class Processing:
    """Works on messages with the given S3 client and pool; ``log(event, **facts)`` writes a line."""

    def __init__(self, store: Store, s3: Any, pool: Pool, log: Log) -> None:
        self._store = store
        self._s3 = s3
        self._pool = pool
        self._log = log

    def message(self, body: str) -> None:
        """Do all that one message asks for. Poison or Transient, said of the first image that fails so."""
        poison: Poison | None = None
        for event in created(body, self._store):
            try:
                self._image(event)
            except Poison as error:  # the message's other images are done all the same
                poison = poison or error
        if poison is not None:
            raise poison

    def _image(self, event: Created) -> None:
        if any(row["state"] == "done" for row in self._query(KNOWN, key=event.key, etag=event.etag, version=event.version)):
            self._log("image", outcome="known", key=event.key)
            return
        found = self._read(event)
        if found is None:
            self._log("image", outcome="gone", key=event.key)
            return
        data, declared, etag = found
        try:
            made = picture(data, declared, self._store.rules)
        except NotAnImage as error:
            self._refuse(event, etag, len(data), str(error))
        thumbnails = [self._put(event, made, place) for place in range(len(made.thumbnails))]
        self._write(
            event,
            etag,
            state="done",
            content_type=made.content_type,
            width=made.width,
            height=made.height,
            size=len(data),
            animated=made.animated,
            thumbnails=json.dumps(thumbnails),
        )
        self._log("image", outcome="done", key=event.key, bytes=len(data), width=made.width, height=made.height)

    def _read(self, event: Created) -> tuple[bytes, str, str] | None:
        """Return the object's content, declared type and etag; None when it is there no more."""
        version = {"VersionId": event.version} if event.version else {}
        try:
            answer = self._s3.get_object(Bucket=self._store.bucket, Key=event.key, **version)
            with answer["Body"] as body:
                data = body.read(self._store.rules.most_bytes + 1)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in ("NoSuchKey", "NoSuchVersion"):
                return None
            # Without the right to list, S3 answers 403 also for a key that is not there. [Amazon S3 API reference, GetObject]
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            raise Transient(f"S3 answered {code}", doubtful=status == 403) from None
        except (BotoCoreError, OSError) as error:
            raise Transient(f"S3 could not be reached ({type(error).__name__})") from None
        etag = str(answer["ETag"]).strip('"').lower()
        if len(data) > self._store.rules.most_bytes:
            self._refuse(event, etag, int(answer["ContentLength"]), f"it is larger than {self._store.rules.most_bytes} bytes")
        return data, str(answer.get("ContentType", "")), etag

    def _put(self, event: Created, made: Picture, place: int) -> dict[str, Any]:
        """Store one thumbnail; return what the row says of it."""
        thumbnail = made.thumbnails[place]
        key = thumbnail_key(self._store.thumbnails, event.upload, thumbnail.edge, thumbnail.suffix)
        try:
            self._s3.put_object(Bucket=self._store.bucket, Key=key, Body=thumbnail.body, ContentType=thumbnail.content_type)
        except ClientError as error:
            raise Transient(f"S3 answered {error.response.get('Error', {}).get('Code', '')}") from None
        except BotoCoreError as error:
            raise Transient(f"S3 could not be reached ({type(error).__name__})") from None
        size = {"width": thumbnail.width, "height": thumbnail.height}
        return {"key": key, "edge": thumbnail.edge, "content_type": thumbnail.content_type, **size}

    def _refuse(self, event: Created, etag: str, size: int, reason: str) -> None:
        """Write down why an image is refused, for its sender to read, and raise Poison."""
        self._write(event, etag, state="refused", reason=reason, size=size)
        raise Poison(f"{event.key}: {reason}")

    def _write(self, event: Created, etag: str, **found: Any) -> None:
        usual = {"reason": "", "content_type": "", "width": 0, "height": 0, "animated": False, "thumbnails": "[]"}
        place = {"key": event.key, "etag": etag, "version": event.version, "sequencer": event.sequencer}
        self._query(WRITE, **{**usual, **found, **place})

    def _query(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        try:
            return self._pool.run(sql, **parameters)
        except DatabaseFailed as failed:
            if failed.about_the_data:
                raise Poison(f"the database refuses its values ({failed.code})") from None
            # A password that was changed: ECS put the old one into this task, and gives the next one the new.
            raise Transient(str(failed), fatal=failed.code == "28P01") from None
