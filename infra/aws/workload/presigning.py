"""Signs what lets a browser talk to S3 directly: forms for one upload, links to thumbnails. Makes no call.

A presigned POST rather than a PUT: its policy makes S3 itself enforce the size (``content-length-range``), the type and the key,
whatever the sender does. A signed PUT can bind a Content-Length too, but only as a header that the sender's HTTP library has
to set as signed, and no range. [Amazon S3 API reference, POST policy]
"""

from __future__ import annotations

from typing import Any

from infra.aws.workload.image_rules import Wish
from infra.aws.workload.settings import Store


class Signer:
    """Signs with the credentials of the given S3 client."""

    def __init__(self, s3: Any, store: Store) -> None:
        self._s3 = s3
        self._store = store

    def form(self, key: str, wish: Wish) -> dict[str, Any]:
        """Return ``{"url", "fields"}`` of a form that takes exactly this wish at ``key``, for a few minutes."""
        kind = {"Content-Type": wish.content_type}
        made: dict[str, Any] = self._s3.generate_presigned_post(
            Bucket=self._store.bucket,
            Key=key,
            Fields=dict(kind),
            Conditions=[kind, ["content-length-range", wish.size, wish.size]],
            ExpiresIn=self._store.rules.form_expires_s,
        )
        return made

    def link(self, key: str) -> str:
        """Return an address at which the object can be read for a few minutes."""
        return str(
            self._s3.generate_presigned_url(
                "get_object", Params={"Bucket": self._store.bucket, "Key": key}, ExpiresIn=self._store.rules.link_expires_s
            )
        )
