"""Both rooms in a storm: alarms, people, faults and deaths at random, and what must hold whatever the dice say."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from moto.backends import get_backend
from remediation_world import (
    ACCOUNT,
    API,
    API_RESOURCE,
    CHANGING,
    CONSUMER_RESOURCE,
    QUEUE_AGE,
    REGION,
    SCALE_API,
    START,
    Killed,
    World,
    api_alarm,
    policy,
    queue_alarm,
)

from alarms.domain.alarm import Mode, Revert
from alarms.domain.bounds import Limit
from alarms.domain.event import State
from infra.local.aws import Embedded, embedded
from infra.local.faults import Fault
from infra.local.seam import Call
from infra.local.slack import TOKEN, Shown, Workspace
from infra.local.slack import Fault as SlackFault
from notifier import bootstrap as notifier_bootstrap
from notifier.dynamodb import table_definition
from notifier.render import GREEN
from notifier.slack import SlackApi
from remediators.timers import TIMER_TYPE

CHANNEL = "C00000OPS"  # known by its id: a lost post can be looked for before it is posted again
OTHER = "tocsin/dev/billing/ecs/cpu-high/image-api"
BOUNDS: dict[str, Any] = {
    "limits": (Limit(50, 86400),),
    "cooldown_s": 120,
    "verify_within_s": 600,
    "revert": Revert(after_ok_s=600, at_latest_s=7200),
}
SMALLER = {"cluster": "image", "service": "image-api", "max_tasks": 12, "step": 100.0}
CONSUMERS = {"drain_within": 600, "cluster": "image", "consumer": "image-consumer", "max_tasks": 40}
ROWS = {
    API: api_alarm(replace(SCALE_API, **BOUNDS)),
    QUEUE_AGE: queue_alarm(policy("scale-consumers", CONSUMERS, **BOUNDS)),
    OTHER: api_alarm(policy("scale-service", SMALLER, **BOUNDS), name=OTHER, service="billing", row="billing/ecs/cpu-high"),
}
ROWS = {name: replace(row, channel=CHANNEL) for name, row in ROWS.items()}
CEILINGS = {API_RESOURCE: 20, CONSUMER_RESOURCE: 40}
BASE = {API_RESOURCE: 4, CONSUMER_RESOURCE: 3}
TROUBLES = (
    ("dynamodb", "*", ("timeout", "unreachable", "ProvisionedThroughputExceededException", "InternalServerError")),
    ("dynamodb", "TransactWriteItems", ("timeout", "TransactionCanceledException")),
    ("ssm", "GetParameter", ("timeout", "ThrottlingException", "AccessDeniedException")),
    ("cloudwatch", "DescribeAlarms", ("timeout", "Throttling", "AccessDenied")),
    ("ecs", "DescribeServices", ("timeout", "ServerException", "AccessDeniedException")),
    ("application-autoscaling", "*", ("timeout", "ConcurrentUpdateException", "InternalServiceException")),
    ("application-autoscaling", "RegisterScalableTarget", ("timeout", "AccessDeniedException", "FailedResourceAccessException")),
    ("scheduler", "CreateSchedule", ("timeout", "ThrottlingException", "ServiceQuotaExceededException")),
    ("sqs", "SendMessage", ("timeout", "RequestThrottled", "unreachable")),
)


class Storm(World):
    """The world with a notifier beside the remediators, and dice."""

    def __init__(self, aws: Embedded, seed: int) -> None:
        super().__init__(aws)
        self.dice = random.Random(seed)  # noqa: S311 - not for secrets
        self.told: list[dict[str, Any]] = []
        self.broken: list[str] = []
        self.touched: set[str] = set()
        self.rang: dict[str, list[tuple[Any, State]]] = {name: [] for name in ROWS}
        self._faults: list[Fault] = []
        self._held = {"paused": False, "mode": "auto"}
        self.workspace = Workspace(lambda: self.now, channels={"#ops": CHANNEL})
        self._notifier()
        aws.seam.observe(self._judge)
        for row in ROWS.values():
            self.apply(row)
        self.pump()
        self.calls.clear()

    def _notifier(self) -> None:
        sns, sqs, dynamodb = self.client("sns"), self.client("sqs"), self.client("dynamodb")
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:tocsin-dev-notifier"
        sns.subscribe(TopicArn=f"arn:aws:sns:{REGION}:{ACCOUNT}:tocsin-alarms", Protocol="sqs", Endpoint=arn)
        sqs.create_queue(QueueName="dead")
        redrive = {"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead", "maxReceiveCount": 5}
        sqs.set_queue_attributes(QueueUrl=self.commands_url, Attributes={"RedrivePolicy": json.dumps(redrive)})
        sqs.set_queue_attributes(QueueUrl=self.reports_url, Attributes={"VisibilityTimeout": "180"})
        dynamodb.create_table(**table_definition("tocsin-dev-threads"))
        environ = {**self.environ, "TOCSIN_THREADS_TABLE": "tocsin-dev-threads", "TOCSIN_DEFAULT_CHANNEL": CHANNEL}
        self.notifier = notifier_bootstrap.build(
            environ,
            slack=SlackApi(self.workspace, lambda _, fresh=False: TOKEN),  # noqa: ARG005 - the port's signature
            log=lambda entry: self.told.append(dict(entry)),
        )

    # --- what the dice do ---------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Do one thing at random, let some time pass, deliver what is there."""
        self.dice.choice(self.acts())()
        self.aws.clock.advance(self.dice.choice((1, 5, 20, 60, 200, 400)))
        self.deliver()

    def acts(self) -> list[Callable[[], object]]:
        alarm = [lambda: self.move(State.ALARM)] * 9 + [lambda: self.move(State.OK)] * 7
        trouble = [self.trouble] * 4 + [lambda: self.kill_after(self.dice.randrange(25))] * 3 + [self.slack_trouble] * 2
        people = [self.hold, self.resume, self.resume, self.resume, self.resume, self.set_floor, self.set_desired, self.suspend]
        return [*alarm, lambda: self.move(State.INSUFFICIENT_DATA), *trouble, *people, self.move_row, self.schedule, self.calm]

    def move(self, state: State) -> None:
        name = self.dice.choice(list(ROWS))
        self.set_state(name, state)

    def set_state(self, name: str, state: State) -> None:
        told = self.rang[name]
        if told and told[-1][1] is state:
            return
        reason = "Insufficient Data: 5 datapoints were unknown." if state is State.INSUFFICIENT_DATA else "Threshold Crossed: 1."
        self.state(name, state, reason)
        told.append((self.now, state))

    def trouble(self) -> None:
        service, operation, codes = self.dice.choice(TROUBLES)
        code = self.dice.choice(codes)
        after_effect = code == "timeout" and self.dice.random() < 0.5
        times = self.dice.randrange(1, 5)
        self._faults.append(
            self.aws.seam.fail(service, operation, code, times=times, after_effect=after_effect, when=lambda _: self._handling)
        )

    def slack_trouble(self) -> None:
        self.workspace.order(self.dice.choice(list(SlackFault)), self.dice.randrange(1, 4))

    def calm(self) -> None:
        for fault in self._faults:
            fault.lift()
        self.kill_after(None)

    def hold(self) -> None:
        self._set(
            self.dice.choice(
                ({"paused": True, "mode": "auto"}, {"paused": False, "mode": self.dice.choice(["observe", "propose"])})
            )
        )

    def resume(self) -> None:
        self._set({"paused": False, "mode": "auto"})

    def _set(self, held: dict[str, Any]) -> None:
        self._held = held
        self.switch(**held)

    def set_floor(self) -> None:
        resource = self.dice.choice(list(BASE))
        self.touched.add(resource)
        self.target(resource, self.dice.randrange(1, 9))

    def set_desired(self) -> None:
        service = self.dice.choice(("image-api", "image-consumer"))
        self.client("ecs").update_service(cluster="image", service=service, desiredCount=self.dice.randrange(4, 15))

    def suspend(self) -> None:
        suspended = {"DynamicScalingOutSuspended": self.dice.random() < 0.5}
        self.client("application-autoscaling").register_scalable_target(
            ServiceNamespace="ecs",
            ResourceId=API_RESOURCE,
            ScalableDimension="ecs:service:DesiredCount",
            SuspendedState=suspended,
        )

    def schedule(self) -> None:
        self.touched.add(API_RESOURCE)
        self.client("application-autoscaling").put_scheduled_action(
            ServiceNamespace="ecs",
            ResourceId=API_RESOURCE,
            ScalableDimension="ecs:service:DesiredCount",
            ScheduledActionName="evening",
            Schedule=f"at({self.now + timedelta(minutes=2):%Y-%m-%dT%H:%M:%S})",
            ScalableTargetAction={"MinCapacity": self.dice.randrange(2, 10)},
        )

    def move_row(self) -> None:
        row = self.dice.choice(list(ROWS.values()))
        key = {"alarm": {"S": row.key}, "version": {"S": "current"}}
        table = {"TableName": "tocsin-dev-catalogue"}
        self.client("dynamodb").delete_item(**table, Key=key)
        if self.dice.random() < 0.8:
            lowered = replace(row, policies=(replace(row.policies[0], mode=self.dice.choice(list(Mode))),))
            document = json.dumps(self.dice.choice((row, row, lowered)).to_document())
            self.client("dynamodb").put_item(**table, Item={**key, "document": {"S": document}})

    # --- what the queues do -------------------------------------------------------------------------------------------

    def deliver(self) -> None:
        """Deliver what is visible on both queues: in any order, some of it twice; what failed comes again."""
        for _ in range(20):
            if not self._round():
                return

    def _round(self) -> bool:
        found = [(self.commands_url, "tocsin-dev-remediators"), (self.reports_url, "tocsin-dev-notifier")]
        taken = [(url, message) for url, name in found if self._any(name) for message in self._received(url)]
        self.dice.shuffle(taken)
        for url, record in taken:
            handle = self.handle if url == self.commands_url else self.tell
            failed = handle([dict(record)])
            if self.dice.random() < 0.2:
                handle([dict(record)])
            if not failed:
                self.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=record["receiptHandle"])
        return bool(taken)

    def tell(self, records: list[dict[str, Any]]) -> set[str]:
        self._handling = True
        try:
            answer = self.notifier.handle({"Records": records}, None, self.now)
        except Killed:
            return {record["messageId"] for record in records}
        finally:
            self._handling = False
        return {item["itemIdentifier"] for item in answer["batchItemFailures"]}

    def _any(self, name: str) -> bool:
        held = get_backend("sqs")[ACCOUNT][REGION].queues[name]._messages
        now = self.now.timestamp() * 1000
        return any(max(message.visible_at, message.delayed_until) <= now for message in held)

    def _received(self, url: str) -> list[dict[str, Any]]:
        before, self.commands_url = self.commands_url, url
        try:
            return self.receive()
        finally:
            self.commands_url = before

    # --- what must hold -----------------------------------------------------------------------------------------------

    def _judge(self, call: Call) -> None:
        """Judge each change of the handlers at the moment it is made."""
        if not self._handling or call.operation not in CHANGING or call.internal or call.served == "fault":
            return
        resource, value = call.params.get("ResourceId", ""), call.params.get("MinCapacity", 0)
        if self._held["paused"]:
            self.broken.append(f"{call.operation} {resource} {value} while paused")
        if call.operation != "RegisterScalableTarget":
            self.broken.append(f"{call.operation} although there is a scalable target")
        if value > CEILINGS.get(resource, 0):
            self.broken.append(f"{resource} {value} above the ceiling")

    def runs(self) -> list[dict[str, Any]]:
        """Return all runs in the history."""
        items = self.client("dynamodb").scan(TableName="tocsin-dev-history")["Items"]
        return [json.loads(item["document"]["S"]) for item in items if item["sk"]["S"] == "run"]

    def undecided(self) -> list[str]:
        """Return the open episodes that wait for a decision."""
        items = self.client("dynamodb").scan(TableName="tocsin-dev-history")["Items"]
        waits = [item for item in items if item.get("episode_status", {}).get("S") == "claimed" and item["is_open"]["BOOL"]]
        return [item["sk"]["S"] for item in waits]

    def settle_down(self) -> None:
        """Lift every fault and hold, let all alarms recover, and give it more time than the latest moment needs."""
        self.calm()
        self.workspace._faults.clear()
        self.resume()
        for row in ROWS.values():
            key = {"alarm": {"S": row.key}, "version": {"S": "current"}}
            self.client("dynamodb").put_item(
                TableName="tocsin-dev-catalogue", Item={**key, "document": {"S": json.dumps(row.to_document())}}
            )
        for _ in range(24):
            self.aws.clock.advance(150)
            self.deliver()
        self.broken += [f"{name} was never decided" for name in self.undecided()]
        for name, told in self.rang.items():
            if told:
                self.set_state(name, State.OK)
        for _ in range(60):
            self.aws.clock.advance(300)
            self.deliver()

    def problems(self) -> Iterator[str]:
        yield from self.broken
        for run in self.runs():
            if run["lending"] in ("held", "returning") or run["status"] == "intent" or not run["concluded"]:
                yield f"run {run['id']} is left {run['status']}, {run['lending']}, concluded {run['concluded']}"
            ends = {entry["phase"] for entry in self.audit if entry.get("run") == run["id"]}
            if (
                run["borrowed"]
                and run["lending"] == "held"
                and not ends & {"reverted", "drifted", "kept", "superseded", "failed"}
            ):
                yield f"run {run['id']}: nobody heard what became of what it borrowed: {sorted(ends)}"
        for resource, base in BASE.items():
            gave_up = any(entry.get("phase") == "revert-failed" for entry in self.audit)
            if resource not in self.touched and not gave_up and self.floor(resource) != base:
                yield f"the floor of {resource} is {self.floor(resource)}"
        dead = get_backend("sqs")[ACCOUNT][REGION].queues["dead"]._messages
        yield from (f"a timer was given up: {message.body}" for message in dead if TIMER_TYPE in message.body)
        yield from self.intents()
        yield from self.slack_problems()

    def intents(self) -> Iterator[str]:
        seen: set[tuple[str, ...]] = set()
        for entry in self.audit:
            if entry["type"] == "decision" and entry["verdict"] == "skip" and not (entry["reason"] and entry["why"]["en"]):
                yield f"a no without a name: {entry}"
            if entry.get("phase") == "intent":
                key = (entry["row"], entry["action"], entry["resource"], entry["episode"], str(entry["step"]))
                if key in seen or entry["mode"] != "auto":
                    yield f"intent of {key} again, or in mode {entry['mode']}"
                seen.add(key)
        if TOKEN in json.dumps([self.audit, self.told], default=str):
            yield "the token is in a log"

    def slack_problems(self) -> Iterator[str]:
        shown = [one for one in self.workspace.messages(CHANNEL) if one.payload.get("metadata")]
        expected = sum(state is State.ALARM for told in self.rang.values() for _, state in told)
        if len(shown) != expected:
            yield f"{len(shown)} messages for {expected} incidents"
        colours = [colour(one) for one in shown]
        ended = sum(_recovers(told) for told in self.rang.values())
        if colours.count(GREEN) != ended:
            yield f"{colours.count(GREEN)} green messages, {ended} recoveries: {colours}"


def _recovers(told: list[tuple[Any, State]]) -> int:
    """Return how many stays in ALARM ended in an OK, at once or after INSUFFICIENT_DATA."""
    states, count, open_ = [state for _, state in told], 0, False
    for state in states:
        count += open_ and state is State.OK
        open_ = state is State.ALARM or (open_ and state is State.INSUFFICIENT_DATA)
    return count


def colour(one: Shown) -> str:
    attachments = one.payload.get("attachments") or [{}]
    return str(attachments[0].get("color", ""))


def storm(seed: int, steps: int) -> list[str]:
    """Return what was broken in the storm of ``seed``."""
    with embedded(START, region=REGION, account=ACCOUNT) as aws:
        told = Storm(aws, seed)
        for _ in range(steps):
            told.step()
        told.settle_down()
        return list(told.problems())


@pytest.mark.parametrize("seed", range(6))
def test_whatever_the_dice_say_nothing_is_forgotten_repeated_or_unsaid(seed: int) -> None:
    assert storm(seed, 40) == []
