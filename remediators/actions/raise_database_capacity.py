"""raise-database-capacity: let an Aurora Serverless v2 cluster grow further for a while.

    remediate:
      - action: raise-database-capacity
        with: {cluster: image-db, max_acu: 32}

Risk: reversible (costs ACUs). Changes: MaxCapacity of the cluster's scaling configuration, MinCapacity where ``min_acu`` says so.
Bounds: ``max_acu``. Refuses where capacity is not the limit, while the cluster is being changed, for connection slots (they
follow only after a reboot) and for instances of a fixed class: then it says what a person would have to do, the reboot spelt out.
Verify: the new bounds stand and the cluster is available. Revert: the bounds go back if they still are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alarms.domain.action import ActionSpec, Parameter, ParameterKind, Permission, Risk
from alarms.domain.decision import Change, Proposal, Reason
from alarms.domain.text import Text
from remediators.action import Clients, Overtaken, Permit, Refusal, Situation
from remediators.database import aurora_capacity
from remediators.database.aurora_capacity import KNOB, Capacity

USED_FROM = 90.0
STEP = 50.0
_CLUSTER = "arn:{partition}:rds:{region}:{account}:cluster:{cluster}"


class RaiseDatabaseCapacity:
    """Raises the bounds between which a Serverless v2 cluster scales."""

    spec = ActionSpec(
        name="raise-database-capacity",
        summary="Let an Aurora Serverless v2 cluster scale further for a while, up to a ceiling; says what slots would need.",
        risk=Risk.REVERSIBLE,
        changes=True,
        parameters=(
            Parameter("cluster", ParameterKind.TEXT, "identifier of the Aurora cluster"),
            Parameter("max_acu", ParameterKind.NUMBER, "never a MaxCapacity above this, in ACUs", ceiling=True, maximum=256),
            Parameter(
                "step", ParameterKind.PERCENT, "how much MaxCapacity grows, as a share of it", required=False, default=STEP
            ),
            Parameter("min_acu", ParameterKind.NUMBER, "raise MinCapacity to this too, in ACUs", required=False, maximum=256),
            Parameter(
                "used_from",
                ParameterKind.PERCENT,
                "act only while this share of MaxCapacity is used",
                required=False,
                default=USED_FROM,
            ),
        ),
        permissions=(
            Permission("rds:DescribeDBClusters", _CLUSTER, "the bounds between which it scales, and its state"),
            Permission(
                "rds:DescribeDBInstances",
                "arn:{partition}:rds:{region}:{account}:db:*",
                "classes and states of the cluster's instances; AWS authorises the list, not the cluster",
            ),
            Permission("cloudwatch:GetMetricData", "*", "how much of the capacity is used; knows no resources"),
            Permission("rds:ModifyDBCluster", _CLUSTER, "raise the bounds, and give them back"),
        ),
        example="""\
remediate:
  - action: raise-database-capacity
    with: {cluster: image-db, max_acu: 32, step: 50 %}
    limits: [2 per hour, 4 per day]
    cooldown: 15 m
    verify_within: 15 m
    revert: {after_ok: 1 h, at_latest: 12 h}
    otherwise: [{action: escalate}]
