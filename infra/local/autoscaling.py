"""Application Auto Scaling for ECS services: bounds, target tracking, scheduled actions, activities, on virtual time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from infra.local.arns import Place
from infra.local.aws_error import AwsError
from infra.local.clock import ALARMS, Clock
from infra.local.ecs import Ecs
from infra.local.ecs_model import Service
from infra.local.metric_store import MetricStore, key_of
from infra.local.paging import page
from infra.local.scaling_activities import Activities
from infra.local.scaling_model import Target, Tracking
from infra.local.scaling_policies import metric_of, track
from infra.local.scheduled_actions import ScheduledActions
from infra.local.seam import Operation, Request, Seam

Params = Mapping[str, Any]
Answer = dict[str, Any]

DIMENSION = "ecs:service:DesiredCount"
_SUSPENSIONS = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")


class AutoScaling:
    """The scalable targets of one account. It moves ``ecs`` as AWS does: through the desired count."""

    def __init__(self, clock: Clock, seam: Seam, place: Place, ecs: Ecs, metrics: MetricStore) -> None:
        self._clock = clock
        self._seam = seam
        self._place = place
        self._ecs = ecs
        self._metrics = metrics
        self._targets: dict[str, Target] = {}
        self.activities = Activities(seam.next_id)
        self._scheduled = ScheduledActions(clock, seam.lock, place, self.target, self._apply_schedule)
        ecs.on_change(self._hear)
        clock.every(60, self._minute, order=ALARMS, label="target tracking")

    @property
    def operations(self) -> dict[str, Operation]:
        """What is answered here."""
        return {
            "RegisterScalableTarget": self.register_scalable_target,
            "DeregisterScalableTarget": self.deregister_scalable_target,
            "DescribeScalableTargets": self.describe_scalable_targets,
            "PutScalingPolicy": self.put_scaling_policy,
            "DescribeScalingPolicies": self.describe_scaling_policies,
            "DeleteScalingPolicy": self.delete_scaling_policy,
            "DescribeScalingActivities": self.describe_scaling_activities,
            **self._scheduled.operations,
        }

    def target(self, resource: str) -> Target:
        """Return a scalable target; AwsError when it is not registered."""
        target = self._targets.get(resource)
        if target is None:
            where = f"service namespace: ecs, resource ID: {resource}, scalable dimension: {DIMENSION}"
            raise AwsError("ObjectNotFoundException", f"No scalable target registered for {where}")
        return target

    def register_scalable_target(self, params: Params, request: Request) -> Answer:
        """Register a service, or change what is given of a registered one; the desired count is moved inside the bounds."""
        resource = _resource(params)
        known = self._targets.get(resource)
        minimum = params.get("MinCapacity", known.minimum if known else None)
        maximum = params.get("MaxCapacity", known.maximum if known else None)
        if minimum is None or maximum is None:
            raise AwsError("ValidationException", "MinCapacity and MaxCapacity are required for a new scalable target")
        _check_bounds(minimum, maximum)
        target = known or self._new(resource, params, request.at)
        if self._service(target) is None:
            raise AwsError("ValidationException", f"ECS service doesn't exist: {resource}")
        target.minimum, target.maximum = minimum, maximum
        target.suspended |= {name: bool(value) for name, value in (params.get("SuspendedState") or {}).items()}
        self._targets[resource] = target
        self._clamp(target, "the capacity was outside of the range that was registered", request.at)
        return {"ScalableTargetARN": target.arn}

    def deregister_scalable_target(self, params: Params, _: Request) -> Answer:
        """Forget a target, with its policies and scheduled actions."""
        target = self.target(_resource(params))
        for planned in target.planned.values():
            if planned.due is not None:
                planned.due.cancel()
        target.planned.clear()
        del self._targets[target.resource]
        return {}

    def describe_scalable_targets(self, params: Params, _: Request) -> Answer:
        """List targets by resource id."""
        wanted = params.get("ResourceIds")
        found = [_describe_target(target) for name, target in sorted(self._targets.items()) if not wanted or name in wanted]
        return _paged("ScalableTargets", found, params)

    def put_scaling_policy(self, params: Params, request: Request) -> Answer:
        """Create or replace a target-tracking policy. Other kinds are not there."""
        target = self.target(_resource(params))
        configuration = params.get("TargetTrackingScalingPolicyConfiguration")
        if params.get("PolicyType", "TargetTrackingScaling") != "TargetTrackingScaling" or configuration is None:
            raise NotImplementedError("the embedded Application Auto Scaling has target tracking only")
        name = params["PolicyName"]
        known = target.policies.get(name)
        arn = (
            known.arn
            if known
            else self._place.arn(
                "autoscaling", f"scalingPolicy:{self._seam.next_id()}:resource/ecs/{target.resource}:policyName/{name}"
            )
        )
        alarms = known.alarms if known else [self._alarm(target, kind) for kind in ("AlarmHigh", "AlarmLow")]
        policy = Tracking(name, arn, dict(configuration), known.created_at if known else request.at, alarms)
        metric_of(policy, *target.service)
        target.policies[name] = policy
        return {"PolicyARN": arn, "Alarms": [dict(alarm) for alarm in alarms]}

    def describe_scaling_policies(self, params: Params, _: Request) -> Answer:
        """List policies of one resource or of all."""
        names = params.get("PolicyNames")
        found = [
            _describe_policy(target, policy)
            for resource, target in sorted(self._targets.items())
            if params.get("ResourceId", resource) == resource
            for name, policy in sorted(target.policies.items())
            if not names or name in names or policy.arn in names
        ]
        return _paged("ScalingPolicies", found, params)

    def delete_scaling_policy(self, params: Params, _: Request) -> Answer:
        """Delete a policy."""
        target = self.target(_resource(params))
        if target.policies.pop(params["PolicyName"], None) is None:
            raise AwsError("ObjectNotFoundException", f"No scaling policy found for name {params['PolicyName']}")
        return {}

    def describe_scaling_activities(self, params: Params, _: Request) -> Answer:
        """List activities, newest first; those that scaled nothing only when asked for."""
        found = [
            dict(item)
            for item in reversed(self.activities.all)
            if params.get("ResourceId", item["ResourceId"]) == item["ResourceId"]
            and (params.get("IncludeNotScaledActivities", False) or "NotScaledReasons" not in item)
        ]
        return _paged("ScalingActivities", found, params)

    def _new(self, resource: str, params: Params, now: datetime) -> Target:
        number = self._seam.next_id().replace("-", "")[:20]
        role = params.get("RoleARN") or (
            f"arn:aws:iam::{self._place.account}:role/aws-service-role/ecs.application-autoscaling.amazonaws.com"
            "/AWSServiceRoleForApplicationAutoScaling_ECSService"
        )
        arn = self._place.arn("application-autoscaling", f"scalable-target/{number}")
        return Target(resource, DIMENSION, arn, role, 0, 0, now, dict.fromkeys(_SUSPENSIONS, False))

    def _alarm(self, target: Target, kind: str) -> dict[str, str]:
        name = f"TargetTracking-{target.resource}-{kind}-{self._seam.next_id()}"
        return {"AlarmName": name, "AlarmARN": self._place.alarm(name)}

    def _service(self, target: Target) -> Service | None:
        cluster, name = target.service
        found = self._ecs.registry.clusters.get(cluster)
        return found.services.get(name) if found else None

    def _clamp(self, target: Target, cause: str, now: datetime) -> None:
        """Move the desired count into the bounds at once."""
        service = self._service(target)
        if service is None:
            return
        inside = min(max(service.desired, target.minimum), target.maximum)
        if inside != service.desired:
            self._scale(target, service, inside, cause, now)

    def _scale(self, target: Target, service: Service, count: int, cause: str, now: datetime) -> None:
        self.activities.scaled(target, count, cause, now)
        self._ecs.set_desired(service, count)

    def _apply_schedule(self, target: Target, action: Mapping[str, Any], name: str, now: datetime) -> None:
        """Let a due scheduled action set bounds; a bound that is left out stays."""
        if target.suspends("ScheduledScaling"):
            return
        minimum, maximum = action.get("MinCapacity", target.minimum), action.get("MaxCapacity", target.maximum)
        if minimum > maximum:
            return  # AWS fails the activity; the bounds stay
        target.minimum, target.maximum = minimum, maximum
        cause = f"scheduled action name {name} was triggered"
        self.activities.bounds(target, cause, now)
        self._clamp(target, cause, now)

    def _hear(self, service: Service) -> None:
        """Close activities when ECS runs what was asked for."""
        for target in self._targets.values():
            if self._service(target) is service and service.running == service.desired:
                self.activities.fulfilled(target, self._clock.now)

    def _minute(self) -> None:
        with self._seam.lock:
            for _, target in sorted(self._targets.items()):
                service = self._service(target)
                if service is not None and target.policies:
                    self._track(target, service)

    def _track(self, target: Target, service: Service) -> None:
        """Ask every policy; the largest wish wins, and all must agree to scale in."""
        now, wishes = self._clock.now, {}
        for name, policy in sorted(target.policies.items()):
            wishes[name] = track(policy, self._value(policy, target, now), service.desired, now)
        out = {name: wish for name, wish in wishes.items() if wish is not None and wish > service.desired}
        if out:
            name = max(out, key=lambda key: (out[key], key))
            self._scale_out(target, service, target.policies[name], out[name], now)
        elif wishes and all(wish is not None and wish < service.desired for wish in wishes.values()):
            name = max(wishes, key=lambda key: (wishes[key] or 0, key))
            self._scale_in(target, service, target.policies[name], wishes[name] or 0, now)

    def _scale_out(self, target: Target, service: Service, policy: Tracking, wanted: int, now: datetime) -> None:
        if target.suspends("DynamicScalingOut"):
            return
        cause = _cause(policy, 0)
        count = min(wanted, target.maximum)
        if count <= service.desired:
            self.activities.not_scaled(target, cause, "AlreadyAtMaxCapacity", service.desired, now)
            return
        policy.out_at, policy.out_to = now, count
        self._scale(target, service, count, cause, now)

    def _scale_in(self, target: Target, service: Service, policy: Tracking, wanted: int, now: datetime) -> None:
        # Scale-in is off while a deployment runs; scale-out is not.
        if target.suspends("DynamicScalingIn") or service.open_deployment is not None:
            return
        cause = _cause(policy, 1)
        count = max(wanted, target.minimum)
        if count >= service.desired:
            self.activities.not_scaled(target, cause, "AlreadyAtMinCapacity", service.desired, now)
            return
        policy.in_at = now
        self._scale(target, service, count, cause, now)

    def _value(self, policy: Tracking, target: Target, now: datetime) -> float | None:
        metric = metric_of(policy, *target.service)
        key = key_of(metric["Namespace"], metric["MetricName"], metric["Dimensions"])
        start = int(now.timestamp()) - 60
        return self._metrics.points(key, metric["Statistic"], [start], 60, now.timestamp())[0]


def _resource(params: Params) -> str:
    if params["ServiceNamespace"] != "ecs" or params["ScalableDimension"] != DIMENSION:
        raise NotImplementedError("the embedded Application Auto Scaling knows ECS services only")
    parts = params["ResourceId"].split("/")
    if len(parts) != 3 or parts[0] != "service" or not all(parts):
        raise AwsError("ValidationException", f"Unsupported service namespace, resource type or scalable dimension: {parts}")
    return str(params["ResourceId"])


def _check_bounds(minimum: int, maximum: int) -> None:
    if minimum < 0 or maximum < 0:
        raise AwsError("ValidationException", "Minimum and maximum capacity must not be negative")
    if minimum > maximum:
        raise AwsError("ValidationException", "Maximum capacity cannot be less than minimum capacity")


def _cause(policy: Tracking, which: int) -> str:
    return f"monitor alarm {policy.alarms[which]['AlarmName']} in state ALARM triggered policy {policy.name}"


def _paged(name: str, found: list[dict[str, Any]], params: Params) -> Answer:
    shown, token = page(found, params.get("MaxResults", 50), params.get("NextToken"), error="InvalidNextTokenException")
    return {name: shown, **({"NextToken": token} if token else {})}


def _describe_target(target: Target) -> dict[str, Any]:
    return {
        "ServiceNamespace": "ecs",
        "ResourceId": target.resource,
        "ScalableDimension": target.dimension,
        "MinCapacity": target.minimum,
        "MaxCapacity": target.maximum,
        "RoleARN": target.role,
        "CreationTime": target.created_at,
        "SuspendedState": dict(target.suspended),
        "ScalableTargetARN": target.arn,
    }


def _describe_policy(target: Target, policy: Tracking) -> dict[str, Any]:
    return {
        "PolicyARN": policy.arn,
        "PolicyName": policy.name,
        "ServiceNamespace": "ecs",
        "ResourceId": target.resource,
        "ScalableDimension": target.dimension,
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": dict(policy.configuration),
        "Alarms": [dict(alarm) for alarm in policy.alarms],
        "CreationTime": policy.created_at,
    }
