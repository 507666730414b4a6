"""What the catalogue believes of the databases, held against what the platform's settings make of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from alarms.desired import Desired
from alarms.domain.alarm import Policy
from alarms.domain.errors import BadInput
from alarms.settings import Settings
from infra.aws.platform.settings import Database

WRITER, READER = "image-db-1", "image-db-2"


def agree(desired: Iterable[Desired], settings: Settings, database: Database) -> None:
    """Raise BadInput where an alarm's limit or a remediation's ceiling would be of another database than the one deployed."""
    made = {"min_acu": database.min_acu, "max_acu": database.max_acu, "max_connections": database.connections}
    for name in (WRITER, READER):
        declared = settings.databases.get(name)
        if declared is None:
            continue
        said = {"min_acu": declared.min_acu, "max_acu": declared.max_acu, "max_connections": declared.max_connections}
        if declared.instance_class is not None or said != made:
            shown = ", ".join(f"{key}: {value:g}" for key, value in made.items())
            where = f"tocsin.yaml: stages.{settings.stage}.databases.{name}"
            raise BadInput(f"{where}: not what platform.database makes: say {{{shown}}}, or change that")
    for row, policy in _policies(desired):
        number = policy.parameters.get("max_connections")
        if policy.parameters.get("database") in (WRITER, READER) and number not in (None, database.connections):
            raise BadInput(
                f"{row}: {policy.action} counts on {number} connections, and platform.database makes {database.connections}"
            )


def _policies(desired: Iterable[Desired]) -> Iterator[tuple[str, Policy]]:
    for item in desired:
        waiting = list(item.alarm.policies)
        while waiting:
            policy = waiting.pop()
            yield item.id, policy
            waiting += policy.otherwise
