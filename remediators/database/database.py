"""How an action asks a PostgreSQL database: one statement with named parameters, plain rows back, by either of two ways in.

The RDS Data API needs no network of ours (IAM and a secret), reaches the writer only, and takes one connection slot like any
client. The direct way is a TLS connection of our own, from inside the VPC: for clusters whose Data API is off, and for the
slots that are reserved to administrators when all others are taken.

Statements hold no value: values are bound (``:name``), text as text, so a statement casts what is not text. Columns are text,
whole numbers, floats and booleans only: what else the two ways return differs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from alarms.domain.alarm import Alarm
from alarms.domain.errors import Permanent, Retryable
from alarms.domain.regions import partition_of
from remediators.action import Clients
from remediators.database import sqlstate

Scalar = str | int | float | bool | None
Row = Mapping[str, Scalar]

# The Data API's codes that say "not now"; those with a 5xx status are told apart before (facts: rds-data's service model).
_RESUMES_AFTER_S = 20.0
_NOT_NOW = {"DatabaseResumingException", "StatementTimeoutException", "InvalidResourceStateException"}
_MEANING = {
    "HttpEndpointNotEnabledException": "the Data API is off for this cluster: turn it on, or set way: direct",
    "DatabaseNotFoundException": "the cluster has no instance",
    "SecretsErrorException": "the secret cannot be read by the Data API",
    "InvalidSecretException": "the secret holds no user name and password",
    "UnsupportedResultException": "the answer is of a kind or size that the Data API cannot return",
}
_SQLSTATE = re.compile(r"SQLState: ([0-9A-Z]{5})")
SECRET_ARN = re.compile(r"arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[\w/+=.@-]+")


class Way(StrEnum):
    """How the database is reached."""

    DATA_API = "data-api"
    DIRECT = "direct"


@dataclass(frozen=True, slots=True)
class Database:
    """A database and who asks it: ARNs of its Aurora cluster and of the secret, its name in the server, the way in."""

    cluster: str
    secret: str
    name: str
    way: Way = Way.DATA_API

    @staticmethod
    def of(alarm: Alarm, parameters: Mapping[str, Any], *, reserved: bool = False) -> Database:
        """Return the database that a policy's parameters name, in the alarm's account and Region.

        ``reserved``: as the role that may use the slots kept for administrators, which only the direct way reaches for sure.
        """
        place = f"{partition_of(alarm.region)}:rds:{alarm.region}:{alarm.account}"
        return Database(
            cluster=f"arn:{place}:cluster:{parameters['cluster']}",
            secret=parameters["reserved_secret" if reserved else "secret"],
            name=parameters["database"],
            way=Way.DIRECT if reserved else Way(parameters.get("way", Way.DATA_API)),
        )

    @staticmethod
    def from_text(text: str) -> Database:
        """Read what ``to_text`` wrote."""
        document = json.loads(text)
        return Database(document["cluster"], document["secret"], document["name"], Way(document["way"]))

    def to_text(self) -> str:
        """Return it as JSON, for a change to carry."""
        return json.dumps(asdict(self))

    def query(self, clients: Clients, sql: str, parameters: Mapping[str, Scalar] | None = None) -> list[Row]:
        """Run one statement; its rows, each by column name.

        Raises Permanent with the SQLSTATE (or the Data API's own code) as ``code``, Retryable for what passes by itself.
        """
        if self.way is Way.DIRECT:
            rows: list[Row] = clients("postgres").query(self.secret, self.name, sql, dict(parameters or {}))
            return rows
        try:
            answer = clients("rds-data").execute_statement(
                resourceArn=self.cluster,
                secretArn=self.secret,
                database=self.name,
                sql=sql,
                parameters=[{"name": name, "value": _field(value)} for name, value in (parameters or {}).items()],
                includeResultMetadata=True,
            )
        except Permanent as refused:
            raise _judged(refused) from None
        columns = [column["label"] for column in answer.get("columnMetadata", ())]
        return [dict(zip(columns, map(_scalar, record), strict=True)) for record in answer.get("records", ())]


def problem(parameters: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the parameters that name a database, None when nothing is."""
    for name in ("secret", "reserved_secret"):
        if name in parameters and not SECRET_ARN.fullmatch(parameters[name]):
            return f"{name} is not the ARN of a secret in Secrets Manager"
    if parameters.get("way", Way.DATA_API) not in set(Way):
        return f"way is not one of {', '.join(Way)}"
    return None


def _judged(refused: Permanent) -> Permanent | Retryable:
    """Return the Data API's "no" in our words: PostgreSQL's own code stands at the end of its message."""
    found = _SQLSTATE.search(str(refused))
    if found:
        return sqlstate.failure(found.group(1))
    if refused.code in _NOT_NOW:
        return Retryable(f"RDS Data API: {refused.code}", _RESUMES_AFTER_S)
    return Permanent(f"RDS Data API: {_MEANING.get(refused.code, 'refused')} ({refused.code})", refused.code)


def _field(value: Scalar) -> dict[str, Scalar]:
    if value is None:
        return {"isNull": True}
    if isinstance(value, bool):
        return {"booleanValue": value}
    if isinstance(value, int):
        return {"longValue": value}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}


def _scalar(field: Mapping[str, Any]) -> Scalar:
    if field.get("isNull"):
        return None
    value: Sequence[Scalar] = [
        field[name] for name in ("stringValue", "longValue", "doubleValue", "booleanValue") if name in field
    ]
    if len(value) != 1:
        raise Permanent(f"RDS Data API: a column of a kind that is not read: {', '.join(field)}", "column-kind")
    return value[0]
