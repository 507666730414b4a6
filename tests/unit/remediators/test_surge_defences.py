"""Defences touch one value and nothing beside it, come out as they went in, and never meet those who are allowed."""

from __future__ import annotations

import copy
import ipaddress
from collections.abc import Mapping
from typing import Any

import botocore.session
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.domain.decision import Change, Reason
from alarms.domain.errors import Permanent
from remediators.action import Overtaken, Refusal
from remediators.surge import stage_throttle, surge_ladder, surge_parameters, web_acl
from remediators.surge.surge_ladder import HEAVY, MOST_ADDRESSES, Defences, chosen
from remediators.surge.traffic import Logged, Traffic
from remediators.surge.usual_traffic import Rates
from remediators.surge.web_acl import Acl, Named, Rule

OURS = "tocsin-challenge"
ID = "0a1b2c3d-1111-4222-8333-444455556666"
ACL = Named("regional", "front", ID)
TURN = Change(web_acl.rule_resource(ACL, OURS), web_acl.ACTION, "count", "challenge", web_acl.via(ACL))


class Waf:
    """A WAF that holds one ACL and one set, and replaces them as AWS does."""

    def __init__(self, acl: Mapping[str, Any], addresses: list[str] | None = None) -> None:
        self.acl = copy.deepcopy(dict(acl))
        self.addresses = list(addresses or [])
        self.token, self.updates, self.rivals = 1, 0, 0

    def __call__(self, _: str) -> Waf:
        return self

    def get_web_acl(self, **_: Any) -> dict[str, Any]:
        return {"WebACL": copy.deepcopy(self.acl), "LockToken": str(self.token)}

    def update_web_acl(self, *, Name: str, Scope: str, Id: str, LockToken: str, **members: Any) -> dict[str, Any]:  # noqa: N803 - AWS's
        self._check(LockToken)
        kept = {name: value for name, value in self.acl.items() if name in web_acl.SHOWN_ONLY}
        self.acl = {**kept, **copy.deepcopy(members)}
        return self._done()

    def get_ip_set(self, **_: Any) -> dict[str, Any]:
        return {"IPSet": {"Addresses": list(self.addresses)}, "LockToken": str(self.token)}

    def update_ip_set(self, *, Addresses: list[str], LockToken: str, **_: Any) -> dict[str, Any]:  # noqa: N803 - AWS's
        self._check(LockToken)
        self.addresses = list(Addresses)
        return self._done()

    def _check(self, token: str) -> None:
        if self.rivals:
            self.rivals -= 1
            self.token += 1
            self.acl["Description"] = f"edited by a rival, {self.rivals} to come"
        if token != str(self.token):
            raise Permanent("stale", "WAFOptimisticLockException")

    def _done(self) -> dict[str, Any]:
        self.token, self.updates = self.token + 1, self.updates + 1
        return {"ResponseMetadata": {"RequestId": f"r{self.updates}"}}


def free() -> None:
    """Permit."""


def _plain() -> dict[str, Any]:
    rule = {"Name": OURS, "Priority": 0, "Statement": {"GeoMatchStatement": {}}, "VisibilityConfig": {"MetricName": OURS}}
    whole = {"DefaultAction": {"Allow": {}}, "VisibilityConfig": {"MetricName": "front"}}
    return {"Name": "front", "Id": ID, "ARN": "arn", **whole, "Rules": [{**rule, "Action": {"Count": {}}}]}


names = st.text("abcdefghij-", min_size=1, max_size=12).filter(lambda name: name != OURS)
actions = st.sampled_from(
    [{"Count": {}}, {"Block": {}}, {"Allow": {}}, {"Challenge": {}}, {"Block": {"CustomResponse": {"ResponseCode": 429}}}]
)
counting = st.sampled_from(
    [{"Count": {}}, {"Count": {"CustomRequestHandling": {"InsertHeaders": [{"Name": "x", "Value": "y"}]}}}]
)
statements = st.sampled_from(
    [{"GeoMatchStatement": {"CountryCodes": ["KR"]}}, {"ManagedRuleGroupStatement": {"Name": "n", "VendorName": "AWS"}}]
)


