"""Puts the notifier together: environment and clients in, one ``App.handle`` out. The only place that makes clients."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import botocore.session
from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from alarms.domain.errors import CannotRun, Permanent, Retryable
from alarms.domain.text import Language
from notifier import inbox, tell
from notifier.dynamodb import DynamoRows, DynamoThreads
from notifier.inbox import Letter
from notifier.ports import Rows, Slack, Threads, Throttled
from notifier.queue import Visibility
from notifier.secret import Token
from notifier.slack import SlackApi, WebTransport
from notifier.tell import Desk, Outcome

SLACK_URL = "https://slack.com/api/"
_SPARE_MS = 12_000  # two calls to Slack that time out: less time than that is not enough to begin another record

Log = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class App:
    """The notifier. ``handle`` is the Lambda's work; the ports can be fakes. ``elapsed`` gives seconds from any beginning."""

    threads: Threads
    rows: Rows
    slack: Slack
    default_channel: str
    language: Language
    log: Log
    postpone: Callable[[Mapping[str, Any], float], None]
    elapsed: Callable[[], float] = time.monotonic

    def handle(self, event: Mapping[str, Any], context: object, now: datetime) -> dict[str, list[dict[str, str]]]:
        """Tell of every record of an SQS event, oldest transition first; return the ids of those to be delivered again."""
        letters = inbox.opened(event, now)
        if not letters:
            return {"batchItemFailures": []}
        by_id = {letter.id: letter for letter in letters}
        turn = _Turn(self, context, now, by_id)
        processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
        ordered = {"Records": [letter.record for letter in letters]}
        answer = process_partial_response(event=ordered, record_handler=turn.record, processor=processor, context=None)
        return {"batchItemFailures": [{"itemIdentifier": str(item["itemIdentifier"])} for item in answer["batchItemFailures"]]}


class _Turn:
    """One invocation: remembers that Slack asked for patience, so that the rest of a storm is not sent against a wall."""

    def __init__(self, app: App, context: object, now: datetime, letters: Mapping[str, Letter]) -> None:
        self._app, self._context, self._now, self._letters = app, context, now, letters
        self._throttled: Throttled | None = None
        self._began = app.elapsed()

    def record(self, record: SQSRecord) -> None:
        """Tell of one record; an exception gives it back to the queue."""
        letter = self._letters[record.message_id]
        try:
            self._tell(letter)
        except Retryable as failure:
            self._again(letter, failure)
            raise
        except Permanent as failure:
            self._app.log(
                {"did": "failed", "message_id": letter.id, "reason": failure.code or "permanent", "error": str(failure)}
            )
            raise
        except Exception as failure:  # a record that nobody foresaw: it goes its way to the dead letters, but not in silence
            error = f"{type(failure).__name__}: {failure}"[:300]
            self._app.log({"did": "failed", "message_id": letter.id, "reason": "unforeseen", "error": error})
            raise

    def _tell(self, letter: Letter) -> None:
        if self._throttled:
            raise self._throttled
        if _left_ms(self._context) < _SPARE_MS:
            raise Retryable("no time is left in this invocation", 1.0)
        for outcome in self._outcomes(letter):
            self._app.log({**_document(outcome), **self._delay(outcome), "message_id": letter.id})

    def _delay(self, outcome: Outcome) -> dict[str, int]:
        """Return how long it took from the alarm's change of state until Slack had answered, where something was said of one."""
        if outcome.changed_at is None or outcome.did == "dropped":
            return {}
        waited = (self._now - outcome.changed_at).total_seconds() + self._app.elapsed() - self._began
        return {"delay_ms": max(0, round(waited * 1000))}

    def _outcomes(self, letter: Letter) -> list[Outcome]:
        app = self._app
        desk = Desk(app.threads, app.rows, app.slack, app.default_channel, app.language, f"{letter.id}/{letter.receives}")
        if letter.problem:
            raise Permanent(letter.problem, "unreadable")
        if letter.report:
            return [tell.report(letter.report, desk, self._now, letter.receives)]
        if letter.command:
            return [tell.silence(letter.command, desk, self._now)]
        quiet = [Outcome("dropped", reason="not-an-alarm", episode=ignored.why.value) for ignored in letter.ignored]
        return quiet + [tell.event(event, desk, self._now) for event in letter.events]

    def _again(self, letter: Letter, failure: Retryable) -> None:
        """Ask the queue to bring the record back when Slack wishes, not a whole visibility timeout later."""
        self._app.log({"did": "again", "message_id": letter.id, "reason": type(failure).__name__.lower(), "error": str(failure)})
        if failure.after_s is None:
            return
        if isinstance(failure, Throttled):
            self._throttled = failure
        self._app.postpone(letter.record, failure.after_s)


def build(
    environ: Mapping[str, str],
    *,
    threads: Threads | None = None,
    rows: Rows | None = None,
    slack: Slack | None = None,
    log: Log | None = None,
    postpone: Callable[[Mapping[str, Any], float], None] | None = None,
) -> App:
    """Return the notifier for one stage. CannotRun names a variable that is missing; ports that are given are used."""
    clients = _clients()
    dynamodb = clients("dynamodb") if threads is None or rows is None else None
    return App(
        threads=threads or DynamoThreads(dynamodb, _needed(environ, "TOCSIN_THREADS_TABLE")),
        rows=rows or DynamoRows(dynamodb, _needed(environ, "TOCSIN_CATALOGUE_TABLE")),
        slack=slack or _slack(environ, clients),
        default_channel=_needed(environ, "TOCSIN_DEFAULT_CHANNEL"),
        language=Language(environ.get("TOCSIN_LANGUAGE") or "en"),
        log=log or logger(),
        postpone=postpone or Visibility(lambda: clients("sqs")).postpone,
    )


def _clients() -> Callable[[str], Any]:
    """Return the maker of clients: botocore itself, since boto3 would load S3's transfer manager at every cold start."""
    session = botocore.session.get_session()
    return session.create_client


def _slack(environ: Mapping[str, str], clients: Callable[[str], Any]) -> Slack:
    token = Token(lambda: clients("secretsmanager"), _needed(environ, "TOCSIN_SLACK_SECRET"))
    return SlackApi(WebTransport(environ.get("TOCSIN_SLACK_URL") or SLACK_URL), token)


def _needed(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "").strip()
    if not value:
        raise CannotRun(f"the environment variable {name} is not set")
    return value


def _left_ms(context: object) -> float:
    left = getattr(context, "get_remaining_time_in_millis", None)
    return float(left()) if callable(left) else float("inf")


def _document(outcome: Outcome) -> dict[str, Any]:
    members = ("did", "subject", "episode", "reason", "channel", "ts")
    return {member: value for member in members if (value := getattr(outcome, member))}


def logger() -> Log:
    """Return the structured log: one JSON line per outcome, as Powertools writes them."""
    powertools = Logger(service="notifier", location=None)

    def log(entry: Mapping[str, Any]) -> None:
        write = powertools.warning if entry.get("did") in ("again", "failed") else powertools.info
        write(entry.get("did"), extra={name: value for name, value in entry.items() if name != "did"})

    return log
