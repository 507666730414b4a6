"""S11.3 through the whole engine: metrics raise the alarm, the handler decides, acts, verifies, gives back; minute by minute."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from remediation_world import TOPIC, World, policy, world
from surge_world import Front, alarm

from alarms.domain.alarm import Alarm
from alarms.domain.command import Command, CommandKind
from alarms.domain.decision import Reason
from alarms.domain.report import Phase
from infra.local.traffic_feed import Minute, Names, TrafficFeed
from infra.local.traffic_hits import Hit


class Story:
    """The remediators' world with a WAF in front of its API, and an alarm on the API's real latency."""

    def __init__(self, engine: World) -> None:
        self.engine, self.front = engine, Front(engine.aws)
        self.feed = TrafficFeed(engine.aws, Names(acl="image-front"))
        self.feed.past()
        self.quiet(3)

    def apply(self, **parameters: Any) -> Alarm:
        """Deploy the row."""
        given = {
            "log_group": "/aws/apigateway/image-api",
            "signed_in": True,
            "kpi": "Shop ImagesOrdered",
            "cluster": "image",
            "service": "image-api",
            "max_tasks": 20,
            "step": 100.0,
            **self.front.parameters,
            **parameters,
        }
        row = replace(alarm(policy("answer-traffic-surge", given, verify_within_s=600)), settle_s=0)
        self.engine.apply(row)
        self.engine.client("cloudwatch").put_metric_alarm(
            AlarmName=row.name,
            Namespace="AWS/ApiGateway",
            MetricName="Latency",
            Dimensions=[{"Name": "ApiName", "Value": "image-api"}, {"Name": "Stage", "Value": "prod"}],
            Statistic="Average",
            Period=60,
            EvaluationPeriods=3,
            Threshold=2500.0,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            TreatMissingData="notBreaching",
            AlarmActions=[TOPIC],
            OKActions=[TOPIC],
        )
        return row

    def minutes(self, count: int, hits: Callable[[], Iterable[Hit]]) -> Minute:
        """Let minutes of traffic pass while the handler takes what comes; returns the last."""
        for _ in range(count):
            minute = self.feed.play(hits())
            self.engine.pump()
        return minute

    def quiet(self, count: int) -> Minute:
        """Let usual minutes pass."""
        return self.minutes(count, lambda: self.feed.customers(1.0))

    def attacked(self, count: int) -> Minute:
        """Let minutes pass under a botnet."""
        return self.minutes(count, lambda: [*self.feed.customers(1.0), *self.feed.botnet(420)])

    def press(self, kind: CommandKind, by: str = "U0APPROVER") -> None:
        """Let a person press a button under the question that stands."""
        (asked,) = [report for report in self.engine.reports() if report.phase is Phase.ASKED]
        command = Command(kind, asked.run, by, self.engine.now, f"click-{kind.value}-{by}")
        self.engine.client("sqs").send_message(QueueUrl=self.engine.commands_url, MessageBody=json.dumps(command.to_document()))
        self.engine.pump()

    def approvers(self, *users: str) -> None:
        """Say who may start what disrupts."""
        value = json.dumps({"approvers": {"disruptive": list(users)}})
        self.engine.client("ssm").put_parameter(Name="/tocsin/dev/approvers", Value=value, Type="String", Overwrite=True)

    def doubtful(self, count: int) -> Minute:
        """Let minutes pass with newcomers of whom nobody can say what they are."""
        return self.minutes(count, lambda: [*self.feed.customers(1.0), *self.feed.newcomers(180)])

    def defences(self) -> list[str]:
        """Return the handler's calls that touched a defence."""
        return [
            call.operation
            for call in self.engine.calls
            if call.service in ("wafv2", "apigateway") and call.operation.startswith("Update") and not call.error_code
        ]


@pytest.fixture
def story() -> Iterator[Story]:
    with world() as engine:
        yield Story(engine)


def test_month_end_business_is_scaled_for_and_given_back_and_nobody_is_blocked(story: Story) -> None:
    front = copy.deepcopy(story.front.whole())
    story.apply(expected=["month-end 3 d"])
    story.minutes(6, lambda: story.feed.customers(3.5))
    assert story.engine.floor() == 8

    eased = story.minutes(12, lambda: story.feed.customers(3.5))
    assert eased.latency_ms < 2500
    assert eased.customers_served >= 0.9 * eased.customers
    assert story.engine.phases() == ["acted", "helped"]

    story.quiet(60)
    assert story.engine.phases() == ["acted", "helped", "reverted"]
    assert story.engine.floor() == 4
    assert story.defences() == []
    assert story.front.whole() == front


