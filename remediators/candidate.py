"""Who might run: one policy, or a later step of it, for one episode."""

from __future__ import annotations

from dataclasses import dataclass

from alarms.domain.alarm import Alarm, Policy, Severity
from remediators.decide import precedence
from remediators.records import EpisodeRecord, Ring, step_of

LOUDNESS = tuple(Severity)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One policy (or one later step of it) that might run for one episode. ``unread`` says that its row cannot be read."""

    episode: EpisodeRecord
    ring: Ring
    alarm: Alarm | None
    policy_index: int = 0
    step: int = 0
    unread: bool = False

    @property
    def policy(self) -> Policy | None:
        """The policy or step; None when the row has none."""
        if self.alarm is None or not self.alarm.policies:
            return None
        return step_of(self.alarm.policies[self.policy_index], self.step)


def rank(candidate: Candidate) -> tuple[int, int, str, str, int]:
    """Order candidates: declared precedence of the action, then severity, then who rang first."""
    action = candidate.policy.action if candidate.policy else ""
    loudness = LOUDNESS.index(candidate.alarm.severity) if candidate.alarm else len(LOUDNESS)
    return (precedence(action), loudness, candidate.ring.started_at.isoformat(), candidate.ring.subject, candidate.policy_index)
