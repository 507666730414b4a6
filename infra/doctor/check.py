"""What a check is, and what it finds: right, wrong, or could not tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infra.doctor.deployment import Deployment


# What a stage is: one with a pipeline of its own, or a spoke whose alarms another stage's pipeline serves.
PIPELINE, SPOKE = "pipeline", "spoke"


class Verdict(StrEnum):
    """The answer to a check's question for one subject. What could not be asked is never ok."""

    OK = "ok"
    WRONG = "wrong"
    UNKNOWN = "could not tell"


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer. ``subject`` is what it is about, ``said`` what was seen; ``fix`` replaces the check's own where given."""

    verdict: Verdict
    subject: str
    said: str
    fix: str = ""


Look = Callable[["Deployment"], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Check:
    """One question to a deployment.

    ``asks`` is the question, ``why`` what happens to people when the answer is no, ``fix`` what puts it right. ``reads`` are the
    IAM actions that ``look`` needs, all of them read-only. A finding is never a secret, and ``said`` may hold what AWS says.
    ``asked_of`` are the kinds of stage that it is asked of.
    """

    asks: str
    why: str
    fix: str
    reads: tuple[str, ...]
    look: Look
    asked_of: tuple[str, ...] = (PIPELINE,)


class CouldNotTell(Exception):
    """A question got no answer; the text says why, and what would let it be asked."""


class Absent(CouldNotTell):
    """AWS says that what was asked about does not exist."""


def ok(subject: str, said: str) -> Finding:
    """Return that all is well with ``subject``."""
    return Finding(Verdict.OK, subject, said)


def wrong(subject: str, said: str, fix: str = "") -> Finding:
    """Return that ``subject`` is not as it must be."""
    return Finding(Verdict.WRONG, subject, said, fix)


def unknown(subject: str, said: str, fix: str = "") -> Finding:
    """Return that nothing can be said of ``subject``."""
    return Finding(Verdict.UNKNOWN, subject, said, fix)


def judged(finding: Callable[[str, str], Finding], subject: str, faults: Iterable[str], well: str) -> Finding:
    """Return ``well`` where there are no faults, else ``finding`` with all of them in one line."""
    found = "; ".join(faults)
    return finding(subject, found) if found else ok(subject, well)


def each(subjects: Iterable[str], judge: Callable[[str], Iterable[Finding]]) -> Iterator[Finding]:
    """Judge each subject by itself: one that got no answer does not hide its neighbours'."""
    for subject in subjects:
        try:
            yield from judge(subject)
        except Absent:
            yield wrong(subject, "does not exist")
        except CouldNotTell as error:
            yield unknown(subject, str(error))