def test_a_botnet_meets_a_challenge_customers_do_not_and_it_is_lifted_after_recovery(story: Story) -> None:
    front = copy.deepcopy(story.front.whole())
    story.apply()
    story.attacked(6)
    assert story.front.actions()["tocsin-challenge"] == "Challenge"

    held = story.attacked(14)
    assert held.stopped == held.strangers
    assert held.customers_served >= 0.9 * held.customers
    assert story.engine.phases() == ["acted", "helped"]

    story.quiet(60)
    assert story.engine.phases() == ["acted", "helped", "reverted"]
    assert story.front.whole() == front
    assert story.defences() == ["UpdateWebACL", "UpdateWebACL"]
    assert story.engine.floor() == 4


def test_in_doubt_people_are_asked_with_every_signal_and_without_an_answer_nothing_is_done(story: Story) -> None:
    front = copy.deepcopy(story.front.whole())
    story.apply()
    story.approvers("U0APPROVER")
    story.doubtful(6)
    (asked,) = [report for report in story.engine.reports() if report.phase is Phase.ASKED]
    assert asked.approvers == ("U0APPROVER",)
    assert "Neither clearly business nor attack" in asked.why.en
    assert any(line.en.startswith("Score ") and "undecided" in line.en for line in asked.lines)
    assert any(line.en.startswith("Business figure follows the requests") for line in asked.lines)

    story.doubtful(35)
    assert "escalated" in story.engine.phases()
    assert (story.engine.floor(), story.defences(), story.front.whole()) == (4, [], front)


@pytest.mark.parametrize(("kind", "floor"), [(CommandKind.DENY, 4), (CommandKind.APPROVE, 8)])
def test_in_doubt_it_is_a_person_who_decides_and_only_about_scaling(story: Story, kind: CommandKind, floor: int) -> None:
    story.apply()
    story.approvers("U0APPROVER")
    story.doubtful(6)
    story.press(kind)
    assert story.engine.floor() == floor
    assert story.defences() == []


def test_a_challenge_that_meets_customers_is_lifted_by_the_watch_within_minutes(story: Story) -> None:
    """Their app cannot solve it. The alarm would never say so: the API is fast, for nobody is let in."""
    story.apply()
    story.attacked(6)
    assert story.front.actions()["tocsin-challenge"] == "Challenge"
    story.minutes(5, lambda: [*story.feed.customers(1.0, browser=False), *story.feed.botnet(420)])
    assert story.front.actions()["tocsin-challenge"] == "Count"
    assert Reason.HARMFUL in [report.reason for report in story.engine.reports()]


def test_a_challenge_is_lifted_at_its_latest_even_while_the_attack_goes_on(story: Story) -> None:
    """A defence has a deadline of its own; whoever wants it to stay makes it permanent by hand."""
    row = story.apply()
    latest = row.policies[0].revert
    assert latest is not None
    story.attacked(6)
    assert story.front.actions()["tocsin-challenge"] == "Challenge"
    story.engine.wait(latest.at_latest_s, step=600)
    assert story.front.actions()["tocsin-challenge"] == "Count"


@pytest.mark.parametrize("offset", [-2, -1, 0, 1])
def test_a_handler_that_dies_round_its_change_makes_it_once_and_gives_it_back(offset: int) -> None:
    """Right before, right after: the rule is turned exactly once, and turned back exactly once."""
    with world() as engine:
        whole = Story(engine)
        whole.apply()
        whole.attacked(7)
        at = next(number for number, call in enumerate(engine.calls) if call.operation == "UpdateWebACL")
    with world() as engine:
        story = Story(engine)
        front = copy.deepcopy(story.front.whole())
        story.apply()
        engine.kill_after(at + offset - len(engine.calls))
        story.attacked(16)
        assert engine.failed >= 1
        assert story.front.actions()["tocsin-challenge"] == "Challenge"
        assert story.defences() == ["UpdateWebACL"]
        story.quiet(60)
        assert story.front.whole() == front
        assert story.defences() == ["UpdateWebACL", "UpdateWebACL"]
