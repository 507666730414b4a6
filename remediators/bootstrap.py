"""The one place where environment, adapters and engine meet. Tests call ``build`` with an environment of their own."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse

from alarms.domain import readings, regions
from alarms.domain.command import COMMAND_TYPE, Command
from alarms.domain.errors import CannotRun, Permanent, Retryable
from alarms.domain.event import AlarmEvent, iso, timely, utc
from alarms.domain.payload import parse_all
from remediators.action import unbounded
from remediators.aws import ApproverReader, Catalogue, Clients, SwitchReader
from remediators.commands import Commands
from remediators.dynamodb import History
from remediators.evidence import DEFAULT_DAYS, EvidenceTable, days_of
from remediators.execute import Engine
from remediators.journal import JOURNAL_TYPE, Journal, retention
from remediators.look import Looker
from remediators.outstanding import Outstanding
from remediators.ports import ActionSource, Delivery, Ports
from remediators.registry import registry
from remediators.reports import Reports
from remediators.revert import Reverter
from remediators.scheduler import Scheduler
from remediators.sites import Sites, SpokesParameter
from remediators.surroundings import Surroundings
from remediators.sweep import Sweeper
from remediators.timers import TIMER_TYPE, Timer, TimerKind
from remediators.verify import Verifier
from remediators.watch import Watcher

NAMES = (
    "TOCSIN_STAGE",
    "TOCSIN_CATALOGUE_TABLE",
    "TOCSIN_HISTORY_TABLE",
    "TOCSIN_EVIDENCE_TABLE",
    "TOCSIN_JOURNAL_TABLE",
    "TOCSIN_REPORTS_QUEUE_URL",
    "TOCSIN_COMMANDS_QUEUE_URL",
    "TOCSIN_COMMANDS_QUEUE_ARN",
    "TOCSIN_SCHEDULER_GROUP",
    "TOCSIN_SCHEDULER_ROLE_ARN",
    "TOCSIN_SWITCH_PARAMETER",
)
Audit = Callable[[dict[str, Any]], None]
# The delivery from which on a timer is set anew rather than given back: below any sensible maxReceiveCount.
PATIENCE = 3
RENEWED_AFTER = timedelta(minutes=10)


class App:
    """The remediators' Lambda without its clock."""

    def __init__(self, ports: Ports, journal: Journal) -> None:
        self._ports = ports
        self._journal = journal
        self._engine = Engine(ports)
        self._verifier = Verifier(ports, self._engine, self._engine.questions)
        self._reverter = Reverter(ports, self._verifier)
        self._watcher = Watcher(ports, self._reverter)
        self._looker = Looker(ports)
        self._commands = Commands(ports, self._engine.questions, self._reverter)
        self._wakes: Mapping[TimerKind, Callable[[str, Delivery], None]] = {
            TimerKind.DIAGNOSE: self._looker.on_timer,
            TimerKind.SETTLE: self._engine.plan,
            TimerKind.VERIFY: self._verifier.on_timer,
            TimerKind.REVERT: self._reverter.on_timer,
            TimerKind.WATCH: self._watcher.on_timer,
            TimerKind.EXPIRE: self._engine.questions.expire,
            TimerKind.SWEEP: Sweeper(ports, self._engine, self._verifier, self._reverter).on_timer,
        }

    def handle(self, event: dict[str, Any], context: object, now: datetime) -> PartialItemFailureResponse:
        """Take a batch of SQS records; those that have to come again are named in ``batchItemFailures``."""
        left_s = _time_left(context)
        processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
        given = event.get("Records")
        records = [record for record in given if _is_sqs(record)] if isinstance(given, list) else []
        with processor(records, lambda record: self._journalled(record.raw_event, now, left_s), lambda_context=context):  # type: ignore[arg-type]  # Powertools wants its own protocol where any context will do
            processor.process()
        for failed in processor.exceptions:
            logging.getLogger(__name__).warning("a record comes again: %s", failed[1], exc_info=failed[1])
        return processor.response()

    def _journalled(self, record: Mapping[str, Any], now: datetime, left_s: Callable[[], float]) -> None:
        """Take one record, then write down what was audited: what the journal could not write before comes this way too."""
        document = _own(record)
        if document.get("type") == JOURNAL_TYPE:
            self._journal.take(document, now)
            return
        try:
            self.take(record, now, left_s)
        except (Retryable, Permanent):
            self._journal.flush(now)
            raise
        self._journal.flush(now)

    def take(self, record: Mapping[str, Any], now: datetime, left_s: Callable[[], float] = unbounded) -> None:
        """Take one SQS record. Raises what should bring it back."""
        delivery = Delivery(str(record.get("messageId", "")), now, left_s)
        document = _own(record)
        timer, command = Timer.from_document(document), Command.from_document(document)
        if command is not None:
            self._commands.take(command, delivery)
            return
        if timer is not None:
            try:
                self._wake(timer, delivery)
            except Retryable:
                if _receives(record) < PATIENCE:
                    raise
                self._renew(timer, now)
            return
        sent = _sent_at(record, now)
        for found in parse_all(record, received_at=sent):
            if isinstance(found, AlarmEvent):
                self._engine.on_event(timely(found, sent, now), delivery)
            else:
                self._ports.audit({"type": "ignored", "why": found.why.value, "detail": found.detail})

    def _renew(self, timer: Timer, now: datetime) -> None:
        """Set ``timer`` anew before the queue gives it up: an outage may last longer than the queue's patience, by either way."""
        self._ports.audit({"type": "note", "at": iso(now), "about": "renewed", "subject": timer.subject, "why": timer.kind.value})
        try:
            self._ports.timers.at(now + RENEWED_AFTER, timer, now)
        except (Retryable, Permanent):
            self._ports.timers.after(int(RENEWED_AFTER.total_seconds()), timer)

    def _wake(self, timer: Timer, delivery: Delivery) -> None:
        wake = self._wakes.get(timer.kind)
        if wake is not None:
            wake(timer.subject, delivery)


