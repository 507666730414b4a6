"""One JSON line a request: a structured access log, and the business figure in CloudWatch's embedded metric format.

``Shop ImagesOrdered`` counts new uploads. It has no dimensions, as answer-traffic-surge reads it. The figure stands in the line
of the request that made it, so that CloudWatch Logs publishes it without a call. [CloudWatch user guide, Embedded metric format]
Neither headers nor bodies nor query strings are logged: signatures and names of files would be in them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from time import perf_counter
from typing import Any
from uuid import UUID

from starlette.types import ASGIApp, Message, Receive, Scope, Send

NAMESPACE, ORDERED = "Shop", "ImagesOrdered"
QUIET = ("/healthz", "/readyz")  # asked every few seconds by the platform itself: logged only when they fail
REQUEST = re.compile(rb"[0-9a-f-]{36}")
TRACE = re.compile(rb"[A-Za-z0-9=;:._-]{1,200}")


class AccessLog:
    """Wraps an application: gives each request an id, writes its line when it is answered."""

    def __init__(
        self, app: ASGIApp, write: Callable[[str], object], now: Callable[[], datetime], new_id: Callable[[], UUID]
    ) -> None:
        self._app = app
        self._write = write
        self._now = now
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        state = scope.setdefault("state", {})
        state["request_id"] = _request_id(scope) or str(self._new_id())
        status, sent = 500, 0

        async def counted(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), (b"x-request-id", state["request_id"].encode())]
            elif message["type"] == "http.response.body":
                sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, counted)
        finally:
            if scope["path"] not in QUIET or status >= 500:
                self._line(scope, status, sent, perf_counter() - began)

    def _line(self, scope: Scope, status: int, sent: int, took_s: float) -> None:
        state, at = scope["state"], self._now()
        line = {
            "time": at.isoformat(timespec="milliseconds"),
            "level": "error" if status >= 500 else "info",
            "event": "request",
            "request_id": state["request_id"],
            "trace": _trace(scope),
            "method": scope["method"][:10],
            "route": getattr(scope.get("route"), "path", "unknown"),
            "status": status,
            "bytes": sent,
            "ms": round(took_s * 1000, 2),
        }
        if why := state.get("why"):
            line["why"] = why
        if state.get("ordered"):
            line |= ordered(at)
        self._write(json.dumps(line, ensure_ascii=False))


def ordered(at: datetime) -> dict[str, Any]:
    """Return what makes a log line count one ordered image."""
    metric = {"Namespace": NAMESPACE, "Dimensions": [[]], "Metrics": [{"Name": ORDERED, "Unit": "Count"}]}
    return {"_aws": {"Timestamp": int(at.timestamp() * 1000), "CloudWatchMetrics": [metric]}, ORDERED: 1}


def _request_id(scope: Scope) -> str:
    """Return the id that the edge gave the request, so that its log and ours tell of the same one; "" without."""
    value = dict(scope["headers"]).get(b"x-request-id", b"")
    return value.decode() if REQUEST.fullmatch(value) else ""


def _trace(scope: Scope) -> str:
    """Return the id that the load balancer gave the request; "" without."""
    value = dict(scope["headers"]).get(b"x-amzn-trace-id", b"")
    return value.decode() if TRACE.fullmatch(value) else ""
