"""What the engine reads of AWS beside its own table, and the one place where botocore's failures get their verdict."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from alarms.domain import approvers
from alarms.domain.alarm import Alarm
from alarms.domain.approvers import Approvers
from alarms.domain.errors import Permanent, Retryable
from alarms.domain.event import State
from remediators.facts import LiveAlarm
from remediators.switch import Switch, absent, parse

# Codes that say "not now". Everything else that AWS answers is a "no" for good.
PASSING = frozenset(
    {
        "ConcurrentUpdateException",
        "ExpiredToken",
        "ExpiredTokenException",
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServiceException",
        "InternalServiceError",
        "LimitExceeded",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ResourceInUseException",
        "ServerException",
        "ServiceException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)


# Services with endpoints in one Region only. Of AWS Health botocore would call one in ours, which does not exist (aws-cli#8745).
# https://docs.aws.amazon.com/health/latest/ug/health-api.html
_ONLY_IN = {"health": "us-east-1"}
TYPES = ["MetricAlarm", "CompositeAlarm", "LogAlarm"]
_LAPSED = frozenset({"ExpiredToken", "ExpiredTokenException"})


class Credentials(NamedTuple):
    """What an assumed role gives; in the order in which botocore's ``create_client`` takes them."""

    key: str
    secret: str
    token: str

    def __repr__(self) -> str:
        """Show nothing of them."""
        return "Credentials(…)"


class Unreadable(Permanent):
    """A row of the catalogue that this version of the code cannot read."""


class Failure(Permanent):
    """AWS said no for good. ``code`` is its error code, ``response`` its whole answer."""

    def __init__(self, error: ClientError) -> None:
        super().__init__(str(error), error.response.get("Error", {}).get("Code", ""))
        self.response: Mapping[str, Any] = error.response


@contextmanager
def translated() -> Iterator[None]:
    """Turn botocore's failures into Retryable (slow, throttling, down) or Failure (a Permanent with AWS's code)."""
    try:
        yield
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
        if error.response.get("Error", {}).get("Code", "") in PASSING or status >= 500:
            raise Retryable(str(error)) from error
        raise Failure(error) from error
    except ParamValidationError as error:
        raise Permanent(str(error), "ParamValidation") from error
    except BotoCoreError as error:
        raise Retryable(str(error)) from error


class Client:
    """A boto3 client whose failures have their verdict. ``lapsed`` is told when its credentials have ended."""

    def __init__(self, client: Any, lapsed: Callable[[], None] | None = None) -> None:
        self._client = client
        self._lapsed = lapsed

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        return partial(self._call, operation)

    def _call(self, operation: str, **request: Any) -> Any:
        with translated():
            try:
                return getattr(self._client, operation)(**request)
            except ClientError as error:
                if self._lapsed and error.response.get("Error", {}).get("Code", "") in _LAPSED:
                    self._lapsed()
                raise


class Clients:
    """The AWS clients of this process, each made on first use by botocore itself: boto3 would load S3's transfer manager.

    ``postgres`` is a client too, of no AWS service: connections of our own to a database. ``authorities`` is the file of the
    certificates that it trusts; "" for those of the system.
    """

    def __init__(self, authorities: str = "") -> None:
        self._session: botocore.session.Session | None = None
        self._made: dict[str, Any] = {}
        self._authorities = authorities
        self._region: str | None = None
        self._assume: Callable[[], Credentials] | None = None
        self._assumed: Credentials | None = None
        self._lapsed: Callable[[], None] | None = None

    def elsewhere(self, region: str, assume: Callable[[], Credentials], lapsed: Callable[[], None]) -> Clients:
        """Return clients of another account or region. ``assume`` is asked once, by the first client that is made.

        They share what botocore has loaded: its models are not read a second time. ``lapsed`` is told when AWS says that the
        credentials have ended before their time.
        """
        other = Clients(self._authorities)
        other._session = self._loaded()
        other._region, other._assume, other._lapsed = region, assume, lapsed
        return other

    def __call__(self, service: str) -> Any:
        """Return the client of ``service`` as actions use it."""
        return self._postgres() if service == "postgres" else Client(self.boto(service), self._lapsed)

    def _postgres(self) -> Any:
        """Return the client of databases; its driver is loaded only when an action asks for one."""
        if "postgres" not in self._made:
            from remediators.database.postgres import Postgres

            self._made["postgres"] = Postgres(lambda: Client(self.boto("secretsmanager")), self._authorities)
        return self._made["postgres"]

    def boto(self, service: str) -> Any:
        """Return botocore's own client of ``service``."""
        if service not in self._made:
            config = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
            region = _ONLY_IN.get(service, self._region)
            self._made[service] = self._loaded().create_client(service, region_name=region, config=config, **self._keys())
        return self._made[service]

    def _loaded(self) -> botocore.session.Session:
        self._session = self._session or botocore.session.get_session()
        return self._session

    def _keys(self) -> dict[str, Any]:
        """Return the assumed role's keys as ``create_client`` takes them; none at home, where botocore finds its own."""
        if self._assume is None:
            return {}
        self._assumed = self._assumed or self._assume()
        names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        return dict(zip(names, self._assumed, strict=True))


