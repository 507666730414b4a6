"""One request to an API, as its access log, WAF's samples and the metrics tell of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Hit:
    """A request. ``browser``: it solves a challenge. ``buys``: it is business. ``status`` is what an API at ease answers.

    ``user`` is who is signed in, "" for nobody. ``labels`` are what WAF's managed rules put on it.
    """

    at: datetime
    ip: str
    path: str
    status: int
    agent: str
    user: str = ""
    method: str = "POST"
    country: str = "KR"
    labels: tuple[str, ...] = ()
    browser: bool = True
    buys: bool = True

    def log_line(self, status: int) -> str:
        """Return the access log's line in the format that docs/actions/answer-traffic-surge.md asks for.

        API Gateway writes ``-`` for what is not there.
        """
        members = {
            "ip": self.ip,
            "path": self.path,
            "method": self.method,
            "status": str(status),
            "userAgent": self.agent or "-",
            "user": self.user or "-",
        }
        return json.dumps(members, separators=(",", ":"))
