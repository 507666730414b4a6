"""S11.3, the answer itself: month-end is scaled for, a botnet is challenged, customers are served, in doubt people are asked."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from surge_world import MONTH_END, ORDINARY, Surge, changed, surge_world

from alarms.domain.decision import Proposal, Reason
from remediators.action import Overtaken, Refusal
from remediators.permissions.iam_actions import needed


@pytest.fixture
def month_end() -> Iterator[Surge]:
    with surge_world(MONTH_END) as world:
        quiet(world)
        yield world


@pytest.fixture
def ordinary() -> Iterator[Surge]:
    with surge_world(ORDINARY) as world:
        quiet(world)
        yield world


def quiet(world: Surge, minutes: int = 5) -> None:
    for _ in range(minutes):
        world.feed.play(world.feed.customers(1.0))


def attacked(world: Surge, minutes: int = 8, **botnet: Any) -> None:
    for _ in range(minutes):
        world.feed.play([*world.feed.customers(1.0), *world.feed.botnet(420, **botnet)])


def attack(world: Surge) -> Proposal:
    """Let a botnet come, and expect a defence to be proposed."""
    attacked(world)
    answer = world.decide()
    assert isinstance(answer, Proposal), answer
    return answer


def test_a_month_end_crowd_is_scaled_for_and_nobody_is_blocked(month_end: Surge) -> None:
    before = copy.deepcopy(month_end.front.whole())
    for _ in range(8):
        slow = month_end.feed.play(month_end.feed.customers(3.5))
    assert slow.latency_ms > 2500

    month_end.calls.clear()
    answer = month_end.decide()
    assert isinstance(answer, Proposal)
    assert not answer.approval
    change = changed(answer)
    assert (change.resource, change.knob, change.before, change.after) == ("ecs:service/image/image-api", "MinCapacity", 4, 8)
    assert "Taken for business" in answer.why.en
    assert any("Calendar: month-end 3 d → business" in line.en for line in answer.lines)
    assert len(month_end.calls) <= 12

    acted_at = month_end.act(answer)
    for _ in range(4):
        eased = month_end.feed.play(month_end.feed.customers(3.5))
    assert month_end.moved(answer) is True
    assert eased.latency_ms < slow.latency_ms
    assert month_end.harm(answer, acted_at) == ""
    assert month_end.front.whole() == before
    assert month_end.changing() == ["RegisterScalableTarget"]

    assert isinstance(month_end.restore(answer, acted_at), Proposal)
    assert isinstance(month_end.restore(answer, acted_at), Refusal)


def test_a_botnet_is_challenged_on_its_path_and_customers_are_served(ordinary: Surge) -> None:
    before = copy.deepcopy(ordinary.front.whole())
    answer = attack(ordinary)
    change = changed(answer)
    assert (change.resource, change.knob, change.before, change.after) == (
        "wafv2:REGIONAL/image-front/rule/tocsin-challenge",
        "action",
        "count",
        "challenge",
    )
    assert "Taken for an attack" in answer.why.en
    assert any(line.en.startswith("Denied") and "→ attack" in line.en for line in answer.lines)

    acted_at = ordinary.act(answer)
    assert ordinary.moved(answer) is True
    for _ in range(6):
        minute = ordinary.feed.play([*ordinary.feed.customers(1.0), *ordinary.feed.botnet(420)])
    assert minute.stopped == minute.strangers > 250  # those on the challenged path; all of the botnet's are
    assert minute.customers_served >= 0.9 * minute.customers
    assert minute.latency_ms < 2500
    assert ordinary.harm(answer, acted_at) == ""

    quiet(ordinary, 5)
    assert isinstance(ordinary.restore(answer, acted_at), Proposal)
    assert ordinary.front.whole() == before  # every member of the ACL, not only the rule
    assert ordinary.changing() == ["UpdateWebACL", "UpdateWebACL"]


def test_in_doubt_people_are_asked_and_nothing_is_done(ordinary: Surge) -> None:
    for _ in range(8):
        ordinary.feed.play([*ordinary.feed.customers(1.0), *ordinary.feed.newcomers(180)])

    answer = ordinary.decide()

    assert isinstance(answer, Proposal)
    assert answer.approval
    assert changed(answer).knob == "MinCapacity"  # the harmless one; a defence is never proposed in doubt
    assert "Neither clearly business nor attack" in answer.why.en
    without = ordinary.decide(cluster=None, service=None, max_tasks=None)
    assert isinstance(without, Refusal)
    assert without.reason is Reason.UNDECIDED
    assert ordinary.changing() == []


def test_a_challenge_that_meets_customers_is_lifted(ordinary: Surge) -> None:
    """The app is no browser: the watch sees good requests fall, whatever the alarm says."""
    answer = attack(ordinary)
    acted_at = ordinary.act(answer)
    for _ in range(4):
        ordinary.feed.play([*ordinary.feed.customers(1.0, browser=False), *ordinary.feed.botnet(420)])
    assert "the defence meets customers" in ordinary.harm(answer, acted_at)


def one_heavy(world: Surge, minutes: int = 8) -> None:
    """Let a spread botnet come, and one machine that is above the rule's rate."""
    for _ in range(minutes):
        world.feed.play([*world.feed.customers(1.0), *world.feed.botnet(420), *world.feed.botnet(110, bots=1)])