def build(environ: Mapping[str, str], audit: Audit | None = None, *, actions: ActionSource | None = None) -> App:
    """Return the app for ``environ``; CannotRun names what is missing in it. Makes no client until one is needed."""
    missing = [name for name in NAMES if not environ.get(name)]
    if missing:
        raise CannotRun(f"environment: {', '.join(missing)} not set")
    clients = Clients(authorities=environ.get("TOCSIN_DATABASE_CA", ""))
    journal = _journal(environ, clients, audit or log_line)
    return App(
        Ports(
            rows=Catalogue(clients, environ["TOCSIN_CATALOGUE_TABLE"]),
            sites=_sites(environ, clients),
            switch=SwitchReader(clients, environ["TOCSIN_SWITCH_PARAMETER"]),
            history=History(lambda: clients.boto("dynamodb"), environ["TOCSIN_HISTORY_TABLE"]),
            surroundings=Surroundings(lambda: clients.boto("dynamodb"), environ["TOCSIN_HISTORY_TABLE"]),
            evidence=_evidence(environ, clients),
            approvers=ApproverReader(clients, environ.get("TOCSIN_APPROVERS_PARAMETER") or _beside(environ)),
            timers=Scheduler(
                clients,
                queue_url=environ["TOCSIN_COMMANDS_QUEUE_URL"],
                queue_arn=environ["TOCSIN_COMMANDS_QUEUE_ARN"],
                group=environ["TOCSIN_SCHEDULER_GROUP"],
                role_arn=environ["TOCSIN_SCHEDULER_ROLE_ARN"],
            ),
            outbox=Reports(clients, environ["TOCSIN_REPORTS_QUEUE_URL"]),
            actions=actions or registry(),
            audit=journal.note,
            outstanding=Outstanding(lambda: clients.boto("dynamodb"), environ["TOCSIN_HISTORY_TABLE"]),
            prefix=_prefix(environ),
        ),
        journal,
    )


