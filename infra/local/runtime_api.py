"""Lambda's Runtime API on loopback: hands events to the real runtime client, and takes its answers.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from http.server import BaseHTTPRequestHandler
from typing import Any

from infra.local.quiet_server import QuietServer

_BASE = "/2018-06-01/runtime"
_DEADLINE_MS = 4_102_444_800_000  # the year 2100: what limits an invocation here is the patience of who waits for it


class Outcome(StrEnum):
    """What became of an invocation, or of the start before the first."""

    ANSWERED = "answered"
    FAILED = "failed"  # the handler raised
    INIT_ERROR = "init-error"  # the handler's module could not be loaded
    EXITED = "exited"  # the process ended without a word


@dataclass(frozen=True, slots=True)
class Answer:
    """``document`` is the handler's answer, or the error with ``errorMessage`` and ``errorType``."""

    outcome: Outcome
    document: Any


class RuntimeApi:
    """The server's state: events that wait for a runtime client, and its answers in order."""

    def __init__(self) -> None:
        self._events: queue.Queue[str] = queue.Queue()
        self._answers: queue.Queue[Answer] = queue.Queue()
        self._handed = 0
        self.address = ""

    def send(self, event: Any) -> None:
        """Let the next invocation be for ``event``."""
        self._events.put(json.dumps(event))

    def answer(self, patience_s: float = 60.0) -> Answer:
        """Return the next answer; TimeoutError when there is none within ``patience_s``."""
        try:
            return self._answers.get(timeout=patience_s)
        except queue.Empty:
            raise TimeoutError(f"no answer from the function within {patience_s:g} s") from None

    def took(self, outcome: Outcome, document: Any) -> None:
        """Keep one answer."""
        self._answers.put(Answer(outcome, document))

    def next(self) -> tuple[str, Mapping[str, str]]:
        """Return the next event with its headers; waits for one."""
        event = self._events.get()
        self._handed += 1
        headers = {
            "Lambda-Runtime-Aws-Request-Id": f"00000000-0000-4000-8000-{self._handed:012d}",
            "Lambda-Runtime-Deadline-Ms": str(_DEADLINE_MS),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:ap-northeast-2:123456789012:function:loopback",
            "Lambda-Runtime-Trace-Id": "Root=1-69044d7c-000000000000000000000001;Parent=0000000000000001;Sampled=0",
        }
        return event, headers


@contextmanager
def serving() -> Iterator[RuntimeApi]:
    """Serve on a free port; ``address`` is what AWS_LAMBDA_RUNTIME_API is to hold."""
    api = RuntimeApi()
    server = QuietServer(_handler(api))
    api.address = server.address
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


def _handler(api: RuntimeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # with Nagle's algorithm, or headers written one by one, each invocation takes 89 ms
        wbufsize = -1

        def do_GET(self) -> None:
            event, headers = api.next()
            self._send(200, event, headers)

        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")
            last = self.path.removeprefix(_BASE).strip("/").rsplit("/", maxsplit=1)
            ends = {"response": Outcome.ANSWERED, "error": Outcome.INIT_ERROR if last[0] == "init" else Outcome.FAILED}
            self._send(202, '{"status":"OK"}', {})
            api.took(ends[last[1]], said)

        def _send(self, status: int, body: str, headers: Mapping[str, str]) -> None:
            data = body.encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)
            self.wfile.flush()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's own signature
            """Stay silent: the answers are kept."""

    return Handler