def test_the_next_rung_is_a_rated_block_then_addresses_then_nothing(ordinary: Surge) -> None:
    one_heavy(ordinary)
    taken = []
    for _ in range(3):
        answer = ordinary.decide()
        taken.append((changed(answer).resource.rsplit("/", 1)[-1], changed(answer).knob))
        ordinary.act(answer)  # type: ignore[arg-type]  # a proposal: it has a change
    assert taken == [("tocsin-challenge", "action"), ("tocsin-rate", "action"), ("tocsin-blocked", "addresses")]
    assert len(ordinary.front.blocked()) == 1
    exhausted = ordinary.decide()
    assert isinstance(exhausted, Refusal)
    assert exhausted.reason is Reason.AT_CEILING
    assert ordinary.front.actions() == {
        "geo": "Block",
        "tocsin-blocked": "Block",
        "tocsin-challenge": "Challenge",
        "tocsin-rate": "Block",
    }


def test_a_rate_that_nobody_exceeds_is_passed_over(ordinary: Surge) -> None:
    """A spread botnet: no address is above the rate, and none stands out."""
    attacked(ordinary)
    answer = ordinary.decide(ladder=["rate", "addresses"])
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.AT_CEILING


def test_a_few_heavy_addresses_are_blocked_up_to_the_share_and_come_out_again(ordinary: Surge) -> None:
    """The heaviest first, together no more than max_blocked of all requests."""
    for _ in range(8):
        ordinary.feed.play([*ordinary.feed.customers(1.0), *ordinary.feed.botnet(240), *ordinary.feed.botnet(240, bots=8)])
    answer = ordinary.decide(ladder=["addresses"])
    change = changed(answer)
    assert (change.resource, change.knob, change.before) == ("wafv2:REGIONAL/ipset/tocsin-blocked", "addresses", "no addresses")
    chosen = change.via.split()[-1].split(",")
    assert 1 <= len(chosen) <= 4
    assert isinstance(answer, Proposal)
    assert all(address.removesuffix("/32") in answer.lines[0].en for address in chosen)
    seen = dict(ordinary.kept["talkers"])  # type: ignore[index]  # an attack leaves evidence
    total = sum(count for *_, count in ordinary.kept["paths"])  # type: ignore[index]  # as above
    assert sum(seen[address.removesuffix("/32")] for address in chosen) <= 0.2 * total

    acted_at = ordinary.act(answer)
    assert sorted(ordinary.front.blocked()) == chosen
    quiet(ordinary, 3)
    assert isinstance(ordinary.restore(answer, acted_at, ladder=["addresses"]), Proposal)
    assert ordinary.front.blocked() == []