class Catalogue:
    """The table that `apply` publishes rows to; read only."""

    def __init__(self, clients: Clients, table: str) -> None:
        self._clients = clients
        self._table = table

    def row(self, alarm_key: str) -> Alarm | None:
        """Return the row of the alarm, None when the catalogue has none (any more); Unreadable when it is not one."""
        answer = self._clients("dynamodb").get_item(
            TableName=self._table, Key={"alarm": {"S": alarm_key}, "version": {"S": "current"}}, ConsistentRead=True
        )
        item = answer.get("Item")
        if not item:
            return None
        try:
            row = Alarm.from_document(json.loads(item["document"]["S"]))
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise Unreadable(f"row of {alarm_key}: {error!r}"[:300], "row-unreadable") from error
        if row.key != alarm_key:
            raise Unreadable(f"row of {alarm_key} describes {row.key}", "row-unreadable")
        return row


class Alarms:
    """CloudWatch's own view of alarms, read again before anything is done."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def states(self, names: list[str]) -> Mapping[str, LiveAlarm]:
        """Return the alarms called ``names`` that exist, of every type, in one call for each hundred."""
        found: dict[str, LiveAlarm] = {}
        for start in range(0, len(names), 100):
            answer = self._clients("cloudwatch").describe_alarms(
                AlarmNames=names[start : start + 100], AlarmTypes=TYPES, MaxRecords=100
            )
            found.update(_by_name(answer))
        return found

    def ringing(self, prefix: str) -> Mapping[str, LiveAlarm]:
        """Return up to a hundred alarms in ALARM whose names begin with ``prefix``: enough to know a storm when there is one."""
        answer = self._clients("cloudwatch").describe_alarms(
            AlarmNamePrefix=prefix, StateValue=State.ALARM.value, AlarmTypes=TYPES, MaxRecords=100
        )
        return _by_name(answer)


class ApproverReader:
    """Reads who may start what. Never cached: it is asked at every click."""

    def __init__(self, clients: Clients, parameter: str) -> None:
        self._clients = clients
        self._parameter = parameter

    def read(self) -> Approvers:
        """Return the approvers; a parameter that does not exist means nobody."""
        try:
            answer = self._clients("ssm").get_parameter(Name=self._parameter)
        except Permanent as failure:
            if failure.code == "ParameterNotFound":
                return Approvers()
            raise
        return approvers.parse(str(answer["Parameter"]["Value"]))


class SwitchReader:
    """Reads the live switch. Never cached: it is asked again right before every changing call."""

    def __init__(self, clients: Clients, parameter: str) -> None:
        self._clients = clients
        self._parameter = parameter

    def read(self) -> Switch:
        """Return the switch; a parameter that does not exist means observe."""
        try:
            answer = self._clients("ssm").get_parameter(Name=self._parameter)
        except Permanent as failure:
            if failure.code == "ParameterNotFound":
                return absent()
            raise
        return parse(str(answer["Parameter"]["Value"]))


def _by_name(answer: Mapping[str, Any]) -> dict[str, LiveAlarm]:
    kinds = ("MetricAlarms", "CompositeAlarms", "LogAlarms")
    return {alarm["AlarmName"]: _live(alarm) for kind in kinds for alarm in answer.get(kind, ())}


def _live(alarm: Mapping[str, Any]) -> LiveAlarm:
    return LiveAlarm(
        state=State(alarm["StateValue"]),
        transitioned_at=alarm.get("StateTransitionedTimestamp"),
        evaluation=alarm.get("EvaluationState", ""),
        suppressed_by=alarm.get("ActionsSuppressedBy", ""),
        actions_enabled=alarm.get("ActionsEnabled", True),
    )