""",
    )

    def problem(self, parameters: Mapping[str, Any]) -> str | None:
        """Return what is wrong between parameters, None when nothing is."""
        most = parameters.get("max_acu", 1)
        if not 1 <= most <= 256 or most != aurora_capacity.half_step(most):
            return "max_acu is not between 1 and 256 in half steps"
        least = parameters.get("min_acu", most)
        if least > most or least != aurora_capacity.half_step(least):
            return "min_acu is above max_acu, or no half step"
        return None

    def resource(self, situation: Situation) -> str:
        """Return ``rds:cluster/<identifier>``."""
        return aurora_capacity.lock_key(situation.policy.parameters["cluster"])

    def observe(self, clients: Clients, situation: Situation) -> Capacity:
        """Read bounds, classes, states and use."""
        return aurora_capacity.observe(clients, situation.policy.parameters["cluster"], situation)

    def propose(self, observed: Capacity, situation: Situation) -> Proposal | Refusal:
        """Raise MaxCapacity by ``step``, and MinCapacity to ``min_acu``, up to the ceiling."""
        parameters = situation.policy.parameters
        refused = _not_by_capacity(observed, situation) or _not_now(observed, parameters.get("used_from", USED_FROM))
        if refused is not None:
            return refused
        smallest, largest = float(observed.smallest or 0), float(observed.largest or 0)
        wanted = aurora_capacity.half_step(largest * (1 + parameters.get("step", STEP) / 100))
        top = max(largest, min(wanted, float(parameters["max_acu"])))
        floor = max(smallest, min(float(parameters.get("min_acu", smallest)), top))
        if (floor, top) == (smallest, largest):
            return Refusal(
                Reason.AT_CEILING,
                Text(
                    f"{observed.cluster} may use {largest:g} ACUs, max_acu {parameters['max_acu']:g}.",
                    f"{observed.cluster} 최대 {largest:g} ACU, 상한 {parameters['max_acu']:g}.",
                ),
            )
        change = Change(observed.resource, KNOB, observed.bounds, aurora_capacity.written(floor, top))
        return Proposal(self.spec.name, observed.resource, (change,), _why(observed, change), lines=_lines(floor > smallest))

    def evidence(self, _: Capacity, situation: Situation) -> None:
        """Return None: the intent says it all."""

    def current(self, observed: Capacity, _: Change) -> str | None:
        """Return the bounds as they stand."""
        return observed.bounds

    def run(self, clients: Clients, change: Change, permit: Permit) -> tuple[str, ...]:
        """Set the bounds if they are as decided; where they stand already nothing is called."""
        cluster = change.resource.removeprefix("rds:cluster/")
        now = aurora_capacity.bounds_now(clients, cluster)
        if now == change.after:
            return ()
        if now != change.before:
            raise Overtaken(_drifted(change, now))
        permit()
        return (aurora_capacity.change_bounds(clients, cluster, str(change.after)),)

    def moved(self, observed: Capacity, proposal: Proposal) -> bool | None:
        """Tell whether the bounds stand; None while the cluster is being changed."""
        if observed.bounds != proposal.changes[0].after:
            return False
        return None if observed.unready else True

    def harm(self, _: Capacity, proposal: Proposal, situation: Situation) -> None:
        """Return None: nothing is watched."""

    def restore(self, observed: Capacity, proposal: Proposal, _: Situation) -> Proposal | Refusal:
        """Propose the way back if the bounds still are ours."""
        (lent,) = proposal.changes
        if observed.bounds == lent.before:
            return Refusal(
                Reason.NOTHING_TO_DO,
                Text(f"It is back at {lent.before} ACUs already.", f"이미 {lent.before} ACU로 돌아와 있습니다."),
            )
        if observed.bounds != lent.after:
            return Refusal(Reason.DRIFTED, _drifted(lent, observed.bounds))
        if observed.unready:
            return _busy(observed)
        return Proposal(proposal.action, proposal.resource, (Change(lent.resource, KNOB, lent.after, lent.before),), Text("", ""))


def _not_by_capacity(seen: Capacity, situation: Situation) -> Refusal | None:
    """Refuse what more ACUs would not help, and say what would: a person's decision, with its reboot."""
    if not seen.serverless:
        return Refusal(
            Reason.UNSAFE,
            Text(
                f"{seen.cluster} has instances of a fixed class ({', '.join(seen.classes) or 'none'}). For more connections a "
                f"person can set max_connections in the parameter group ({seen.parameter_group}, pending-reboot) and then reboot "
                "each instance, or change the class, which restarts it: seconds to minutes without it, and more memory used.",
                f"{seen.cluster}은(는) 고정 클래스({', '.join(seen.classes) or '없음'})입니다. 연결 수를 늘리려면 파라미터 그룹"
                f"({seen.parameter_group})의 max_connections를 바꾸고(pending-reboot) 각 인스턴스를 재부팅하거나 클래스를 바꿔야 "
                "하며, 그동안 중단이 생깁니다. 사람이 결정해야 합니다.",
            ),
        )
    if situation.alarm.condition.metric == "AWS/RDS DatabaseConnections":
        return Refusal(
            Reason.UNSAFE,
            Text(
                f"More ACUs give no more connections now: max_connections follows MaxCapacity ({seen.largest:g}) only after each "
                "instance of the cluster is rebooted, and MinCapacity helps CPU, not slots. A person can raise MaxCapacity and "
                "reboot, readers first.",
                f"ACU를 늘려도 지금 연결 수는 늘지 않습니다. max_connections는 인스턴스를 재부팅해야 MaxCapacity"
                f"({seen.largest:g})를 따르고, MinCapacity는 CPU에만 도움이 됩니다. MaxCapacity를 올리고 "
                "리더부터 재부팅할지는 사람이 결정해야 합니다.",
            ),
        )
    return None


def _not_now(seen: Capacity, used_from: float) -> Refusal | None:
    """Refuse while the cluster is being changed, and where capacity is not what it lacks."""
    if seen.unready:
        return _busy(seen)
    if seen.used is None:
        return Refusal(
            Reason.UNKNOWN,
            Text("How much of its capacity is used is not known.", "용량 사용률을 알 수 없습니다."),
        )
    if seen.used < used_from:
        return Refusal(
            Reason.NOTHING_TO_DO,
            Text(
                f"{seen.cluster} uses {seen.used:.0f} % of its {seen.largest:g} ACUs: capacity is not the limit.",
                f"{seen.cluster}은(는) {seen.largest:g} ACU 중 {seen.used:.0f} %만 사용 중입니다. 용량이 한계가 아닙니다.",
            ),
        )
    return None


def _busy(seen: Capacity) -> Refusal:
    return Refusal(Reason.YIELDS, Text(f"Not available now: {seen.unready}.", f"지금은 변경할 수 없습니다: {seen.unready}."))


def _drifted(change: Change, now: str | None) -> Text:
    return Text(
        f"The bounds were to be {change.before} or {change.after} ACUs and are {now}: someone else changed them; "
        "they are left alone.",
        f"범위가 {change.before} 또는 {change.after} ACU여야 하나 현재 {now}입니다. 다른 변경이 있어 그대로 둡니다.",
    )


def _why(seen: Capacity, change: Change) -> Text:
    return Text(
        f"{seen.cluster} uses {seen.used:.0f} % of its capacity; its bounds go from {change.before} to {change.after} ACUs.",
        f"{seen.cluster} 용량 사용률 {seen.used:.0f} %. 범위를 {change.before} ACU에서 {change.after} ACU로 넓힙니다.",
    )


def _lines(raises_floor: bool) -> tuple[Text, ...]:
    found = [
        Text(
            "It adds CPU and memory without a restart; max_connections follows only when an instance is rebooted.",
            "재시작 없이 CPU와 메모리가 늘어납니다. max_connections는 재부팅해야 바뀝니다.",
        )
    ]
    if raises_floor:
        found.append(
            Text(
                "The raised minimum is paid for as long as it is lent, used or not.",
                "높인 최소 용량은 사용 여부와 관계없이 빌린 동안 비용이 듭니다.",
            )
        )
    return tuple(found)
