"""The RDS Data API: runs statements on whatever PostgreSQL is attached to a cluster, within the Data API's own limits.

A cluster without a database answers DatabaseUnavailableException. The secret is Secrets Manager's own, so that a wrong one
fails as it would. Parameters are typed as the Data API types them (text is varchar: a statement has to cast), several
statements, array parameters, answers above 1 MiB and statements above 45 s are refused. Limits: Aurora's guide to the Data API.
How the service spells PostgreSQL's "no" (``ERROR: …; SQLState: 42501``): seen in users' reports. What a full server answers
through it is not documented; the same spelling is assumed.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from pg8000.exceptions import DatabaseError, InterfaceError

from infra.local.aws_error import AwsError
from infra.local.seam import Operation, Request

Params = Mapping[str, Any]
Answer = dict[str, Any]

LARGEST_ANSWER = 1024 * 1024
STATEMENT_TIMEOUT_MS = 45_000
# OIDs of PostgreSQL's pg_type, and of java.sql.Types as columnMetadata spells types.
_TYPES = {bool: 16, int: 20, float: 701, bytes: 17, str: 1043}
_HINTS = {"DATE": 1082, "TIME": 1083, "TIMESTAMP": 1114, "DECIMAL": 1700, "UUID": 2950, "JSON": 114}
_JAVA = {16: -7, 20: -5, 21: 5, 23: 4, 25: 12, 700: 7, 701: 8, 1700: 2, 17: -2, 1082: 91, 1114: 93, 1184: 93}


class Session(Protocol):
    """An open session of PostgreSQL, as pg8000's native connection is one."""

    columns: Any
    row_count: int

    def run(self, sql: str, *, types: Mapping[str, int] | None = None, **parameters: Any) -> Any:
        """Run a statement."""
        ...

    def close(self) -> None:
        """End the session."""
        ...


# connect(user, password, database) opens a session
Connect = Callable[[str, str, str], Session]


class RdsData:
    """The attached databases, by the ARN of their cluster. ``read_secret(arn)`` returns a secret's text."""

    def __init__(self, read_secret: Callable[[str], str]) -> None:
        self._read_secret = read_secret
        self._databases: dict[str, Connect | None] = {}

    @property
    def operations(self) -> dict[str, Operation]:
        """What is answered here."""
        return {"ExecuteStatement": self.execute_statement, "BatchExecuteStatement": self.batch_execute_statement}

    def attach(self, cluster: str, connect: Connect | None) -> None:
        """Put a database behind the cluster with this ARN; None: its Data API is off."""
        self._databases[cluster] = connect

    def execute_statement(self, params: Params, _: Request) -> Answer:
        """Run one statement."""
        with self._session(params) as session:
            bound, types = _bound(params.get("parameters", ()))
            records = _run(session, params["sql"], bound, types)
            return _answer(session, records, metadata=params.get("includeResultMetadata", False))

    def batch_execute_statement(self, params: Params, _: Request) -> Answer:
        """Run one statement for each set of parameters."""
        with self._session(params) as session:
            for parameters in params.get("parameterSets", [[]]):
                _run(session, params["sql"], *_bound(parameters))
        return {"updateResults": [{} for _ in params.get("parameterSets", [[]])]}

    @contextmanager
    def _session(self, params: Params) -> Iterator[Session]:
        if params["resourceArn"] not in self._databases:
            raise AwsError("DatabaseNotFoundException", "DbCluster has no instance to run the statement on")
        connect = self._databases[params["resourceArn"]]
        if connect is None:
            raise AwsError("HttpEndpointNotEnabledException", f"HttpEndpoint is not enabled for resource {params['resourceArn']}")
        if "schema" in params or "transactionId" in params:
            raise AwsError("BadRequestException", "schema and transactions are not served here")
        user, password = self._credentials(params["secretArn"])
        with _spelled():
            session = connect(user, password, params.get("database", "postgres"))
        try:
            with _spelled():
                yield session
        finally:
            session.close()

    def _credentials(self, secret: str) -> tuple[str, str]:
        try:
            text = self._read_secret(secret)
        except LookupError:
            raise AwsError("SecretsErrorException", "The secret could not be found.") from None
        try:
            found = json.loads(text)
            return str(found["username"]), str(found["password"])
        except (KeyError, TypeError, ValueError):
            raise AwsError("InvalidSecretException", "The secret holds no username and password.") from None


