"""Asks green through the test listener, as a client would, and notes what came back: a verdict, nothing of the answer itself."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.aws.lifecycle_hook.expectations import Expected, Outcome, order_answers, refusal_answers, status_answers

MOST_BYTES = 64 * 1024
# One upload is ordered once and for all: the same key gets the same upload again, so that trying leaves one row behind.
CALLER = {"x-caller": "tocsin-lifecycle-hook", "idempotency-key": "tocsin-lifecycle-hook"}
WISH = {"content_type": "image/jpeg", "size": 1024}
WRONG = {"content_type": "text/html", "size": 1024}
UNREACHED = 0


@dataclass(frozen=True, slots=True)
class Address:
    """Where the test listener is. ``name`` is what its certificate is of; "" for plain HTTP inside the VPC."""

    host: str
    port: int
    name: str = ""


class Green:
    """Asks one address; ``clock`` counts seconds."""

    def __init__(self, address: Address, expected: Expected, clock: Callable[[], float]) -> None:
        self._address, self._expected, self._clock = address, expected, clock

    def ready(self) -> bool:
        """Tell whether a task behind the test listener says that it may get traffic."""
        return self._ask("GET", "/readyz").status == 200

    def try_out(self) -> Iterator[Outcome]:
        """Yield the outcome of each request, round by round: health, an order, its state, an order that must be refused."""
        for _ in range(self._expected.rounds):
            yield self._outcome("health", self._ask("GET", "/healthz"), lambda heard: "" if heard.status == 200 else "not 200")
            ordered = self._ask("POST", "/uploads", WISH)
            yield self._outcome("order", ordered, lambda heard: order_answers(heard.status, heard.body, self._expected))
            found = ordered.body.get("id") if isinstance(ordered.body, Mapping) else None
            if isinstance(found, str) and found.replace("-", "").isalnum():
                state = self._ask("GET", f"/uploads/{found}")
                yield self._outcome("state", state, lambda heard: status_answers(heard.status, heard.body))
            yield self._outcome("refusal", self._ask("POST", "/uploads", WRONG), lambda heard: refusal_answers(heard.status))

    def _outcome(self, step: str, heard: _Heard, judge: Callable[[_Heard], str]) -> Outcome:
        why = "no answer" if heard.status == UNREACHED else judge(heard)
        return Outcome(step, f"{heard.status}: {why}" if why and heard.status else why, heard.ms)

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> _Heard:
        connection = _connection(self._address, self._expected.timeout_s)
        began = self._clock()
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {**CALLER, "content-type": "application/json"})
            answer = connection.getresponse()
            content = answer.read(MOST_BYTES)
            status = answer.status
        except (OSError, http.client.HTTPException):
            status, content = UNREACHED, b""
        finally:
            connection.close()
        return _Heard(status, _json(content), (self._clock() - began) * 1000)


@dataclass(frozen=True, slots=True)
class _Heard:
    status: int
    body: object
    ms: float


class _Tls(http.client.HTTPConnection):
    """TLS to one address under the name of its certificate: the balancer's own name stands in no certificate."""

    def __init__(self, address: Address, timeout: float) -> None:
        super().__init__(address.host, address.port, timeout=timeout)
        self._name = address.name

    def connect(self) -> None:
        plain = socket.create_connection((self.host, self.port), self.timeout)
        self.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=self._name)


def _connection(address: Address, timeout: float) -> http.client.HTTPConnection:
    return _Tls(address, timeout) if address.name else http.client.HTTPConnection(address.host, address.port, timeout=timeout)


def _json(content: bytes) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