@st.composite
def acls(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a web ACL with our rule somewhere among others', and any of its other members."""
    others = draw(st.lists(names, unique=True, max_size=5))
    rules = []
    for number, name in enumerate([*others, OURS]):
        action = {"Action": draw(counting if name == OURS else actions)}
        if name != OURS and draw(st.booleans()):
            action = {"OverrideAction": {"None": {}}}
        rules.append(
            {"Name": name, "Priority": number, "Statement": draw(statements), "VisibilityConfig": {"MetricName": name}, **action}
        )
    members = draw(st.sets(st.sampled_from(sorted(web_acl.REPLACED - {"Rules", "DefaultAction", "VisibilityConfig"}))))
    return {
        "Name": "front",
        "Id": ID,
        "ARN": "arn",
        "Capacity": 5,
        "DefaultAction": {"Allow": {}},
        "VisibilityConfig": {"MetricName": "front"},
        "Rules": draw(st.permutations(rules)),
        **{name: {"of": name} for name in members},
    }


@settings(deadline=None)
@given(acl=acls())
def test_a_change_touches_our_rules_action_alone_and_the_way_back_leaves_no_trace(acl: dict[str, Any]) -> None:
    waf = Waf(acl)
    before = web_acl.observe(waf, ACL).rules[OURS].action
    turn = Change(TURN.resource, TURN.knob, before, "challenge", TURN.via)

    assert web_acl.apply(waf, turn, free) == ("r1",)
    assert _without_our_action(waf.acl) == _without_our_action(acl)
    assert web_acl.observe(waf, ACL).rules[OURS].action == "challenge"

    web_acl.apply(waf, Change(turn.resource, turn.knob, turn.after, turn.before, turn.via), free)
    assert waf.acl == acl


def _without_our_action(acl: Mapping[str, Any]) -> dict[str, Any]:
    rules = [{key: value for key, value in rule.items() if rule["Name"] != OURS or key != "Action"} for rule in acl["Rules"]]
    return {**acl, "Rules": rules}


@given(acl=acls(), rivals=st.integers(0, 4))
def test_a_rivals_edit_between_reading_and_writing_is_kept(acl: dict[str, Any], rivals: int) -> None:
    waf = Waf(acl)
    waf.rivals = rivals
    before = web_acl.observe(waf, ACL).rules[OURS].action
    permits: list[int] = []
    web_acl.apply(waf, Change(TURN.resource, TURN.knob, before, "challenge", TURN.via), lambda: permits.append(1))
    assert waf.updates == 1
    assert len(permits) == rivals + 1  # leave is asked for before each try
    if rivals:
        assert waf.acl["Description"] == "edited by a rival, 0 to come"
    assert web_acl.apply(waf, Change(TURN.resource, TURN.knob, before, "challenge", TURN.via), free) == ()  # it is so already


def test_rivals_without_end_are_not_fought() -> None:
    waf = Waf(_plain())
    waf.rivals = 99
    with pytest.raises(Permanent, match="stale"):
        web_acl.apply(waf, TURN, free)
    assert waf.updates == 0


@pytest.mark.parametrize(
    "change",
    [
        {"Rules": []},
        {"Rules": [{"Name": OURS, "Statement": {}, "OverrideAction": {"None": {}}}]},
        {"NewMemberOfNextYear": {"a": 1}},
    ],
)
def test_an_acl_that_is_not_as_it_was_seen_is_left_alone(change: dict[str, Any]) -> None:
    """Our rule gone, turned into a group, or a member that an update would silently drop."""
    waf = Waf({**_plain(), **change})
    with pytest.raises(Overtaken):
        web_acl.apply(waf, TURN, free)
    assert waf.updates == 0


def test_the_members_of_a_web_acl_are_those_of_the_service_model() -> None:
    """When AWS adds a member, this test says so before an update drops it."""
    model = botocore.session.get_session().get_service_model("wafv2")
    taken = set(model.operation_model("UpdateWebACL").input_shape.members) - {"Name", "Scope", "Id", "LockToken"}
    shown = set(model.operation_model("GetWebACL").output_shape.members["WebACL"].members)
    assert taken == web_acl.REPLACED
    assert shown == web_acl.REPLACED | web_acl.SHOWN_ONLY


def test_a_set_is_replaced_whole_and_given_back_whole() -> None:
    ips, before, after = Named("regional", "set", ID), ["192.0.2.9/32"], ["192.0.2.9/32", "198.51.100.1/32"]
    waf = Waf(_plain(), before)
    values, via = (web_acl.addresses_value(before), web_acl.addresses_value(after)), web_acl.via(ips, before, after)
    block = Change(web_acl.set_resource(ips), web_acl.ADDRESSES, *values, via)
    web_acl.apply(waf, block, free)
    assert waf.addresses == after
    assert web_acl.addresses(waf, ips) == block.after
    with pytest.raises(Overtaken):
        web_acl.apply(Waf(_plain(), ["203.0.113.1/32"]), block, free)
    web_acl.apply(waf, Change(block.resource, block.knob, block.after, block.before, block.via), free)
    assert waf.addresses == before


@given(st.lists(st.ip_addresses(v=4).map(lambda ip: f"{ip}/32"), unique=True, max_size=50))
def test_a_sets_value_is_short_and_of_this_set_alone(items: list[str]) -> None:
    value = web_acl.addresses_value(items)
    assert len(value) <= 30
    assert value == web_acl.addresses_value(sorted(items, reverse=True))
    assert value != web_acl.addresses_value([*items, "192.0.2.255/31"])


def test_a_change_whose_list_was_lost_blocks_nobody() -> None:
    waf, ips = Waf(_plain(), []), Named("regional", "set", ID)
    lost = Change(web_acl.set_resource(ips), web_acl.ADDRESSES, web_acl.EMPTY, "2 addresses #0123456789ab", web_acl.via(ips, ()))
    with pytest.raises(Overtaken):
        web_acl.apply(waf, lost, free)
    assert waf.updates == 0


# --- whom to block ----------------------------------------------------------------------------------------------------

addresses = st.one_of(
    st.ip_addresses(v=4).map(str),
    st.sampled_from(["10.0.0.7", "127.0.0.1", "192.168.1.1", "100.64.3.2", "203.0.113.5", "2001:db8::1", "-", "unknown"]),
)
nets = st.lists(st.sampled_from(["203.0.113.0/24", "198.51.100.0/25", "0.0.0.0/1", "128.0.0.0/2", "2001:db8::/32"]), max_size=3)


@settings(deadline=None, max_examples=300)
@given(
    talkers=st.dictionaries(addresses, st.integers(1, 5000), max_size=120),
    allow=nets,
    share=st.floats(0, 0.99),
    more=st.integers(0, 5000),
)
def test_blocked_are_only_the_seen_and_heavy_never_the_allowed_and_together_within_the_share(
    talkers: dict[str, int], allow: list[str], share: float, more: int
) -> None:
    total = sum(talkers.values()) + more
    found = chosen(tuple(talkers.items()), total, allow, share)
    plain = [item.removesuffix("/32") for item in found]
    assert len(found) <= MOST_ADDRESSES
    assert set(plain) <= set(talkers)
    assert sum(talkers[item] for item in plain) <= share * total + 1e-6
    usual = sorted(talkers.values())[len(talkers) // 2] if talkers else 0
    for item in plain:
        ip = ipaddress.IPv4Address(item)
        assert talkers[item] >= HEAVY * max(1, usual)
        assert not any(ip in ipaddress.ip_network(net) for net in allow if ":" not in net)
        assert not ip.is_loopback
        assert ip not in ipaddress.ip_network("10.0.0.0/8")


def test_nobody_stands_out_of_an_even_crowd() -> None:
    assert chosen([(f"198.51.100.{n}", 10) for n in range(200)], 2000, [], 0.5) == ()
    assert chosen([], 0, [], 0.5) == ()


def test_an_address_that_is_more_than_may_be_blocked_stops_the_choice() -> None:
    """Half of all traffic behind one address is a carrier, an office or a proxy as likely as an attacker."""
    crowd = [(f"198.51.100.{n}", 1) for n in range(200)]
    assert chosen([("192.0.2.1", 500), ("192.0.2.2", 60), *crowd], 760, [], 0.2) == ()
    assert chosen([("192.0.2.1", 100), ("192.0.2.2", 60), *crowd], 760, [], 0.2) == ("192.0.2.1/32",)


# --- the ladder -------------------------------------------------------------------------------------------------------

ROW: dict[str, Any] = {
    "acl": "front",
    "acl_id": ID,
    "scope": "regional",
    "max_blocked": 20.0,
    "challenge_rule": OURS,
    "rate_rule": "rate",
    "block_rule": "block",
    "ip_set": "set",
    "ip_set_id": ID,
    "allow": ["203.0.113.0/24"],
}
RULES = {
    OURS: Rule(OURS, "count", OURS, rated=False, scoped=True, sets=()),
    "rate": Rule("rate", "count", "rate", rated=True, scoped=True, sets=()),
    "block": Rule("block", "block", "block", rated=False, scoped=True, sets=(f"arn:aws:wafv2:r:a:regional/ipset/set/{ID}",)),
}
TALKERS = (("192.0.2.1", 300), *((f"198.51.100.{n}", 5) for n in range(50)))
SEEN = Traffic(frozenset({"log"}), Rates(900, 900, 300), Rates(100, 100, 98), Logged(TALKERS, (("/x", "200", 3000),), ()))


def ladder(
    rules: Mapping[str, Rule] = RULES,
    blocked: str | None = web_acl.EMPTY,
    throttle: str | None = None,
    counted: Mapping[str, float] | None = None,
    **row: Any,
) -> Any:
    shares = {"rate": 0.1} if counted is None else counted
    defences = Defences(Acl("front", "front", rules, ()), shares, blocked, throttle)
    return surge_ladder.next_rung(defences, SEEN, {**ROW, **row})


def turned(name: str, action: str, rules: Mapping[str, Rule] = RULES) -> dict[str, Rule]:
    rule = rules[name]
    return {**rules, name: Rule(name, action, rule.metric, rule.rated, rule.scoped, rule.sets)}


def test_the_mildest_rung_that_is_free_comes_first() -> None:
    assert ladder()[0] == "challenge"
    assert ladder(turned(OURS, "challenge"))[0] == "rate"
    both = turned("rate", "block", turned(OURS, "challenge"))
    assert ladder(both)[0] == "addresses"
    assert ladder(both, blocked="1 addresses #00").reason is Reason.AT_CEILING
    assert ladder(captcha=True)[1].after == "captcha"
    assert ladder(ladder=["addresses"])[0] == "addresses"


@pytest.mark.parametrize(
    ("rules", "row", "reason"),
    [
        ({}, {}, Reason.UNSAFE),  # the rule is not there
        (turned(OURS, "block"), {}, Reason.UNSAFE),  # somebody made it block
        ({**RULES, "rate": Rule("rate", "count", "rate", True, False, ())}, {"ladder": ["rate"]}, Reason.UNSAFE),  # not scoped
        (
            {**RULES, "rate": Rule("rate", "count", "rate", False, True, ())},
            {"ladder": ["rate"]},
            Reason.UNSAFE,
        ),  # not rate-based
        (turned("block", "count"), {"ladder": ["addresses"]}, Reason.UNSAFE),
        (
            {**RULES, "block": Rule("block", "block", "block", False, True, ("arn/ipset/other/1",))},
            {"ladder": ["addresses"]},
            Reason.UNSAFE,
        ),
    ],
)
def test_what_was_not_prepared_is_refused_not_repaired(rules: dict[str, Rule], row: dict[str, Any], reason: Reason) -> None:
    answer = ladder(rules, **row)
    assert isinstance(answer, Refusal)
    assert answer.reason is reason


def test_a_rate_is_turned_only_when_what_it_counts_is_known_and_within_the_cap() -> None:
    assert ladder(ladder=["rate"])[0] == "rate"
    assert ladder(ladder=["rate"], counted={}).reason is Reason.UNKNOWN
    assert ladder(ladder=["rate"], counted={"rate": 0.21}).reason is Reason.AT_CEILING
    assert ladder(ladder=["rate", "addresses"], counted={"rate": 0.0})[0] == "addresses"  # nobody is above the rate


@pytest.mark.parametrize(
    ("now", "rate", "wanted"),
    [
        (None, 50.0, Reason.UNSAFE),  # nothing to give back
        ("500/s, burst 200", 1.0, Reason.UNSAFE),  # the usual is 100 a minute
        ("20/s, burst 10", 50.0, Reason.AT_CEILING),  # it is tighter already
    ],
)
def test_a_throttle_that_would_hurt_or_not_come_back_is_refused(now: str | None, rate: float, wanted: Reason) -> None:
    stage = {
        "api_id": "a",
        "api_stage": "prod",
        "api_kind": "http",
        "throttle_rate": rate,
        "throttle_burst": 10,
        "ladder": ["throttle"],
    }
    answer = ladder(throttle=now, **stage)
    assert isinstance(answer, Refusal)
    assert answer.reason is wanted


@given(rate=st.floats(0.1, 100_000), burst=st.integers(1, 100_000))
def test_a_throttle_is_read_back_as_it_was_written(rate: float, burst: int) -> None:
    rate = float(f"{rate:g}")
    assert stage_throttle.parsed(stage_throttle.value(rate, burst)) == (rate, burst)


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"cluster": "c", "service": "s"},
        {"challenge_rule": "r"},
        {"acl": "a", "acl_id": "i", "scope": "regional", "max_blocked": 20.0},
        {**ROW, "scope": "REGIONAL"},
        {**ROW, "max_blocked": 100.0},
        {**ROW, "allow": ["office"]},
        {**ROW, "ladder": ["throttle"]},
        {**ROW, "kpi": "Orders"},
        {**ROW, "signed_in": True},
        {**ROW, "expected": ["sometimes"]},
        {name: value for name, value in ROW.items() if name != "allow"},
    ],
)
def test_a_row_that_does_not_fit_together_is_told_why(row: dict[str, Any]) -> None:
    assert surge_parameters.problem(row)
    assert surge_parameters.problem(ROW) is None
