"""What each policy would have done, how often it helped, and which mode it has earned: from the journal, with its grounds. Pure.

Few cases prove little, so a share is judged by the lower end of its 95 % interval (Wilson), and the words say how many there
were.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import sqrt
from statistics import median
from typing import Any

from alarms.domain.alarm import Mode
from alarms.domain.incident import Ending
from remediators.looking_back.chronicle import Entry, in_order, moment, word
from remediators.looking_back.incidents import by_episode, incident, would_act

FEWEST = 5  # episodes before anything is recommended upward
FEWEST_RUNS = 10  # runs before a person need not be asked any more
EARNED = 0.6  # the lower end of the interval that "it helps" must reach
ALONE = 0.8  # where that share recovered by itself, there is little to remedy
BAD = 2  # people's undoing, or harm, that lowers a mode
UP = {Mode.OBSERVE: Mode.PROPOSE, Mode.PROPOSE: Mode.APPROVE, Mode.APPROVE: Mode.AUTO}
DOWN = {Mode.AUTO: Mode.APPROVE, Mode.APPROVE: Mode.PROPOSE, Mode.PROPOSE: Mode.OBSERVE}


@dataclass(frozen=True, slots=True)
class Advice:
    """Which mode next, and the ground for it; the same mode means: stay."""

    mode: Mode
    ground: str

    def to_document(self) -> dict[str, str]:
        """Return ``{"mode", "ground"}``."""
        return {"mode": self.mode.value, "ground": self.ground}


@dataclass(frozen=True, slots=True)
class Score:
    """One policy's figures over one stretch of time; all are counts of episodes but ``runs`` and what follows it."""

    row: str
    action: str
    mode: Mode
    episodes: int = 0
    would_have: int = 0  # it was kept from acting by its mode alone
    alone: int = 0  # of those, recovered though nothing was changed by us
    still_rings: int = 0  # of those, not recovered yet
    asked: int = 0
    approved: int = 0
    denied: int = 0
    expired: int = 0
    runs: int = 0
    helped: int = 0
    no_help: int = 0
    failed: int = 0
    undone: int = 0  # by people
    drifted: int = 0
    harmful: int = 0
    with_s: float | None = None  # median seconds to recovery where it acted
    without_s: float | None = None  # … where it would have and nothing of ours changed anything
    highest: Mode = Mode.AUTO

    @property
    def advice(self) -> Advice:
        """The next mode."""
        return advise(self)

    def to_document(self) -> dict[str, Any]:
        """Return the JSON document that `tocsin scoreboard` prints."""
        counted = ("episodes", "would_have", "alone", "still_rings", "asked", "approved", "denied", "expired", "runs", "helped")
        rest = ("no_help", "failed", "undone", "drifted", "harmful", "with_s", "without_s")
        return {
            "row": self.row,
            "action": self.action,
            "mode": self.mode.value,
            **{name: getattr(self, name) for name in (*counted, *rest)},
            "advice": self.advice.to_document(),
        }


@dataclass
class _Case:
    """What one episode says of one policy."""

    mode: Mode = Mode.OBSERVE
    decided_at: datetime | None = None
    would: bool = False
    phases: set[str] = field(default_factory=set)
    runs: dict[str, set[str]] = field(default_factory=dict)


def scoreboard(entries: Iterable[Entry], highest: Mapping[str, Mode]) -> list[Score]:
    """Return the score of each policy that changes something, by row and action.

    ``highest`` tells for each changing action how far its mode may ever go (approve, where a person always decides); actions
    that it does not name change nothing and have no score.
    """
    entries = list(entries)
    undone = {word(entry, "subject", 64) for entry in entries if entry.get("type") == "click" and entry.get("kind") == "undo"}
    tallies: dict[tuple[str, str], _Tally] = {}
    for key, its in by_episode(entries).items():
        short = incident(key, its)
        recovered = short.ending in (Ending.RECOVERED.value, Ending.FIRST_OK.value)
        lasted = short.lasted_s if recovered else None
        for (row, action), case in _cases(in_order(its), highest).items():
            tally = tallies.setdefault((row, action), _Tally())
            tally.add(case, acted=bool(short.acted), recovered=recovered, lasted_s=lasted, undone=undone)
    return [tally.score(row, action, highest[action]) for (row, action), tally in sorted(tallies.items())]


def _cases(entries: list[Entry], highest: Mapping[str, Mode]) -> dict[tuple[str, str], _Case]:
    cases: dict[tuple[str, str], _Case] = {}
    for entry in entries:
        row, action = word(entry, "row", 300), word(entry, "action", 80)
        if not row or action not in highest or entry.get("type") not in ("decision", "action", "revert"):
            continue
        case = cases.setdefault((row, action), _Case())
        mode = word(entry, "mode", 20)
        if mode in tuple(Mode):
            case.mode, case.decided_at = Mode(mode), moment(entry)
        case.would = case.would or would_act(entry)
        run, phase = word(entry, "run", 64), word(entry, "phase", 40)
        if run and phase:
            case.phases.add(phase)
            case.runs.setdefault(run, set()).update({phase, *filter(None, [word(entry, "reason", 40)])})
    return cases