def _sites(environ: Mapping[str, str], clients: Clients) -> Sites:
    """Return the places that may be acted in: home, and those of the list that a hub's environment names."""
    named = environ.get("TOCSIN_SPOKES_PARAMETER", "")
    spokes = SpokesParameter(clients, named) if named else None
    return Sites(_home(environ["TOCSIN_COMMANDS_QUEUE_ARN"]), clients, spokes)


def _prefix(environ: Mapping[str, str]) -> str:
    """Return what the names of this stage's alarms begin with, ``<prefix>/<stage>/``; the switch stands under the same prefix."""
    first = environ.get("TOCSIN_PREFIX") or environ["TOCSIN_SWITCH_PARAMETER"].strip("/").split("/")[0]
    return f"{first}/{environ['TOCSIN_STAGE']}/"


def _evidence(environ: Mapping[str, str], clients: Clients) -> EvidenceTable:
    days = days_of("TOCSIN_EVIDENCE_DAYS", environ.get("TOCSIN_EVIDENCE_DAYS"), DEFAULT_DAYS)
    return EvidenceTable(lambda: clients.boto("dynamodb"), environ["TOCSIN_EVIDENCE_TABLE"], days)


def _journal(environ: Mapping[str, str], clients: Clients, say: Audit) -> Journal:
    def later(text: str, seconds: int) -> None:
        clients("sqs").send_message(QueueUrl=environ["TOCSIN_COMMANDS_QUEUE_URL"], MessageBody=text, DelaySeconds=seconds)

    table, kept_for = environ["TOCSIN_JOURNAL_TABLE"], retention(environ.get("TOCSIN_JOURNAL_DAYS"))
    return Journal(lambda: clients.boto("dynamodb"), table, kept_for=kept_for, say=say, later=later)


def _beside(environ: Mapping[str, str]) -> str:
    """Return the approvers' parameter where none is named: it stands beside the switch."""
    return environ["TOCSIN_SWITCH_PARAMETER"].rsplit("/", 1)[0] + "/approvers"


def _home(queue_arn: str) -> str:
    """Return where this Lambda lives, ``account/region``, from its own queue's ARN; CannotRun when that is none."""
    queue = regions.arn(queue_arn, "sqs")
    if not (queue.account and queue.region):
        raise CannotRun("environment: TOCSIN_COMMANDS_QUEUE_ARN is no ARN of an SQS queue")
    return f"{queue.account}/{queue.region}"


def log_line(entry: dict[str, Any]) -> None:
    """Write one audit entry as one line of JSON on stdout: a logger would wrap it into a text of its own."""
    sys.stdout.write(json.dumps({"level": "INFO", **entry}, ensure_ascii=False) + "\n")


def _own(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the JSON object of a message of tocsin's own, empty when the record holds something else."""
    body = record.get("body")
    if not isinstance(body, str) or not any(kind in body for kind in (TIMER_TYPE, COMMAND_TYPE, JOURNAL_TYPE)):
        return {}
    return readings.table(readings.decoded(body))


def _time_left(context: object) -> Callable[[], float]:
    """Return what tells how many seconds the invocation may still take."""
    left_ms = getattr(context, "get_remaining_time_in_millis", None)
    return (lambda: float(left_ms()) / 1000) if callable(left_ms) else unbounded


def _is_sqs(record: object) -> bool:
    return isinstance(record, dict) and isinstance(record.get("messageId"), str) and isinstance(record.get("body"), str)


def _receives(record: Mapping[str, Any]) -> int:
    """Return how often SQS has delivered the record, this time included."""
    count = readings.whole(readings.table(record.get("attributes")).get("ApproximateReceiveCount"))
    return count or 1


def _sent_at(record: Mapping[str, Any], now: datetime) -> datetime:
    """Return when SQS took the message: unlike the time of receipt it is the same for each delivery of it."""
    sent = readings.whole(readings.table(record.get("attributes")).get("SentTimestamp"))
    return utc(sent / 1000) if sent and sent / 1000 <= now.timestamp() else now
