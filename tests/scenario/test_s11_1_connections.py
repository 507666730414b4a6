"""S11.1, connections run out: seen, evidenced, asked, answered by ending exactly what is unused, verified, told.

The product's own catalogue, both handlers, Slack's buttons and the Data API stand before a real PostgreSQL without a slot left.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from connections_world import ORDINARY, Connections, approvals, played
from database_crowd import crowd
from postgres_server import PASSWORD, Server

ROW = "image-processing/aurora/connections-near-max"
ASKED_AFTER = timedelta(minutes=12)


@dataclass(frozen=True)
class Story:
    """A run: its timeline, sessions by minute, and what was left at its end."""

    timeline: list[dict[str, Any]]
    counted: dict[datetime, int]
    left: dict[str, int]

    def told(self, what: str) -> list[dict[str, Any]]:
        """Return the messages of the incident's thread that hold ``what``, in order."""
        said = (one for one in self.timeline if one["kind"] == "slack_call" and one["ok"] and one["thread_ts"])
        return [one for one in said if what in str(one["payload"])]

    def first(self, kind: str, **members: Any) -> dict[str, Any]:
        """Return the first entry of this kind with these members."""
        return next(one for one in self.timeline if one["kind"] == kind and members.items() <= one.items())


def story(server: Server, folder: Any, *, refills: bool = False) -> Story:
    with pytest.MonkeyPatch.context() as patch, crowd(server) as people:
        patch.setenv("SSL_CERT_FILE", server.authorities)  # the system's authorities know this server
        source = Connections(server, people, approvals(minute=ASKED_AFTER / timedelta(minutes=1)), refills=refills)
        run = played(source, folder)
        return Story(run.timeline, source.counted, source.by_application())


@pytest.fixture(scope="module")
def answered(postgres_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Return the run in which two people say yes."""
    return story(postgres_server, tmp_path_factory.mktemp("answered"))


def test_it_is_seen_diagnosed_and_only_then_asked(answered: Story) -> None:
    alarm = answered.first("alarm", row=ROW, new="ALARM")
    diagnosis, question = answered.told("Most likely too few database connections")[0], answered.told("asks for approval")[0]
    assert alarm["at"] < diagnosis["at"] < question["at"]
    assert answered.first("decision", action="end-database-sessions", verdict="ask")["mode"] == "approve"


def test_the_question_says_what_would_be_done_how_and_what_is_left_alone(answered: Story) -> None:
    said = str(answered.told("asks for approval")[0]["payload"])
    assert f"{ORDINARY + 1} of 30 slots are taken" in said
    assert "20 unused sessions can go" in said
    assert "image-api (app) 16, image-consumer (app) 4" in said
    assert "2 of protected or administrative roles" in said
    assert "through a slot reserved for administrators" in said


def test_what_was_seen_is_kept_before_anything_ends(answered: Story) -> None:
    """The sessions as they were are in the account's evidence before people are asked, and again as they were at the deed."""
    kept = [
        one
        for one in answered.timeline
        if one["kind"] == "aws_call"
        and one["params"].get("TableName") == "tocsin-demo-evidence"
        and "end-database" in str(one["params"])
    ]
    assert kept[0]["at"] < answered.told("asks for approval")[0]["at"]
    assert kept[0]["at"] <= answered.first("action", phase="acted")["at"]
    ours = [one for one in answered.timeline if one.get("caller") in ("remediators", "notifier", "interactive")]
    assert PASSWORD not in str([*ours, *answered.told("")])


def test_one_yes_ends_nothing_and_the_second_ends_exactly_what_was_shown(answered: Story) -> None:
    first, second = (one for one in answered.timeline if one["kind"] == "click")
    assert (first["status"], second["status"]) == (200, 200)
    asked = datetime.fromisoformat(second["at"])
    full = [number for moment, number in answered.counted.items() if asked - timedelta(minutes=6) < moment < asked]
    assert set(full) == {ORDINARY + 1}
    after = {number for moment, number in answered.counted.items() if moment > asked}
    assert after == {ORDINARY + 1 - 20}
    assert answered.left == {"flyway": 1, "psql": 1, "image-consumer": 1, "image-api": 5}


def test_it_is_verified_told_and_the_incident_resolved(answered: Story) -> None:
    assert answered.first("action", phase="helped")["run"] == answered.first("action", phase="acted")["run"]
    assert answered.first("alarm", row=ROW, new="OK", old="ALARM")
    assert answered.told("end-database-sessions helped")
    assert answered.told("Resolved after")
    assert [one["phase"] for one in answered.timeline if one["kind"] == "action"].count("acted") == 1


def test_clients_that_take_every_slot_again_are_a_persons_case(postgres_server: Server, tmp_path: Any) -> None:
    told = story(postgres_server, tmp_path, refills=True)

    assert told.first("action", phase="no-help")
    assert told.told("A person is needed now")
    assert [one["phase"] for one in told.timeline if one["kind"] == "action"].count("acted") == 1
    assert sum(told.left.values()) == ORDINARY + 1
