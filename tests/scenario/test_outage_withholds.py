"""While AWS reports an outage of the database's own service no session is ended, and people are not even asked."""

from __future__ import annotations

from typing import Any

import pytest
from connections_world import Connections, played
from database_crowd import crowd
from postgres_server import Server

from infra.local.aws import Embedded
from infra.local.recorder import Recorder


class Outage(Connections):
    """Connections run out while AWS has an open issue with RDS."""

    def open(self, aws: Embedded, recorder: Recorder) -> None:
        """Begin with the issue open."""
        super().open(aws, recorder)
        aws.health.preload("RDS", zone="ap-northeast-2a")


def test_nothing_destructive_is_done_or_asked_for(postgres_server: Server, tmp_path: Any) -> None:
    with pytest.MonkeyPatch.context() as patch, crowd(postgres_server) as people:
        patch.setenv("SSL_CERT_FILE", postgres_server.authorities)
        source = Outage(postgres_server, people, (), refills=False)
        timeline = played(source, tmp_path).timeline

    decided = [one for one in timeline if one["kind"] == "decision" and one["action"] == "end-database-sessions"]
    answered = [one for one in decided if one["reason"] != "duplicate"]  # a copy of the alarm's message
    assert {(one["verdict"], one["reason"]) for one in answered} == {("skip", "unsafe")}
    assert "open issue with RDS" in str(answered[0]["why"])
    thread = str([one["payload"] for one in timeline if one["kind"] == "slack_call" and one["thread_ts"]])
    assert "an outage at AWS" in thread
    assert "asks for approval" not in thread
    assert not any(one["kind"] == "action" and one["phase"] == "acted" for one in timeline)
