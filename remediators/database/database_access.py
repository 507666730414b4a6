"""What an action that asks a database has in common with the others: the parameters that name it, the permissions to reach it."""

from __future__ import annotations

from alarms.domain.action import Parameter, ParameterKind, Permission

PARAMETERS = (
    Parameter("cluster", ParameterKind.TEXT, "identifier of the Aurora cluster"),
    Parameter("database", ParameterKind.TEXT, "name of a database in it to connect to"),
    Parameter("secret", ParameterKind.TEXT, "ARN of the secret with the role to connect as"),
    Parameter(
        "way", ParameterKind.TEXT, "data-api, or direct for a TLS connection of our own", required=False, default="data-api"
    ),
    Parameter(
        "reserved_secret",
        ParameterKind.TEXT,
        "ARN of the secret of a role that may use reserved slots; used directly when all others are taken",
        required=False,
    ),
)
PERMISSIONS = (
    Permission(
        "rds-data:ExecuteStatement",
        "arn:{partition}:rds:{region}:{account}:cluster:{cluster}",
        "ask the database through the Data API",
    ),
    Permission("secretsmanager:GetSecretValue", "{secret}", "the role to connect as; the Data API reads it as us"),
    Permission("secretsmanager:GetSecretValue", "{reserved_secret}", "the role to connect as when all other slots are taken"),
)