def _run(session: Session, sql: str, bound: Mapping[str, Any], types: Mapping[str, int]) -> list[list[Any]]:
    session.run(f"set statement_timeout = {STATEMENT_TIMEOUT_MS}")
    # With a parameter the driver speaks the extended protocol, in which PostgreSQL itself refuses several statements.
    return list(session.run(sql, types={"_": 25, **types}, **{"_": "", **bound}) or ())


@contextmanager
def _spelled() -> Iterator[None]:
    """Turn the server's "no" into the Data API's."""
    try:
        yield
    except (InterfaceError, OSError):  # the connection broke: there is no answer of the server's
        raise AwsError("DatabaseUnavailableException", "", 504) from None
    except DatabaseError as error:
        told = error.args[0]
        if told.get("C") == "57014":
            raise AwsError("StatementTimeoutException", "Request timed out") from None
        place = f"; Position: {told['P']}" if "P" in told else ""
        text = f"{told.get('S', 'ERROR')}: {told.get('M', '')}{place}; SQLState: {told.get('C', '')}"
        raise AwsError("DatabaseErrorException", text) from None


def _bound(parameters: Any) -> tuple[dict[str, Any], dict[str, int]]:
    """Return values and types of named parameters."""
    values: dict[str, Any] = {}
    types: dict[str, int] = {}
    for parameter in parameters:
        name, field = parameter["name"], parameter["value"]
        if "arrayValue" in field:
            raise AwsError("BadRequestException", "Array parameters are not supported.")
        value = None if field.get("isNull") else next(iter(field.values()))
        values[name] = value
        hinted = _HINTS.get(parameter.get("typeHint", ""))
        types[name] = hinted or _TYPES.get(type(value), 1043)
    return values, types


def _answer(session: Session, records: list[list[Any]], *, metadata: bool) -> Answer:
    size = sum(len(str(value)) for record in records for value in record if value is not None)
    if size > LARGEST_ANSWER:
        raise AwsError("UnsupportedResultException", "Database returned more than the allowed response size limit")
    columns = session.columns or ()
    answer: Answer = {"numberOfRecordsUpdated": 0}
    if columns:
        answer["records"] = [[_field(value) for value in record] for record in records]
    else:
        answer["numberOfRecordsUpdated"] = max(0, session.row_count)
    if metadata and columns:
        answer["columnMetadata"] = [
            {
                "name": column["name"],
                "label": column["name"],
                "type": _JAVA.get(column["type_oid"], 1111),
                "nullable": 2,
                "isSigned": False,
                "isCurrency": False,
                "isAutoIncrement": False,
                "isCaseSensitive": True,
            }
            for column in columns
        ]
    return answer


def _field(value: Any) -> dict[str, Any]:
    """Return a value as the Data API does: numbers and booleans by their kind, times as text in UTC without a zone."""
    if value is None:
        return {"isNull": True}
    for kind, name in ((bool, "booleanValue"), (int, "longValue"), (float, "doubleValue"), (bytes, "blobValue")):
        if isinstance(value, kind):
            return {name: value}
    if isinstance(value, dt.datetime):
        moment = value.astimezone(dt.UTC) if value.tzinfo else value
        return {"stringValue": moment.strftime("%Y-%m-%d %H:%M:%S.%f").rstrip("0").rstrip(".")}
    if isinstance(value, list):
        return {"arrayValue": {"stringValues": [str(item) for item in value]}}
    return {"stringValue": str(value)}
