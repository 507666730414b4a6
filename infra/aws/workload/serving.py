"""Serves an application with uvicorn, and stops it in an order that loses no request.

On SIGTERM the load balancer has not looked away yet: the server goes on for a while as one that is no longer ready, then takes no
new connection, finishes what it has, and ends before SIGKILL comes.
"""

from __future__ import annotations

import asyncio
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from infra.aws.workload.settings import ApiSettings

KEEP_ALIVE_S = 75  # longer than the load balancer's idle timeout of 60 s, which must be the first to close


class _Server(uvicorn.Server):
    """A server that drains before it shuts down."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, drain_s: float) -> None:
        super().__init__(config)
        self._app = app
        self._drain_s = drain_s

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop being ready at once, and serving after the time to drain; a second signal does not wait."""
        health = self._app.state.health
        if health.draining:
            super().handle_exit(sig, frame)
            return
        health.draining = True
        asyncio.get_running_loop().call_later(self._drain_s, self._end)

    def _end(self) -> None:
        """Shut down; not by the signal's own way, so that the process ends with 0."""
        self.should_exit = True


def serve(app: FastAPI, given: ApiSettings, sockets: Any = None) -> None:
    """Serve until SIGTERM or SIGINT."""
    config = uvicorn.Config(
        app,
        host=given.host,
        port=given.port,
        access_log=False,  # the application writes its own
        log_level="warning",
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, int(given.stop_within_s - given.drain_s) - 1),
    )
    _Server(config, app, given.drain_s).run(sockets)
