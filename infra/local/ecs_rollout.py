"""ECS's service deployments on time: their lifecycle stages, bake time, deployment alarms, pauses, and the way back.

[ECS developer guide: Amazon ECS blue/green deployments; Stopping Amazon ECS service deployments; botocore's ecs model]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from infra.local.clock import Clock
from infra.local.ecs_fleet import Fleet
from infra.local.ecs_model import OPEN, Deployment, Pause, Revision, Service

# What a revision keeps of its service, beside the task definition: a change of any of it is a new deployment.
REVISIONED = ("loadBalancers", "networkConfiguration", "platformVersion", "launchType")
_ROLLING = ("SCALE_UP", "BAKE_TIME")
_BLUE_GREEN = (
    "RECONCILE_SERVICE",
    "PRE_SCALE_UP",
    "SCALE_UP",
    "POST_SCALE_UP",
    "TEST_TRAFFIC_SHIFT",
    "POST_TEST_TRAFFIC_SHIFT",
    "PRE_PRODUCTION_TRAFFIC_SHIFT",
    "PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
    "BAKE_TIME",
)
_DAY_MINUTES = 1440


class Rollout:
    """Takes every service's newest deployment through its stages.

    ``workload_of`` tells a task definition's images with their digests, and whether it has health checks; ``state_of`` an
    alarm's state, None when there is no such alarm.
    """

    def __init__(
        self,
        clock: Clock,
        fleet: Fleet,
        workload_of: Callable[[str], tuple[tuple[Mapping[str, str], ...], bool]],
        state_of: Callable[[str], str | None],
    ) -> None:
        self._clock = clock
        self._fleet = fleet
        self._workload_of = workload_of
        self._state_of = state_of
        fleet.step = self._step

    def begin(self, service: Service, definition: str) -> Deployment:
        """Open a deployment of ``definition`` with the service's present settings. One under way is stopped: it is overtaken."""
        now, number = self._clock.now, self._fleet.next_id().replace("-", "")
        tail = "/".join(service.arn.split("/")[-2:])
        prefix = service.arn.rsplit(":", 1)[0]
        source = service.primary if service.deployments else None
        if source is not None and source.status != "SUCCESSFUL":
            source = next((item for item in reversed(service.deployments) if item.status == "SUCCESSFUL"), None)
        settings = {name: service.settings[name] for name in REVISIONED if name in service.settings}
        arn = f"{prefix}:service-revision/{tail}/{int(number[:8], 16):019d}"
        deployment = Deployment(
            id=f"ecs-svc/{int(number[:8], 16):019d}",
            arn=f"{prefix}:service-deployment/{tail}/{number[:21]}",
            revision=Revision(arn, definition, now, settings, *self._workload_of(definition)),
            created_at=now,
            updated_at=now,
            configuration=dict(service.configuration),
            source=source,
        )
        deployment.alternate = source.alternate != deployment.blue_green if source else False
        # An alarm that rings already tells nothing of this deployment: ECS leaves it out.
        deployment.ignored = frozenset(
            name for name in deployment.alarms.get("alarmNames", ()) if self._state_of(name) == "ALARM"
        )
        for other in service.deployments:
            if other.rollout == "IN_PROGRESS":
                other.stopped_at, other.status_reason = now, "The deployment was replaced by a newer one."
                self._end(other, "STOPPED")
        service.deployments.append(deployment)
        self._next(service, deployment)
        self._fleet.reconcile(service)
        return deployment

    def roll_back(self, service: Service, deployment: Deployment, reason: str) -> None:
        """Give the traffic back to the revision before: first asked for, then under way, then done."""
        deployment.status, deployment.updated_at, deployment.waits = "ROLLBACK_REQUESTED", self._clock.now, False
        revision = (deployment.source or deployment).revision.arn
        deployment.rollback = {"reason": reason, "startedAt": self._clock.now, "serviceRevisionArn": revision}
        self._fleet.later(self._fleet.delays.rollback_s / 2, lambda: self._rolling_back(service, deployment))

    def resume(self, service: Service, deployment: Deployment, pause: Pause, action: str) -> None:
        """Let a paused deployment go on, or back."""
        pause.status = "SUCCEEDED" if action == "CONTINUE" else "FAILED"
        if action == "ROLLBACK":
            self.roll_back(service, deployment, f"Service deployment rolled back at the lifecycle hook {pause.hook_id}.")
        else:
            self._stay(service, deployment)

    def hear_alarm(self, services: Iterable[Service], event: Mapping[str, Any]) -> None:
        """Take an alarm's change of state: one that a deployment watches and that did not ring at its start ends it."""
        name, state = event["detail"]["alarmName"], event["detail"]["state"]["value"]
        for service in services:
            deployment = service.open_deployment
            if state != "ALARM" or deployment is None or deployment.status not in OPEN or name in deployment.ignored:
                continue
            if name in deployment.alarms.get("alarmNames", ()):
                deployment.triggered.append(name)
                self._fails(service, deployment, f"Alarm(s) detected: {name}.")

    # --- forward ------------------------------------------------------------------------------------------------------

    def _step(self, service: Service) -> None:
        """Go on once all tasks of the open deployment run; or finish the way back once those before do."""
        newest = service.deployments[-1]
        if newest.status in OPEN and newest.stage == "SCALE_UP" and not newest.waits and service.all_run(newest):
            self._next(service, newest)
            self._fleet.reconcile(service)

    def _next(self, service: Service, deployment: Deployment) -> None:
        """Enter the next stage; the last one ends it."""
        stages = _BLUE_GREEN if deployment.blue_green else _ROLLING
        following = stages[stages.index(deployment.stage) + 1 :] if deployment.stage else stages
        for stage in following:
            if _has(stage, deployment):
                self._enter(deployment, stage)
                pause = self._pause(deployment)
                if pause is not None:
                    self._hold(service, deployment, pause)
                else:
                    self._stay(service, deployment)
                return
        self._clean_up(service, deployment)

    def _stay(self, service: Service, deployment: Deployment) -> None:
        """Do what the stage is for; then go on."""
        stage, delays = deployment.stage, self._fleet.delays
        deployment.waits = stage != "SCALE_UP"
        if stage == "SCALE_UP":
            self._step(service)
            return
        seconds = {"BAKE_TIME": float(deployment.configuration.get("bakeTimeInMinutes", 0)) * 60}.get(stage, 0.0)
        if stage == "TEST_TRAFFIC_SHIFT":
            deployment.test, seconds = 100.0, delays.traffic_shift_s
        if stage == "PRODUCTION_TRAFFIC_SHIFT":
            share, seconds = _shift(deployment)
            deployment.production, deployment.test = share, 0.0
            seconds = seconds if share < 100.0 else delays.traffic_shift_s
        if not seconds:
            self._next(service, deployment)
            return
        self._fleet.later(seconds, lambda: self._stayed(service, deployment, stage))

    def _stayed(self, service: Service, deployment: Deployment, stage: str) -> None:
        if deployment.status not in OPEN or deployment.stage != stage:
            return
        if stage == "PRODUCTION_TRAFFIC_SHIFT" and deployment.production < 100.0:
            self._stay(service, deployment)
            return
        self._next(service, deployment)
        self._fleet.reconcile(service)

    def _pause(self, deployment: Deployment) -> Pause | None:
        """Return the PAUSE hook of the stage just entered, None when there is none."""
        for hook in deployment.configuration.get("lifecycleHooks", ()):
            if hook.get("targetType", "AWS_LAMBDA") == "PAUSE" and deployment.stage in hook["lifecycleStages"]:
                timeout = hook.get("timeoutConfiguration", {})
                ends = self._clock.now + timedelta(minutes=timeout.get("timeoutInMinutes", _DAY_MINUTES))
                pause = Pause(self._fleet.next_id(), deployment.stage, ends, timeout.get("action", "ROLLBACK"))
                deployment.pauses.append(pause)
                return pause
        return None

    def _hold(self, service: Service, deployment: Deployment, pause: Pause) -> None:
        deployment.waits = True

        def timed_out() -> None:
            if pause.status == "AWAITING_ACTION" and deployment.status in OPEN:
                self.resume(service, deployment, pause, pause.timeout_action)
                pause.status = "TIMED_OUT"

        self._fleet.later((pause.expires_at - self._clock.now).total_seconds(), timed_out)

    def _clean_up(self, service: Service, deployment: Deployment) -> None:
        self._enter(deployment, "CLEAN_UP")
        deployment.production = 100.0
        if deployment.source is not None:
            self._fleet.fit(service, deployment.source, 0)
        self._end(deployment, "SUCCESSFUL")
        self._fleet.say(service, f"(deployment {deployment.id}) deployment completed.")

    # --- back ---------------------------------------------------------------------------------------------------------

    def _fails(self, service: Service, deployment: Deployment, reason: str) -> None:
        if deployment.alarms.get("rollback"):
            self.roll_back(service, deployment, f"Service deployment rolled back because of alarms. {reason}")
            return
        deployment.status_reason, deployment.stopped_at = reason, self._clock.now
        self._end(deployment, "STOPPED")

    def _rolling_back(self, service: Service, deployment: Deployment) -> None:
        if deployment.status != "ROLLBACK_REQUESTED":
            return
        if deployment.source is None or service.rollbacks_fail:
            deployment.status_reason = "The rollback failed."
            self._end(deployment, "ROLLBACK_FAILED")
            return
        deployment.status, deployment.production, deployment.test = "ROLLBACK_IN_PROGRESS", 0.0, 0.0
        self._fleet.reconcile(service)
        self._fleet.later(self._fleet.delays.rollback_s / 2, lambda: self._rolled_back(service, deployment))

    def _rolled_back(self, service: Service, deployment: Deployment) -> None:
        """End it once the revision before runs in full; look again until then."""
        if deployment.status != "ROLLBACK_IN_PROGRESS" or deployment.source is None:
            return
        if not service.all_run(deployment.source):
            self._fleet.later(self._fleet.delays.rollback_s, lambda: self._rolled_back(service, deployment))
            return
        self._enter(deployment, "CLEAN_UP")
        self._end(deployment, "ROLLBACK_SUCCESSFUL")
        self._fleet.reconcile(service)

    def _enter(self, deployment: Deployment, stage: str) -> None:
        deployment.stage, deployment.updated_at = stage, self._clock.now

    def _end(self, deployment: Deployment, status: str) -> None:
        deployment.status, deployment.updated_at, deployment.finished_at = status, self._clock.now, self._clock.now
        deployment.waits = False


