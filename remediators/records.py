"""What the history table remembers: frozen values and their JSON documents. No AWS here; ``dynamodb.py`` stores them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from alarms.domain.alarm import Alarm, Mode, Policy
from alarms.domain.decision import Change, Proposal
from alarms.domain.event import AlarmEvent, State, from_iso, iso
from alarms.domain.incident import Episode
from alarms.domain.text import Text
from remediators.standing import Around, Lock


@dataclass(frozen=True, slots=True)
class Ring:
    """What of an ALARM event remediation remembers while it settles and decides.

    ``prolongs`` says that it cannot prove a stay of its own: ALARM came from ALARM, or the message told no time.
    """

    subject: str
    alarm_key: str
    alarm_name: str
    started_at: datetime
    state: State = State.ALARM
    value: float | None = None
    suppressed_by: str = ""
    muted: bool = False
    contributor: str = ""
    prolongs: bool = False

    @property
    def place(self) -> str:
        """The alarm's ``account/region``."""
        return "/".join(self.alarm_key.split("/", 2)[:2])

    @property
    def episode(self) -> Episode:
        """The episode that this ring opens."""
        return Episode(self.subject, self.started_at)

    @staticmethod
    def of(event: AlarmEvent) -> Ring:
        """Return what is kept of ``event``."""
        return Ring(
            subject=event.subject_key,
            alarm_key=event.alarm_key,
            alarm_name=event.alarm_name,
            started_at=event.changed_at,
            state=event.state,
            value=event.value,
            suppressed_by=event.suppressed_by,
            muted=event.muted,
            contributor=event.contributor.id if event.contributor else "",
            prolongs=event.previous_state is State.ALARM or not event.changed_at_known,
        )

    def to_document(self) -> dict[str, Any]:
        """Return the JSON document of this ring."""
        return {
            "subject": self.subject,
            "alarm_key": self.alarm_key,
            "alarm_name": self.alarm_name,
            "started_at": iso(self.started_at),
            "state": self.state.value,
            "value": self.value,
            "suppressed_by": self.suppressed_by,
            "muted": self.muted,
            "contributor": self.contributor,
            "prolongs": self.prolongs,
        }

    @staticmethod
    def from_document(document: Mapping[str, Any]) -> Ring:
        """Read what ``to_document`` wrote."""
        return Ring(
            **{**document, "started_at": from_iso(document["started_at"]), "state": State(document["state"])},
        )


class EpisodeStatus(StrEnum):
    """How far an episode has come."""

    CLAIMED = "claimed"  # settling, or waiting to be looked at again
    DECIDED = "decided"


@dataclass(frozen=True, slots=True)
class EpisodeRecord:
    """One alarm's newest episode. ``run`` is this episode's, ``lease_run`` the one whose borrowed capacity is still out.

    ``token`` grows with every claim of the subject. ``covered_by`` is the run that another alarm of the service got.
    ``rechecks`` counts how often a decision was put off. ``ring`` is None for a tombstone: an OK that came before any ALARM.
    ``followed_at`` is the ``changed_at`` whose timers are set: a second delivery of that change has nothing left to do.
    ``ran`` are the places of the row's policies that have had their run in this episode. ``diagnosed`` says that people
    were told what a read-only look found.
    """

    subject: str
    is_open: bool
    changed_at: datetime
    status: EpisodeStatus
    token: int
    ring: Ring | None = None
    run: str = ""
    lease_run: str = ""
    covered_by: str = ""
    rechecks: int = 0
    followed_at: datetime | None = None
    ran: tuple[int, ...] = ()
    diagnosed: bool = False

    def followed(self, at: datetime) -> bool:
        """Tell whether all that the change at ``at`` leads to has been set going."""
        return self.followed_at is not None and iso(self.followed_at) == iso(at)


class RunStatus(StrEnum):
    """The life of one execution."""

    ASKED = "asked"  # waits for a person; nothing is changed
    INTENT = "intent"  # durable, perhaps applied: a redelivery compares before it does anything
    ACTED = "acted"
    HELPED = "helped"
    NO_HELP = "no-help"
    FAILED = "failed"
    ABANDONED = "abandoned"  # nothing was changed after all
    DENIED = "denied"  # a person said no
    EXPIRED = "expired"  # nobody answered


