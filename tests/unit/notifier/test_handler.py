"""The Lambda's door, and what the environment must hold."""

from __future__ import annotations

import gc

import pytest
from notifier_samples import T0, event, ok, row, unknown

from alarms.domain.errors import CannotRun
from alarms.domain.event import State
from infra.local.slack import Workspace
from notifier import handler
from notifier.bootstrap import build
from notifier.explain import UNKNOWN_TS, explain
from notifier.memory import MemoryRows, MemoryThreads
from notifier.slack import SlackApi


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(CannotRun, match="TOCSIN_THREADS_TABLE"):
        build({"TOCSIN_DEFAULT_CHANNEL": "#x"})


def test_the_handler_builds_once_and_gives_the_collector_back(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[object] = []

    def counted(environ: object, log: object) -> object:
        built.append(environ)
        slack = SlackApi(Workspace(lambda: T0), lambda now, **_: "x")  # noqa: ARG005 - the port's signature
        return build({"TOCSIN_DEFAULT_CHANNEL": "#x"}, threads=MemoryThreads(), rows=MemoryRows(), slack=slack)

    monkeypatch.setattr(handler, "build", counted)
    monkeypatch.setattr(handler, "_built", {})
    for _ in range(2):
        assert handler.handler({"Records": []}, None) == {"batchItemFailures": []}
    assert len(built) == 1
    assert gc.isenabled()


def test_explain_shows_what_slack_would_be_sent() -> None:
    rings = explain(event(), row(), default_channel="#default")
    assert (rings["method"], rings["payload"]["channel"]) == ("chat.postMessage", "#ops-alerts")
    for ending in (ok(T0), unknown(T0)):
        ends = explain(ending, None, default_channel="#default")
        assert (ends["method"], ends["payload"]["ts"]) == ("chat.update", UNKNOWN_TS)
    quiet = explain(ok(T0, previous_state=State.INSUFFICIENT_DATA), row(), default_channel="#default")
    assert quiet == {"method": None, "payload": None, "quiet": "first-ok"}