def _has(stage: str, deployment: Deployment) -> bool:
    """Tell whether a deployment goes through ``stage``."""
    if stage == "RECONCILE_SERVICE":
        return False  # only with more than one active revision at the start, which is not modelled
    if stage in ("TEST_TRAFFIC_SHIFT", "POST_TEST_TRAFFIC_SHIFT"):
        balancers = deployment.revision.settings.get("loadBalancers", ())
        return any("testListenerRule" in item.get("advancedConfiguration", {}) for item in balancers)
    return stage != "BAKE_TIME" or (deployment.source is not None and bool(deployment.configuration.get("bakeTimeInMinutes")))


def _shift(deployment: Deployment) -> tuple[float, float]:
    """Return the next share of production traffic in percent, and how many seconds it stays there before the one after."""
    strategy, now = deployment.configuration.get("strategy"), deployment.production
    if strategy == "CANARY" and now == 0.0:
        canary = deployment.configuration.get("canaryConfiguration", {})
        return float(canary.get("canaryPercent", 5.0)), float(canary.get("canaryBakeTimeInMinutes", 10)) * 60
    if strategy == "LINEAR":
        linear = deployment.configuration.get("linearConfiguration", {})
        share = min(100.0, now + float(linear.get("stepPercent", 10.0)))
        return share, float(linear.get("stepBakeTimeInMinutes", 6)) * 60
    return 100.0, 0.0
