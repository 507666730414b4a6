"""Puts the door for Slack's buttons together: environment and clients in, one ``Door`` out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from alarms.domain import approvers
from alarms.domain.command import Command
from alarms.domain.errors import CannotRun, Retryable
from alarms.domain.text import Language
from notifier.interactive import Door
from notifier.members import Members
from notifier.record import Pointer
from notifier.secret import Secret

SLACK_URL = "https://slack.com/api/"
# Slack waits three seconds for everything: a second try must still fit.
_PATIENCE = Config(connect_timeout=0.7, read_timeout=0.7, retries={"total_max_attempts": 2, "mode": "standard"})

Log = Callable[[Mapping[str, Any]], None]


def build(environ: Mapping[str, str], *, log: Log | None = None) -> Door:
    """Return the door of one stage. CannotRun names a variable that is missing."""
    clients = _Clients()
    secret = Secret(lambda: clients("secretsmanager"), _needed(environ, "TOCSIN_SLACK_SECRET"))
    team = _needed(environ, "TOCSIN_SLACK_TEAM")
    url = environ.get("TOCSIN_SLACK_URL") or SLACK_URL
    return Door(
        signing=secret,
        people=Members(url, partial(secret.member, "bot_token"), team),
        approvers=partial(_approvers, clients, _needed(environ, "TOCSIN_APPROVERS_PARAMETER")),
        incident=partial(_pointer, clients, _needed(environ, "TOCSIN_THREADS_TABLE")),
        act=partial(_send, clients, _needed(environ, "TOCSIN_COMMANDS_QUEUE_URL")),
        silence=partial(_send, clients, _needed(environ, "TOCSIN_REPORTS_QUEUE_URL")),
        team=team,
        language=Language(environ.get("TOCSIN_LANGUAGE") or "en"),
        log=log or log_line,
    )


class _Clients:
    """Makes each client when it is first needed, once: a click needs three of the four."""

    def __init__(self) -> None:
        self._session = botocore.session.get_session()
        self._made: dict[str, Any] = {}

    def __call__(self, service: str) -> Any:
        if service not in self._made:
            self._made[service] = self._session.create_client(service, config=_PATIENCE)
        return self._made[service]


def _approvers(clients: Callable[[str], Any], parameter: str) -> frozenset[str]:
    """Return everybody who may approve anything; a parameter that does not exist names nobody."""
    try:
        answer = clients("ssm").get_parameter(Name=parameter, WithDecryption=True)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code == "ParameterNotFound":
            return frozenset()
        raise Retryable(f"parameter {parameter}: {code}") from None
    except BotoCoreError as error:
        raise Retryable(f"parameter {parameter}: {type(error).__name__}") from None
    return approvers.parse(answer["Parameter"]["Value"]).anyone()


def _pointer(clients: Callable[[str], Any], table: str, ident: str) -> Pointer | None:
    from notifier.dynamodb import DynamoThreads  # only some clicks need it

    return DynamoThreads(clients("dynamodb"), table).pointer(ident)


def _send(clients: Callable[[str], Any], queue_url: str, command: Command) -> None:
    try:
        clients("sqs").send_message(QueueUrl=queue_url, MessageBody=json.dumps(command.to_document(), separators=(",", ":")))
    except ClientError as error:
        raise Retryable(f"queue: {error.response.get('Error', {}).get('Code', '')}") from None
    except BotoCoreError as error:
        raise Retryable(f"queue: {type(error).__name__}") from None


def _needed(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "").strip()
    if not value:
        raise CannotRun(f"the environment variable {name} is not set")
    return value


def log_line(entry: Mapping[str, Any]) -> None:
    """Write one JSON line, as the other functions' logs have it, without their logger's import."""
    level = "WARNING" if entry.get("did") == "refused" else "INFO"
    line = {"level": level, "service": "interactive", "message": entry.get("did"), **entry}
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