class Lending(StrEnum):
    """What became of what a run borrowed."""

    NOTHING = "nothing"  # the action borrows nothing, or the policy gives nothing back
    HELD = "held"
    RETURNING = "returning"  # the way back is written down, perhaps applied
    RETURNED = "returned"
    DROPPED = "dropped"  # drifted, superseded or kept for a stated reason
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One execution of one step of one policy in one episode: the intent, and what became of it.

    ``alarm`` is the row as it was at the decision, so that a verify or a revert works after the row is gone.
    ``borrowed`` are the changes to be given back: ``before`` is the original value, even when an earlier run of ours
    had raised it already. ``token`` is the resource lock's fencing token, ``owner`` the delivery that is acting until
    ``acting_until``. ``verdict`` is what the verify found, ``next_due`` that the next step has to be taken. ``version``
    guards every write. ``asked_until`` is when a question lapses, ``approvals`` who has said yes to it. ``withdraw`` says
    why what is out is given back at once (it did no good, it does harm, a person wants it undone), ``by`` which person.
    ``told`` says that people were shown the question.
    """

    id: str
    service: str
    ring: Ring
    alarm: Alarm
    policy_index: int
    step: int
    mode: Mode
    proposal: Proposal
    borrowed: tuple[Change, ...]
    token: int
    owner: str
    acting_until: datetime
    created_at: datetime
    status: RunStatus = RunStatus.INTENT
    acted_at: datetime | None = None
    verify_at: datetime | None = None
    at_latest: datetime | None = None
    recovered_at: datetime | None = None
    lending: Lending = Lending.NOTHING
    restore: Proposal | None = None
    request_ids: tuple[str, ...] = ()
    concluded: bool = False
    verdict: Text | None = None
    next_due: bool = False
    version: int = 0
    asked_until: datetime | None = None
    approvals: tuple[str, ...] = ()
    withdraw: Text | None = None
    by: str = ""
    told: bool = False

    @property
    def policy(self) -> Policy:
        """The policy of this run's step."""
        return step_of(self.alarm.policies[self.policy_index], self.step)

    @property
    def resource(self) -> str:
        """The lock key: what would be changed, in its account and region."""
        return resource_key(self.alarm, self.proposal.resource)

    def decides(self, episode: EpisodeRecord) -> EpisodeRecord:
        """Return ``episode`` as the commit of this run leaves it; a run that changes nothing is not the episode's run.

        It is decided when each of the row's policies has had its run: whoever comes after a crash decides the others.
        """
        run = self.id if self.proposal.changes else episode.run
        lease = self.id if self.borrowed else episode.lease_run
        ran = episode.ran if self.step else (*episode.ran, self.policy_index)
        complete = not self.step and len(ran) >= len(self.alarm.policies)
        status = EpisodeStatus.DECIDED if complete else episode.status
        return replace(episode, status=status, run=run, lease_run=lease, ran=ran)

    def give_back_at(self) -> datetime | None:
        """Return when what was borrowed is due: some time after recovery or at the latest, whichever is first."""
        if self.policy.revert is None:
            return None
        if self.withdraw is not None:
            return self.acted_at or self.created_at
        after_ok = timedelta(seconds=self.policy.revert.after_ok_s)
        due = [self.recovered_at + after_ok] if self.recovered_at else []
        return min([*due, *([self.at_latest] if self.at_latest else [])], default=None)

    def to_document(self) -> dict[str, Any]:
        """Return the JSON document of this run, without its version."""
        return {
            "id": self.id,
            "service": self.service,
            "ring": self.ring.to_document(),
            "alarm": self.alarm.to_document(),
            "policy_index": self.policy_index,
            "step": self.step,
            "mode": self.mode.value,
            "proposal": self.proposal.to_document(),
            "borrowed": [change.to_document() for change in self.borrowed],
            "token": self.token,
            "owner": self.owner,
            "acting_until": iso(self.acting_until),
            "created_at": iso(self.created_at),
            "status": self.status.value,
            "acted_at": _iso(self.acted_at),
            "verify_at": _iso(self.verify_at),
            "at_latest": _iso(self.at_latest),
            "recovered_at": _iso(self.recovered_at),
            "lending": self.lending.value,
            "restore": self.restore.to_document() if self.restore else None,
            "request_ids": list(self.request_ids),
            "concluded": self.concluded,
            "verdict": self.verdict.to_document() if self.verdict else None,
            "next_due": self.next_due,
            "asked_until": _iso(self.asked_until),
            "approvals": list(self.approvals),
            "withdraw": self.withdraw.to_document() if self.withdraw else None,
            "by": self.by,
            "told": self.told,
        }

    @staticmethod
    def from_document(document: Mapping[str, Any], version: int) -> RunRecord:
        """Read what ``to_document`` wrote."""
        return RunRecord(
            id=document["id"],
            service=document["service"],
            ring=Ring.from_document(document["ring"]),
            alarm=Alarm.from_document(document["alarm"]),
            policy_index=document["policy_index"],
            step=document["step"],
            mode=Mode(document["mode"]),
            proposal=Proposal.from_document(document["proposal"]),
            borrowed=tuple(Change.from_document(item) for item in document["borrowed"]),
            token=document["token"],
            owner=document["owner"],
            acting_until=from_iso(document["acting_until"]),
            created_at=from_iso(document["created_at"]),
            status=RunStatus(document["status"]),
            acted_at=_from_iso(document["acted_at"]),
            verify_at=_from_iso(document["verify_at"]),
            at_latest=_from_iso(document["at_latest"]),
            recovered_at=_from_iso(document["recovered_at"]),
            lending=Lending(document["lending"]),
            restore=Proposal.from_document(document["restore"]) if document["restore"] else None,
            request_ids=tuple(document["request_ids"]),
            concluded=document["concluded"],
            verdict=Text.from_document(document["verdict"]) if document["verdict"] else None,
            next_due=document["next_due"],
            version=version,
            asked_until=_from_iso(document.get("asked_until")),
            approvals=tuple(document.get("approvals", ())),
            withdraw=Text.from_document(document["withdraw"]) if document.get("withdraw") else None,
            by=document.get("by", ""),
            told=document.get("told", False),
        )


