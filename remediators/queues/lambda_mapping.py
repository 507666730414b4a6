"""How many invocations of a function may work one queue at once, and how to change that: MaximumConcurrency of the mapping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alarms.domain.decision import Change, Proposal, Reason
from alarms.domain.errors import Permanent, Retryable
from alarms.domain.text import Text
from remediators.action import Clients, Permit, Refusal

KNOB = "MaximumConcurrency"
LEAST, MOST = 2, 1000  # Lambda's own bounds for the knob
ATTEMPTS = 3
_PREFIX = "lambda:event-source-mapping/"


@dataclass(frozen=True, slots=True)
class Mapped:
    """The mapping between one queue and one function.

    ``concurrency`` is MaximumConcurrency, None when unset (then nothing bounds it here); ``reserved`` the function's
    reserved concurrency, None when it has none.
    """

    function: str
    uuid: str
    state: str
    concurrency: int | None
    reserved: int | None
    provisioned: bool

    @property
    def resource(self) -> str:
        """The mapping as a change names it."""
        return _PREFIX + self.uuid


def lock_key(function: str, queue: str) -> str:
    """Return ``lambda:function/<function>/queue/<queue>``, known from the row alone."""
    return f"lambda:function/{function}/queue/{queue}"


def observe(clients: Clients, function: str, queue_arn: str) -> Mapped:
    """Read the mapping and what bounds it: lambda ListEventSourceMappings, GetFunctionConcurrency."""
    client = clients("lambda")
    found = client.list_event_source_mappings(FunctionName=function, EventSourceArn=queue_arn)["EventSourceMappings"]
    if len(found) != 1:
        raise Permanent(f"{len(found)} event source mappings between {queue_arn} and {function}", "ResourceNotFoundException")
    reserved = client.get_function_concurrency(FunctionName=function).get("ReservedConcurrentExecutions")
    return _mapped(function, found[0], reserved)


def refusal(mapped: Mapped) -> Refusal | None:
    """Return why this mapping should not be raised now; None when nothing speaks against it."""
    name = mapped.function
    if mapped.state in ("Creating", "Updating", "Enabling"):
        return Refusal(
            Reason.YIELDS, Text(f"The mapping of {name} is {mapped.state}.", f"{name} 매핑이 {mapped.state} 상태입니다.")
        )
    if mapped.state != "Enabled":
        return Refusal(
            Reason.UNSAFE,
            Text(
                f"The mapping of {name} is {mapped.state}: nobody consumes, and more of nobody does not help.",
                f"{name} 매핑이 {mapped.state} 상태라 아무도 처리하지 않습니다. 늘려도 소용없습니다.",
            ),
        )
    if mapped.provisioned:
        return Refusal(
            Reason.UNSAFE,
            Text(
                f"The mapping of {name} has provisioned pollers; Lambda allows no maximum concurrency beside them.",
                f"{name} 매핑은 프로비저닝된 폴러를 사용하여 최대 동시성을 설정할 수 없습니다.",
            ),
        )
    if mapped.concurrency is None:
        return Refusal(
            Reason.NOTHING_TO_DO,
            Text(f"No maximum concurrency holds {name} back.", f"{name}에 최대 동시성 제한이 없습니다."),
        )
    return None


def ceiling(mapped: Mapped, max_concurrency: int) -> int:
    """Return the highest concurrency allowed: the row's, Lambda's own, or what the function has reserved."""
    return min(max_concurrency, MOST, mapped.reserved if mapped.reserved is not None else MOST)


def change_to(mapped: Mapped, count: int, max_concurrency: int) -> Change | Refusal:
    """Return the change to ``count`` within the ceiling, or why there is none to make."""
    standing, top = mapped.concurrency or 0, ceiling(mapped, max_concurrency)
    if standing >= top:
        return Refusal(
            Reason.AT_CEILING,
            Text(
                f"{mapped.function} works {standing} at once, ceiling {top}.",
                f"{mapped.function} 동시 처리 {standing}, 상한 {top}.",
            ),
        )
    wanted = max(LEAST, min(count, top))
    if wanted <= standing or wanted > top:
        return Refusal(
            Reason.NOTHING_TO_DO,
            Text(
                f"{mapped.function} works {standing} at once already, {wanted} are needed.",
                f"{mapped.function}이(가) 이미 동시에 {standing}개를 처리합니다. 필요한 수 {wanted}.",
            ),
        )
    return Change(mapped.resource, KNOB, standing, wanted)


def apply(clients: Clients, change: Change, permit: Permit) -> tuple[str, ...]:
    """Set the knob: UpdateEventSourceMapping. A mapping busy with another update is tried again, then left to the queue."""
    for attempt in range(ATTEMPTS):
        permit()
        try:
            answer = clients("lambda").update_event_source_mapping(
                UUID=change.resource.removeprefix(_PREFIX), ScalingConfig={KNOB: change.after}
            )
        except Retryable:
            if attempt == ATTEMPTS - 1:
                raise
        else:
            return (str(answer["ResponseMetadata"]["RequestId"]),)
    raise AssertionError("unreachable: the last attempt returns or raises")


def moved(mapped: Mapped, proposal: Proposal) -> bool | None:
    """Tell whether the mapping works with the proposed value; None while Lambda is still updating it."""
    if mapped.state == "Updating":
        return None
    return mapped.state == "Enabled" and all(mapped.concurrency == change.after for change in proposal.changes)


def restore(mapped: Mapped, proposal: Proposal) -> Proposal | Refusal:
    """Return the way back while the value is still ours."""
    (lent,) = proposal.changes
    now = mapped.concurrency
    if mapped.state == "Updating":
        return Refusal(Reason.YIELDS, Text(f"The mapping of {mapped.function} is updating.", "매핑이 변경 중입니다."))
    if now == lent.before:
        return Refusal(Reason.NOTHING_TO_DO, Text(f"It is back at {now} already.", f"이미 {now}(으)로 돌아와 있습니다."))
    if mapped.resource != lent.resource or now != lent.after:
        return Refusal(
            Reason.DRIFTED,
            Text(
                f"We set {KNOB} to {lent.after}; it is {now} now. Someone else changed it, so it is left alone.",
                f"{KNOB}을(를) {lent.after}(으)로 설정했으나 현재 {now}입니다. 다른 변경이 있어 그대로 둡니다.",
            ),
        )
    return Proposal(proposal.action, proposal.resource, (Change(lent.resource, KNOB, now, lent.before),), Text("", ""))


def _mapped(function: str, item: Mapping[str, Any], reserved: int | None) -> Mapped:
    return Mapped(
        function=function,
        uuid=item["UUID"],
        state=item["State"],
        concurrency=item.get("ScalingConfig", {}).get(KNOB),
        reserved=reserved,
        provisioned=bool(item.get("ProvisionedPollerConfig")),
    )
