"""Plays the demonstration with the real workload, and says in a few lines what is really there at its end."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from infra.local import postgres
from infra.local.metric_sources import Source
from infra.local.play import Catalogue, Played, play
from infra.local.timeline import Timeline
from infra.local.workload_plan import WorkloadPlan
from infra.local.workload_source import WorkloadSource
from infra.local.workload_world import standing


class Ended(KeyboardInterrupt):
    """Somebody ended the run with SIGTERM: what it started is ended in the same order as after Ctrl-C."""


def play_real(plan: WorkloadPlan, catalogue: Catalogue, screen: Callable[[Source], Timeline]) -> Played:
    """Play ``plan`` with ``catalogue`` deployed; the counts stand in the summary's ``workload``.

    No process is left, however it ends. CannotRun when this machine has no PostgreSQL, or when a process does not start.
    """
    postgres.programs()
    with _ending_in_order(), standing() as world:
        source = WorkloadSource(plan, world)
        with contextlib.closing(source):
            played = play(source, catalogue, screen(source))
        return Played({**played.summary, "workload": source.counts}, played.timeline)


def lines(counts: Mapping[str, Any]) -> list[str]:
    """Return what was counted in S3, PostgreSQL, the queues and the process table."""
    rows = counts["rows"]
    consumers = ", ".join(f"{count} from minute {minute}" for minute, count in counts["consumers"])
    return [
        f"images: {counts['uploaded']} uploaded through presigned forms, {counts['thumbnails']} thumbnails made, "
        f"{rows.get('done', 0)} rows done and {rows.get('refused', 0)} refused in PostgreSQL",
        f"queue: {counts['left_in_queue']} left, {counts['dead_letters']} dead letters, which a person looked at and discarded",
        f"consumer processes: {consumers}; {counts['processes']} processes started in all",
    ]


@contextlib.contextmanager
def _ending_in_order() -> Iterator[None]:
    """Let SIGTERM end the run as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ended(*_: object) -> None:
        raise Ended

    before = signal.signal(signal.SIGTERM, ended)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