@dataclass(frozen=True, slots=True)
class ServiceState:
    """All that the table knows of one service, read in one call: its alarms' newest episodes and the run in flight."""

    episodes: tuple[EpisodeRecord, ...] = ()
    in_flight: Lock = field(default_factory=Lock)


class Claimed(StrEnum):
    """What became of the attempt to open an episode."""

    NEW = "new"
    SAME = "same"  # open already, by this very transition: a duplicate, or a delivery after a crash
    OLDER = "older"  # something newer is known of this alarm: the event is late


def service_key(alarm: Alarm) -> str:
    """Return the key under which alarms settle together: the service in its account, region and stage.

    A row that belongs to no service settles alone.
    """
    return f"{alarm.place}/{alarm.stage}/{alarm.service or 'row:' + alarm.row}"


def resource_key(alarm: Alarm, resource: str) -> str:
    """Return the key under which ``resource``, an action's own name of it, is locked, lent and counted.

    Two accounts may well have a service of the same name: it is the place that tells them apart.
    """
    return f"{alarm.place}/{resource}"


def policy_id(alarm: Alarm, action: str) -> str:
    """Return the identity under which runs of a policy are counted."""
    return f"{alarm.row}/{action}"


def around(alarm: Alarm, action: str, resource: str) -> Around:
    """Return where the surroundings of a run of ``action`` on ``resource`` (an action's own name of it) are kept."""
    stage = f"{alarm.place}/{alarm.stage}"
    row = policy_id(alarm, action)
    return Around(resource_key(alarm, resource), row, f"{stage}/{row}", service_key(alarm), alarm.place, stage)


def run_id(policy: str, resource: str, episode: Episode, step: int) -> str:
    """Return the identity of an execution: two attempts at the same one meet in one key, so only one can exist."""
    return hashlib.sha256(f"{policy}|{resource}|{episode.id}|{step}".encode()).hexdigest()[:16]


def step_of(policy: Policy, step: int) -> Policy:
    """Return ``policy`` itself for step 0, else the step of its ``otherwise``."""
    return policy if step == 0 else policy.otherwise[step - 1]


def _iso(moment: datetime | None) -> str | None:
    return iso(moment) if moment else None


def _from_iso(text: str | None) -> datetime | None:
    return from_iso(text) if text else None
