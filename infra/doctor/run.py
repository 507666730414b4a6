"""Asks every check, and makes one report of what they found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from alarms.domain.errors import BadInput, CannotRun
from alarms.kind import did_you_mean
from infra.doctor.check import Absent, Check, CouldNotTell, Finding, Verdict, unknown, wrong
from infra.doctor.deployment import Deployment

MOST_OF_A_CHECK = 200  # findings that are kept of one check: ten thousand drifted alarms are one fault, not ten thousand


@dataclass(frozen=True, slots=True)
class Answered:
    """One check and what it found. ``more`` counts the findings that were left out."""

    name: str
    check: Check
    findings: tuple[Finding, ...]
    more: int = 0

    @property
    def verdict(self) -> Verdict:
        """The gravest of the findings: wrong before could not tell before ok."""
        verdicts = {finding.verdict for finding in self.findings}
        return next((verdict for verdict in (Verdict.WRONG, Verdict.UNKNOWN) if verdict in verdicts), Verdict.OK)


def examine(deployment: Deployment, checks: Mapping[str, Check]) -> Iterator[Answered]:
    """Ask those of ``checks`` that are for this kind of stage, one after the other.

    One that fails could not tell; CannotRun (no credentials) ends them all.
    """
    for name, check in checks.items():
        if deployment.kind not in check.asked_of:
            continue
        found = _found(name, check, deployment)
        kept = tuple(islice(found, MOST_OF_A_CHECK))
        if not kept:
            kept = (unknown(name, "the check found nothing to look at"),)
        yield Answered(name, check, kept, sum(1 for _ in found))


def _found(name: str, check: Check, deployment: Deployment) -> Iterator[Finding]:
    try:
        yield from check.look(deployment)
    except Absent as error:
        yield wrong(name, f"does not exist ({error})")
    except CouldNotTell as error:
        yield unknown(name, str(error))
    except CannotRun:
        raise
    except Exception as error:  # noqa: BLE001 - a fault in one check must not hide what the others see, and is no "ok"
        yield unknown(name, f"the check itself failed ({type(error).__name__})")


def chosen(checks: Mapping[str, Check], names: Iterable[str]) -> Mapping[str, Check]:
    """Return the checks of ``names``, all of them when none is named. BadInput when there is no such check."""
    wanted = list(names)
    for name in wanted:
        if name not in checks:
            near = did_you_mean(name, checks) or "docs/doctor.md lists them"
            raise BadInput(f"--only {name}: there is no such check; {near}")
    return {name: check for name, check in checks.items() if name in wanted} if wanted else checks


def exit_code(answered: list[Answered]) -> int:
    """Return 0: all is well, 1: something is wrong, 2: nothing is known to be wrong, and not everything could be asked."""
    verdicts = {one.verdict for one in answered}
    return 1 if Verdict.WRONG in verdicts else 2 if Verdict.UNKNOWN in verdicts else 0