def test_a_block_that_takes_more_than_its_share_is_lifted(ordinary: Surge) -> None:
    one_heavy(ordinary)
    answer = ordinary.decide(ladder=["rate"])
    acted_at = ordinary.act(answer) if isinstance(answer, Proposal) else pytest.fail(str(answer))
    attacked(ordinary, 4, bots=3)
    assert "of all requests are stopped, 20% are allowed" in ordinary.harm(answer, acted_at, ladder=["rate"])
    assert ordinary.harm(answer, acted_at, ladder=["rate"], max_blocked=95.0) == ""


def test_what_people_changed_meanwhile_is_neither_overwritten_nor_given_back(ordinary: Surge) -> None:
    answer = attack(ordinary)
    _set(ordinary, "tocsin-challenge", "Block")
    with pytest.raises(Overtaken, match="somebody else"):
        ordinary.act(answer)
    drifted = ordinary.restore(answer, ordinary.aws.clock.now)
    assert isinstance(drifted, Refusal)
    assert drifted.reason is Reason.DRIFTED
    again = ordinary.decide()
    assert isinstance(again, Refusal)
    assert again.reason is Reason.UNSAFE
    assert ordinary.front.actions()["tocsin-challenge"] == "Block"


def test_somebody_who_saves_at_the_same_moment_keeps_what_he_saved(ordinary: Surge) -> None:
    """The token is spent: everything is read again, and only our rule is changed in what he left."""
    answer = attack(ordinary)
    ordinary.aws.seam.fail("wafv2", "UpdateWebACL", "WAFOptimisticLockException", times=2)
    described = {"DefaultAction": {"Block": {}}}
    _put(ordinary, described)
    ordinary.act(answer)
    assert ordinary.front.whole()["DefaultAction"] == {"Block": {}}
    assert ordinary.front.actions()["tocsin-challenge"] == "Challenge"


def test_a_throttle_is_the_last_rung_and_only_by_a_person(ordinary: Surge) -> None:
    """It is given back as it was; and refused where it would take the usual traffic too."""
    ordinary.aws.stages.preload_rest("a1b2", "prod", rate=1000.0, burst=500)
    stage = {"api_id": "a1b2", "api_stage": "prod", "api_kind": "rest", "throttle_rate": 5.0, "throttle_burst": 10}
    attacked(ordinary)
    answer = ordinary.decide(**stage, ladder=["throttle"])
    change = changed(answer)
    assert (change.resource, change.before, change.after) == ("apigateway:a1b2/prod", "1000/s, burst 500", "5/s, burst 10")
    assert isinstance(answer, Proposal)
    assert answer.approval
    acted_at = ordinary.act(answer)
    client = ordinary.aws.client("apigateway")
    assert client.get_stage(restApiId="a1b2", stageName="prod")["methodSettings"]["*/*"]["throttlingRateLimit"] == 5.0
    ordinary.restore(answer, acted_at, **stage, ladder=["throttle"])
    assert client.get_stage(restApiId="a1b2", stageName="prod")["methodSettings"]["*/*"]["throttlingRateLimit"] == 1000.0

    low = ordinary.decide(**{**stage, "throttle_rate": 0.5}, ladder=["throttle"])
    assert isinstance(low, Refusal)
    assert low.reason is Reason.UNSAFE


@pytest.mark.parametrize("broken", ["logs", "cloudwatch"])
def test_a_source_that_is_silent_never_makes_an_attack(ordinary: Surge, broken: str) -> None:
    attacked(ordinary)
    assert isinstance(ordinary.decide(), Proposal)
    ordinary.aws.seam.fail(broken, "*", "ServiceUnavailableException", times=None)
    answer = ordinary.decide()
    assert isinstance(answer, Refusal) or answer.approval
    assert not any("wafv2" in change.resource for change in getattr(answer, "changes", ()))


