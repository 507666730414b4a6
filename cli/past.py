"""How the verbs that look back reach a stage's journal and evidence, and say in one line when they cannot."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.account import Where, open_account, refuse_a_spoke
from cli.catalogue import now

if TYPE_CHECKING:
    from alarms.settings import Settings
    from remediators.evidence import EvidenceTable
    from remediators.looking_back.journal_reader import JournalReader

LONGEST_DAYS = 400


@dataclass(frozen=True, slots=True)
class Past:
    """A stage's memory, opened. ``until`` is the present."""

    settings: Settings
    journal: JournalReader
    evidence: EvidenceTable
    until: datetime


def open_past(path: Path | None, where: Where) -> Past:
    """Open the stage's journal and evidence, for reading."""
    from remediators.aws import Client
    from remediators.evidence import EvidenceTable
    from remediators.looking_back.journal_reader import JournalReader

    settings, clients, _ = open_account(path, where)
    refuse_a_spoke(settings, "its journal")
    raw: Any = clients("dynamodb")
    base = f"{settings.prefix}-{settings.stage}"
    return Past(settings, JournalReader(Client(raw), f"{base}-journal"), EvidenceTable(lambda: raw, f"{base}-evidence"), now())


def since(said: str, until: datetime) -> datetime:
    """Return the beginning of a stretch of time that is said as ``7d`` or ``36 h``; Refused for what is none."""
    from alarms.domain.errors import Refused
    from alarms.quantity import parse_duration

    try:
        seconds = parse_duration(said)
    except ValueError as error:
        raise Refused(f"--since {said!r}: {error}") from error
    if not 0 < seconds <= LONGEST_DAYS * 86400:
        raise Refused(f"--since {said!r}: more than nothing, and at most {LONGEST_DAYS} d, is right")
    return until - timedelta(seconds=seconds)


@contextlib.contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn a missing table or right into CannotRun: one line that says what to do."""
    from alarms.domain.errors import CannotRun, Permanent, Retryable

    try:
        yield
    except Permanent as failure:
        if failure.code == "ResourceNotFoundException":
            raise CannotRun(f"{what}: the table is not there; it comes with the remediators (docs/deploying.md)") from failure
        if failure.code in ("AccessDeniedException", "AccessDenied"):
            raise CannotRun(
                f"{what}: these credentials may not read it (dynamodb:Query on table and index, kms:Decrypt)"
            ) from failure
        raise CannotRun(f"{what}: {failure}"[:300]) from failure
    except Retryable as failure:
        raise CannotRun(f"{what}: not reachable now ({failure})"[:300]) from failure
