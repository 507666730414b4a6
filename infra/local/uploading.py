"""The people who upload: each asks the API for a form, sends an image through it to S3, and may ask what became of it."""

from __future__ import annotations

import json
import random
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from PIL import Image, ImageDraw

from infra.local import real_time

TIMEOUT_S = 30
BOUNDARY = "tocsin-upload-form"
SIZES = ((640, 480), (480, 640), (800, 600))


class NotUploaded(Exception):
    """The API or S3 did not take it; the text is what it answered."""


@dataclass(frozen=True, slots=True)
class File:
    """A file to upload, and as what."""

    content_type: str
    data: bytes


@dataclass
class Uploading:
    """Uploads through the API at ``address``; ``latencies`` are the seconds that its answers took, ``ids`` what was uploaded."""

    address: str = ""
    latencies: list[float] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    def upload(self, file: File) -> str:
        """Upload one file; its id. NotUploaded with what was answered."""
        began = real_time.seconds()
        ordered = self._api("POST", "/uploads", {"content_type": file.content_type, "size": len(file.data)})
        self.latencies.append(real_time.seconds() - began)
        send(ordered["upload"], file.data)
        self.ids.append(ordered["id"])
        return str(ordered["id"])

    def status(self, upload: str) -> dict[str, Any]:
        """Return what the API says of an upload."""
        return self._api("GET", f"/uploads/{upload}", None)

    def _api(self, method: str, path: str, document: object) -> dict[str, Any]:
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(self.address + path, body, {"Content-Type": "application/json"}, method=method)  # noqa: S310 - loopback
        found: dict[str, Any] = json.loads(fetch(request))
        return found


def send(form: Mapping[str, Any], data: bytes, **changed: str) -> None:
    """Send a file through an upload form, as a browser does, with ``changed`` fields. NotUploaded when it is refused."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in {**form["fields"], **changed}.items()
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="image"\r\n\r\n'.encode()
    body = b"".join([*parts, head, data, f"\r\n--{BOUNDARY}--\r\n".encode()])
    fetch(urllib.request.Request(form["url"], body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}))  # noqa: S310 - loopback


def fetch(request: urllib.request.Request | str) -> bytes:
    """Return the answer's body; NotUploaded for an error."""
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - loopback
            return bytes(answer.read())
    except urllib.error.HTTPError as refused:
        with refused:
            raise NotUploaded(f"{refused.code} {refused.read(500).decode(errors='replace')}") from None
    except OSError as error:
        raise NotUploaded(str(error)) from None


def pictures(count: int, seed: int) -> list[File]:
    """Return ``count`` different pictures, the same ones for the same seed."""
    chosen = random.Random(seed)  # noqa: S311 - colours, no secret
    found = []
    for _ in range(count):
        image = Image.new("RGB", chosen.choice(SIZES), tuple(chosen.randrange(256) for _ in "rgb"))
        draw = ImageDraw.Draw(image)
        for _ in range(40):
            left, top = chosen.randrange(image.width), chosen.randrange(image.height)
            draw.ellipse((left, top, left + 90, top + 60), fill=tuple(chosen.randrange(256) for _ in "rgb"))
        out = BytesIO()
        image.save(out, "JPEG")
        found.append(File("image/jpeg", out.getvalue()))
    return found


def broken(seed: int) -> list[File]:
    """Return two files that are no images, whatever they say: a text, and half of a picture."""
    half = pictures(1, seed)[0].data
    return [File("image/png", b"This is a text that calls itself an image."), File("image/jpeg", half[: len(half) // 2])]