def test_slow_logs_are_waited_for_within_the_time_that_is_left(ordinary: Surge) -> None:
    """The story's own clock stands still; the number of looks is bounded all the same."""
    attacked(ordinary)
    ordinary.aws.logs.delay_s = 3600
    situation = ordinary.situation()
    observed = ordinary.action.observe(ordinary.clients, replace(situation, left_s=lambda: 0.4))
    assert observed.traffic is not None
    assert observed.traffic.logged.trouble == "Running"
    assert sum(call.operation == "StopQuery" for call in ordinary.calls) == 3


def test_shield_and_labels_speak_where_they_are(ordinary: Surge) -> None:
    attacked(ordinary, labelled=0.9)
    ordinary.aws.shield.subscribed = True
    ordinary.aws.shield.preload(ordinary.front.acl["ARN"], ordinary.aws.clock.now)
    answer = ordinary.decide(shield=True)
    assert isinstance(answer, Proposal)
    shown = [line.en for line in answer.lines]
    assert any(line.startswith("Shield Advanced: attack → attack +0.25") for line in shown)
    assert any(line.startswith("WAF's labels") and "→ attack" in line for line in shown)


def test_without_a_surge_there_is_nothing_to_answer(ordinary: Surge) -> None:
    quiet(ordinary, 6)
    answer = ordinary.decide()
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.NOTHING_TO_DO


def _put(world: Surge, members: dict[str, Any]) -> None:
    waf = world.aws.client("wafv2")
    named = {"Name": "image-front", "Scope": "REGIONAL", "Id": world.front.acl["Id"]}
    answer = waf.get_web_acl(**named)
    names = ("DefaultAction", "Description", "Rules", "VisibilityConfig", "ChallengeConfig", "CustomResponseBodies")
    whole = {name: answer["WebACL"][name] for name in names}
    with world.aws.seam.internal():
        waf.update_web_acl(**named, **{**whole, **members}, LockToken=answer["LockToken"])


def _set(world: Surge, rule: str, action: str) -> None:
    rules = [{**item, "Action": {action: {}}} if item["Name"] == rule else item for item in world.front.whole()["Rules"]]
    _put(world, {"Rules": rules})


def test_every_call_is_one_that_the_action_declares(ordinary: Surge) -> None:
    """Business, every rung, watch and way back."""
    ordinary.aws.shield.subscribed = True
    ordinary.aws.shield.preload(ordinary.front.acl["ARN"], ordinary.aws.clock.now)
    ordinary.aws.stages.preload_http("a1b2", "prod", rate=1000.0, burst=500)
    row = {"shield": True, "api_id": "a1b2", "api_stage": "prod", "api_kind": "http", "throttle_rate": 5.0, "throttle_burst": 10}
    one_heavy(ordinary)
    ordinary.aws.logs.delay_s = 1e9
    short = ordinary.situation(**row)
    ordinary.action.observe(ordinary.clients, replace(short, left_s=lambda: 0.1))  # queries that have to be stopped
    ordinary.aws.logs.delay_s = 0
    for rung in ("challenge", "rate", "addresses", "throttle"):
        answer = ordinary.decide(**row, ladder=[rung])
        assert isinstance(answer, Proposal), answer
        acted_at = ordinary.act(answer)
        ordinary.harm(answer, acted_at, **row)
        assert isinstance(ordinary.restore(answer, acted_at, **row), Proposal)
    declared = {permission.action for permission in ordinary.action.spec.permissions}
    mine = [call for call in ordinary.calls if not call.operation.startswith(("Put", "CreateLog"))]
    used = set().union(*(needed(call.service, call.operation, call.params) for call in mine))
    assert used <= declared
    assert {"wafv2:UpdateWebACL", "wafv2:UpdateIPSet", "apigateway:PATCH", "shield:DescribeAttack", "logs:StopQuery"} <= used


def test_the_story_is_the_same_every_time() -> None:
    def played(start: datetime) -> list[str]:
        with surge_world(start) as world:
            quiet(world)
            return [line.en for line in attack(world).lines]

    assert played(ORDINARY) == played(ORDINARY)
