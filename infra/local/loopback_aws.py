"""S3 and SQS of the embedded AWS on a port of loopback, for processes of their own: what a container's boto3 talks to.

Requests go on to moto, one at a time under the given lock, because moto is not made for threads. In front of it stands what moto
lacks: S3's check of signed forms and links, and a long poll that waits in real time while the embedded clock may stand still.
``virtual_per_real`` translates the durations that a process names (visibility timeouts) into those of the embedded clock.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import escape

import boto3
from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from moto.core.botocore_stubber import BotocoreStubber
from werkzeug.formparser import parse_form_data

from infra.local.upload_forms import Keys, NotSigned, check_form, check_link

KEYS = Keys("EMBEDDED", "EMBEDDED")
JSON = "application/x-amz-json-1.0"
LARGEST = 64 * 2**20
LONGEST_POLL_S = 2.0  # of real time: a process that is told to stop in the middle of one hears of it soon
MOST_VISIBILITY_S = 43_200
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "expect"})


@dataclass
class LoopbackAws:
    """What is served. ``now`` is the real time, at which signatures are judged; ``address`` is known once it is served.

    While ``closed``, nobody is given a message: the embedded clock is moving. ``received`` and ``deleted`` count messages.
    """

    region: str
    lock: AbstractContextManager[Any]
    now: Callable[[], datetime]
    waiting: Callable[[], bool] = lambda: True
    keys: Keys = KEYS
    virtual_per_real: float = 1.0
    address: str = ""
    received: int = 0
    deleted: int = 0
    _stub: BotocoreStubber = field(default_factory=BotocoreStubber)
    _gate: threading.Condition = field(default_factory=threading.Condition)
    _closed: bool = False

    def close(self) -> None:
        """Give nobody a message until ``open``."""
        with self._gate:
            self._closed = True

    def open(self) -> None:
        """Give out messages."""
        with self._gate:
            self._closed = False
            self._gate.notify_all()

    def wake(self) -> None:
        """Let those who wait for a message look again."""
        with self._gate:
            self._gate.notify_all()

    @contextlib.contextmanager
    def serving(self) -> Iterator[LoopbackAws]:
        """Serve on a free port; the address stands in ``address``."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        server.daemon_threads = True
        self.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join(5)

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """Answer one request: (status, headers, body)."""
        try:
            named = headers.get("x-amz-target", "")
            if named.startswith("AmazonSQS."):
                return self._sqs(named.removeprefix("AmazonSQS."), headers, body)
            return self._s3(method, target, headers, body)
        except NotSigned as refused:
            text = f"<Error><Code>{refused.code}</Code><Message>{escape(str(refused))}</Message></Error>"
            return refused.status, {"Content-Type": "application/xml"}, text.encode()

    def _sqs(self, operation: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        self._known(headers)
        asked = json.loads(body)
        for entry in (asked, *asked.get("Entries", ())):
            if "VisibilityTimeout" in entry:
                entry["VisibilityTimeout"] = min(MOST_VISIBILITY_S, int(entry["VisibilityTimeout"] * self.virtual_per_real))
        if operation == "ReceiveMessage":
            if not self._wait(min(float(asked.pop("WaitTimeSeconds", 0)), LONGEST_POLL_S)):
                return 200, {"Content-Type": JSON}, b"{}"
            asked["WaitTimeSeconds"] = 0
        status, answered, text = self._moto(
            "POST", f"https://sqs.{self.region}.amazonaws.com/", headers, json.dumps(asked).encode()
        )
        with self._gate:
            if operation == "ReceiveMessage" and status == 200:
                self.received += len(json.loads(text).get("Messages", ()))
            if operation == "DeleteMessage" and status == 200:
                self.deleted += 1
        return status, answered, text

    def _wait(self, seconds: float) -> bool:
        """Wait for a message to be there, as long as a poll may take; whether one may be given out then."""
        with self._gate:
            self._gate.wait_for(lambda: not self._closed and self.waiting(), seconds)
            return not self._closed

    def _s3(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        parts = urlsplit(target)
        if method == "POST" and headers.get("content-type", "").startswith("multipart/form-data"):
            return self._form(parts.path.strip("/"), headers, body)
        if "X-Amz-Signature=" in parts.query:
            check_link(method, headers.get("host", ""), parts.path, parts.query, self.keys, self.now())
        else:
            self._known(headers)
        return self._moto(method, f"https://s3.{self.region}.amazonaws.com{target}", headers, body)

    def _form(self, bucket: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """Take an upload form as S3 does: when what it says is what was signed."""
        given = {"CONTENT_TYPE": headers["content-type"], "CONTENT_LENGTH": str(len(body)), "wsgi.input": BytesIO(body)}
        _, form, files = parse_form_data({"REQUEST_METHOD": "POST", **given})
        fields, file = form.to_dict(), files.get("file")
        if file is None:
            raise NotSigned(400, "InvalidArgument", "POST requires exactly one file upload per request.")
        with contextlib.closing(file):
            data = file.read()
        check_form(fields, len(data), bucket, self.keys, self.now())
        kind = next((value for name, value in fields.items() if name.lower() == "content-type"), "binary/octet-stream")
        # By moto's own S3, with its notification; signed by whoever signed the form.
        url = f"https://s3.{self.region}.amazonaws.com/{bucket}/{fields['key']}"
        status, answered, text = self._moto("PUT", url, {"Content-Type": kind, "Authorization": self._authorised()}, data)
        self.wake()
        return (204, {}, b"") if status == 200 else (status, answered, text)

    def _authorised(self) -> str:
        return f"AWS4-HMAC-SHA256 Credential={self.keys.access}/20260101/{self.region}/s3/aws4_request"

    def _known(self, headers: Mapping[str, str]) -> None:
        if f"Credential={self.keys.access}/" not in headers.get("authorization", ""):
            raise NotSigned(403, "AccessDenied", "Access Denied")

    def _moto(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        passed = HTTPHeaders()
        for name, value in headers.items():
            if name.lower() not in (*_HOP, "host"):
                passed[name] = value
        passed["Content-Length"] = str(len(body))
        request = AWSPreparedRequest(method=method, url=url, headers=passed, body=body, stream_output=False)
        with self.lock:
            answer = self._stub.process_request(request)
        if answer is None:
            raise NotSigned(501, "NotImplemented", f"only S3 and SQS are here, not {unquote(url)[:80]}")
        status, answered, text = answer
        return int(status), {k: str(v) for k, v in answered.items()}, text.encode() if isinstance(text, str) else bytes(text)


def client(aws: LoopbackAws, service: str) -> Any:
    """Return a boto3 client of ``service`` (s3 or sqs) that talks to the served address over HTTP."""
    keys = {"aws_access_key_id": aws.keys.access, "aws_secret_access_key": aws.keys.secret}
    return boto3.client(service, endpoint_url=aws.address, region_name=aws.region, **keys)  # type: ignore[call-overload]  # not a literal


def _handler(aws: LoopbackAws) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def handle_expect_100(self) -> bool:
            """Say at once that a body may come: botocore would wait a second for what stays in the buffer."""
            going_on = super().handle_expect_100()
            self.wfile.flush()
            return going_on

        def take(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            if length > LARGEST:
                self.close_connection = True
                self._send(413, {}, b"")
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._send(*aws.answer(self.command, self.path, headers, self.rfile.read(length)))

        def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's own signature
            """Stay silent: who asks keeps its own log."""

    for method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.take)
    return Handler
