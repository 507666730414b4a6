"""How many tasks a service may have at most: what the catalogue's remediation counts on. Pure.

tocsin scales by raising a scalable target's MinCapacity, and never above its MaxCapacity. A row that allows forty tasks of a
service that ends at twenty would promise what cannot happen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from alarms.desired import Desired
from alarms.domain.alarm import Policy
from alarms.domain.errors import BadInput
from infra.aws.platform.month_end import MonthEnd

CLUSTER = "image"
SCALING = {"scale-service": "service", "scale-consumers": "consumer", "answer-traffic-surge": "service"}
FALLBACK = 20  # where no row scales the service


def ceiling(desired: Iterable[Desired], service: str, *, least: int, most: int | None, plan: MonthEnd) -> int:
    """Return the MaxCapacity of ``service``: ``most``, or what the rows may reach. BadInput when the numbers contradict."""
    rows = dict(_ceilings(desired, service))
    highest = max(rows.values(), default=FALLBACK)
    found = highest if most is None else most
    where = f"platform.services.{service}.max"
    if found < highest:
        row = next(name for name, tasks in rows.items() if tasks == highest)
        raise BadInput(f"{where}: {found} tasks, but {row} may scale to {highest}: raise it, or lower the row's max_tasks")
    if found < least:
        raise BadInput(f"{where}: {found} tasks at most is below the {least} that always run; raise it, or lower min")
    floor = plan.floors.get(service, 0)
    if floor and not least <= floor <= found:
        raise BadInput(f"platform.month_end.floor.{service}: {floor} tasks; it must lie between min ({least}) and max ({found})")
    return found


def agrees(desired: Iterable[Desired], plan: MonthEnd) -> None:
    """Raise BadInput when a row expects the month's end on other days than the floor stands."""
    if not plan.floors:
        return
    said = f"month-end {plan.days} d"
    for item in desired:
        for policy in _steps(item.alarm.policies):
            entries = policy.parameters.get("expected")
            monthly = [str(entry) for entry in entries if str(entry).startswith("month-end")] if isinstance(entries, list) else []
            if monthly and monthly != [said]:
                raise BadInput(
                    f"platform.month_end.days: {plan.days}, but {item.id} expects {monthly[0]}: say the same number in both"
                )


def _ceilings(desired: Iterable[Desired], service: str) -> Iterator[tuple[str, int]]:
    """Yield each row that scales ``service``, with its max_tasks."""
    for item in desired:
        for policy in _steps(item.alarm.policies):
            member = SCALING.get(policy.action)
            most = policy.parameters.get("max_tasks")
            aimed = member and policy.parameters.get("cluster") == CLUSTER and policy.parameters.get(member) == service
            if aimed and isinstance(most, int):
                yield item.id, most


def _steps(policies: Iterable[Policy]) -> Iterator[Policy]:
    for policy in policies:
        yield policy
        yield from _steps(policy.otherwise)