@dataclass
class _Tally:
    """Counts up one policy's cases."""

    counts: dict[str, int] = field(default_factory=dict)
    took: list[int] = field(default_factory=list)
    took_alone: list[int] = field(default_factory=list)
    mode: Mode = Mode.OBSERVE
    mode_at: datetime | None = None

    def add(self, case: _Case, *, acted: bool, recovered: bool, lasted_s: int | None, undone: set[str]) -> None:
        """Count one case. ``acted`` says that something of ours changed something in that episode."""
        if case.decided_at is not None and (self.mode_at is None or case.decided_at >= self.mode_at):
            self.mode, self.mode_at = case.mode, case.decided_at
        self._count("episodes", 1)
        if case.would and not acted:
            self._count("would_have", 1)
            self._count("alone" if recovered else "still_rings", 1)
            self.took_alone += [] if lasted_s is None else [lasted_s]
        for name in ("asked", "approved", "denied", "expired"):
            self._count(name, name in case.phases)
        for run, said in case.runs.items():
            if "acted" in said:
                self._run(run, said, undone)
                self.took += [] if lasted_s is None else [lasted_s]
            elif "failed" in said:
                self._count("failed", 1)

    def _run(self, run: str, said: set[str], undone: set[str]) -> None:
        self._count("runs", 1)
        for name, phase in (("helped", "helped"), ("no_help", "no-help"), ("drifted", "drifted"), ("harmful", "harmful")):
            self._count(name, phase in said)
        self._count("undone", run in undone)

    def _count(self, name: str, by: int) -> None:
        self.counts[name] = self.counts.get(name, 0) + int(by)

    def score(self, row: str, action: str, highest: Mode) -> Score:
        """Return the figures."""
        with_s, without_s = (median(taken) if taken else None for taken in (self.took, self.took_alone))
        return Score(row, action, self.mode, **self.counts, with_s=with_s, without_s=without_s, highest=highest)


# --- advice ---------------------------------------------------------------------------------------------------------------


def lower_bound(successes: int, of: int) -> float:
    """Return the lower end of Wilson's 95 % interval for a share; 0 where there is nothing to go by."""
    if of <= 0:
        return 0.0
    z, share = 1.96, successes / of
    low = share + z * z / (2 * of) - z * sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max(0.0, low / (1 + z * z / of))  # rounding may leave a hair below nothing


def advise(score: Score) -> Advice:
    """Return the next mode for ``score``, with its ground. Down is quick, up has to be earned."""
    down = _down(score)
    if down and score.mode in DOWN:
        return Advice(DOWN[score.mode], down)
    if score.mode not in UP:
        return Advice(score.mode, _verified(score) or "no run was verified yet")
    wanted = UP[score.mode]
    if wanted.rank > score.highest.rank:
        return Advice(score.mode, f"{score.action} is always a person's decision")
    earned, ground = _earned(score)
    return Advice(wanted, f"{wanted.value} earned: {ground}") if earned else Advice(score.mode, ground)


def _down(score: Score) -> str:
    if score.harmful:
        return f"its change did harm {_times(score.harmful)} and was taken back"
    if score.undone >= BAD:
        return f"people undid it {_times(score.undone)}"
    if score.denied >= BAD and score.denied > score.approved:
        return f"people said no {_times(score.denied)} and yes {_times(score.approved)}"
    verified = score.helped + score.no_help
    if verified >= FEWEST and score.helped * 2 < verified:
        return f"it helped in {score.helped} of {verified} runs only"
    return ""


def _earned(score: Score) -> tuple[bool, str]:
    if score.mode is Mode.APPROVE:
        return _earned_auto(score)
    seen = score.would_have
    if seen < FEWEST:
        return False, f"seen {_times(seen)} only; {FEWEST} are the least to go by"
    if score.alone >= ALONE * seen:
        took = f", in {_minutes(score.without_s)} at the median" if score.without_s is not None else ""
        return False, f"the alarm recovered alone {score.alone} of {seen} times{took}: tighten the row rather than act"
    return True, f"of {seen} times that it would have acted, the alarm stayed {seen - score.alone} times"


def _earned_auto(score: Score) -> tuple[bool, str]:
    verified = score.helped + score.no_help
    if verified < FEWEST_RUNS:
        return False, f"{verified} verified runs; {FEWEST_RUNS} are the least to go by"
    least = lower_bound(score.helped, verified)
    if least < EARNED:
        return False, f"{_verified(score)}; {EARNED:.0%} are wanted"
    if score.denied or score.undone:
        return False, f"people said no {_times(score.denied)} and undid it {_times(score.undone)} in this time"
    return True, _verified(score)


def _verified(score: Score) -> str:
    verified = score.helped + score.no_help
    if not verified:
        return ""
    return (
        f"it helped in {score.helped} of {verified} runs (at least {lower_bound(score.helped, verified):.0%}, by a 95 % interval)"
    )


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")


def _minutes(seconds: float | None) -> str:
    return "—" if seconds is None else f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"


def table_lines(scores: Iterable[Score]) -> list[str]:
    """Return the scoreboard as lines for people: a few for each policy."""
    lines: list[str] = []
    for score in scores:
        alone = f"{score.alone} of them recovered alone" if score.would_have else "none to compare with"
        lines += [
            f"{score.row} {score.action} (mode {score.mode.value})",
            f"  rang {_times(score.episodes)}; would have acted {_times(score.would_have)}, {alone}; "
            f"asked {score.asked}, approved {score.approved}, denied {score.denied}, expired {score.expired}",
            f"  ran {_times(score.runs)}: helped {score.helped}, did not {score.no_help}, failed {score.failed}, "
            f"undone by people {score.undone}, drifted {score.drifted}, harmful {score.harmful}",
            f"  recovery with it {_minutes(score.with_s)}, without {_minutes(score.without_s)} at the median",
            f"  → {score.advice.mode.value}: {score.advice.ground}",
        ]
    return lines
