"""The next rung against an attack: count, challenge, rate-based block, addresses, and the stage's throttle last. Pure.

Every rung turns one thing that people have put there before: a rule of its own that only counts, an empty set of addresses. What
is not as they should have left it is refused, not repaired.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alarms.domain.decision import Change, Reason
from alarms.domain.text import Text
from remediators.action import Refusal
from remediators.surge import stage_throttle, web_acl
from remediators.surge.traffic import Traffic
from remediators.surge.web_acl import Acl, Named, Rule

CHALLENGE, RATE, BLOCK, THROTTLE = "challenge", "rate", "addresses", "throttle"
LADDER = (CHALLENGE, RATE, BLOCK, THROTTLE)
MOST_ADDRESSES = 50  # what a person can still look through in a message
HEAVY = 10  # times the median of all addresses: nobody else's habits
# Never blocked, whatever a log says: nobody on the internet has these; they are load balancers, proxies and ourselves.
_OURS = tuple(
    ipaddress.ip_network(net)
    for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "0.0.0.0/8")
)


@dataclass(frozen=True, slots=True)
class Defences:
    """What stands in front of the API now. None: not named by the row, or not read.

    ``counted`` is the share of all requests that each rule counts, by its name; empty when that is not known.
    """

    acl: Acl | None = None
    counted: Mapping[str, float] = field(default_factory=dict)
    blocked: str | None = None
    throttle: str | None = None


def configured(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the rungs that a row provides for, in the ladder's order, or those it names in ``ladder``."""
    provided = {CHALLENGE: "challenge_rule", RATE: "rate_rule", BLOCK: "block_rule", THROTTLE: "throttle_rate"}
    found = tuple(rung for rung in LADDER if provided[rung] in parameters)
    wanted = parameters.get("ladder")
    return tuple(rung for rung in found if rung in wanted) if wanted else found


def next_rung(defences: Defences, traffic: Traffic, parameters: Mapping[str, Any]) -> tuple[str, Change] | Refusal:
    """Return the first rung that is not taken yet, with its change; a rung that is not as it should be ends the climb."""
    steps = {CHALLENGE: _challenge, RATE: _rate, BLOCK: _block, THROTTLE: _throttle}
    for rung in configured(parameters):
        step = steps[rung](defences, traffic, parameters)
        if isinstance(step, Refusal):
            return step
        if step is not None:
            return rung, step
    return _no(
        Reason.AT_CEILING, "No rung is left that is free and would help.", "적용할 수 있는 방어 단계가 남아 있지 않습니다."
    )


def chosen(talkers: Sequence[tuple[str, int]], total: int, allow: Iterable[str], share: float) -> tuple[str, ...]:
    """Return the addresses to block, busiest first, as /32: seen, heavy, allowed by nobody, and together at most ``share``.

    ``talkers`` are (address, requests) as the log has them, ``total`` all its requests, ``share`` 0..1.
    """
    nets = [*_OURS, *(ipaddress.ip_network(net, strict=False) for net in allow)]
    counts = sorted(count for _, count in talkers)
    usual = counts[len(counts) // 2] if counts else 0
    taken = 0
    found: list[str] = []
    for text, count in sorted(talkers, key=lambda item: (-item[1], item[0])):
        ip = _address(text)
        if ip is None or count < HEAVY * max(1, usual) or any(ip in net for net in nets if net.version == ip.version):
            continue
        if len(found) >= MOST_ADDRESSES or taken + count > share * total:
            break
        taken += count
        found.append(f"{ip}/32")
    return tuple(found)


def _challenge(defences: Defences, _: Traffic, parameters: Mapping[str, Any]) -> Change | Refusal | None:
    wanted = "captcha" if parameters.get("captcha") else "challenge"
    return _turned(defences, parameters, parameters["challenge_rule"], wanted)


def _rate(defences: Defences, _: Traffic, parameters: Mapping[str, Any]) -> Change | Refusal | None:
    name = parameters["rate_rule"]
    rule = defences.acl.rules.get(name) if defences.acl else None
    if rule is not None and not (rule.rated and rule.scoped):
        return _no(
            Reason.UNSAFE,
            f"The rule {name} is not rate-based and scoped to a path: it would take everybody.",
            f"{name} 규칙이 특정 경로로 제한된 속도 기반 규칙이 아니라 모두에게 적용됩니다.",
        )
    change = _turned(defences, parameters, name, "block")
    return _within(defences.counted.get(name), name, parameters["max_blocked"], change) if isinstance(change, Change) else change


def _within(share: float | None, name: str, most: float, change: Change) -> Change | Refusal | None:
    """Hold a block to its cap before it is turned: what the rule counts now is what it would take."""
    if share is None:
        return _no(
            Reason.UNKNOWN, f"What the rule {name} would block is not known.", f"{name} 규칙이 무엇을 차단할지 알 수 없습니다."
        )
    if share > most / 100:
        return _no(
            Reason.AT_CEILING,
            f"The rule {name} would block {share:.0%} of all requests, max_blocked is {most:g} %.",
            f"{name} 규칙이 전체 요청의 {share:.0%}을(를) 차단하게 됩니다(상한 {most:g} %).",
        )
    return change if share else None  # nobody is above the rate: the next rung


def _block(defences: Defences, traffic: Traffic, parameters: Mapping[str, Any]) -> Change | Refusal | None:
    name, ips = parameters["block_rule"], Named(parameters["scope"], parameters["ip_set"], parameters["ip_set_id"])
    rule = defences.acl.rules.get(name) if defences.acl else None
    named = rule is not None and any(arn.endswith(f"/ipset/{ips.name}/{ips.id}") for arn in rule.sets)
    if rule is None or not named or rule.action != "block":
        return _no(
            Reason.UNSAFE,
            f"The rule {name} does not block the addresses of {ips.name}.",
            f"{name} 규칙이 {ips.name}의 주소를 차단하도록 되어 있지 않습니다.",
        )
    if defences.blocked is None:
        return _no(Reason.UNKNOWN, f"The addresses of {ips.name} could not be read.", f"{ips.name}의 주소를 읽을 수 없습니다.")
    if defences.blocked != web_acl.EMPTY:
        return None  # some are blocked already: ours of before, or people's; not added to
    talkers = traffic.logged.talkers or ()
    found = chosen(talkers, traffic.logged.requests, parameters["allow"], parameters["max_blocked"] / 100)
    if not found:
        return None  # no address stands out, or the first of them is more than may be blocked: the next rung
    resource = web_acl.set_resource(ips)
    return Change(resource, web_acl.ADDRESSES, web_acl.EMPTY, web_acl.addresses_value(found), web_acl.via(ips, (), found))


def _throttle(defences: Defences, traffic: Traffic, parameters: Mapping[str, Any]) -> Change | Refusal | None:
    now, rate = defences.throttle, parameters["throttle_rate"]
    wanted = stage_throttle.value(rate, parameters["throttle_burst"])
    if now is None:
        return _no(
            Reason.UNSAFE,
            "The stage has no throttle of its own: what is not set cannot be given back.",
            "스테이지에 설정된 제한이 없어 되돌릴 값이 없습니다.",
        )
    if now == wanted or stage_throttle.parsed(now)[0] <= rate:
        return None
    usual = traffic.usual.requests
    if usual is None or usual / 60 >= rate:
        shown = f"{usual / 60:,.1f}/s" if usual is not None else "?"
        return _no(
            Reason.UNSAFE,
            f"A throttle of {rate:g}/s would take the usual traffic ({shown}) too.",
            f"초당 {rate:g}건 제한은 평소 트래픽({shown})까지 막습니다.",
        )
    resource = stage_throttle.resource(parameters["api_id"], parameters["api_stage"])
    return Change(resource, stage_throttle.KNOB, now, wanted, parameters["api_kind"])


def _turned(defences: Defences, parameters: Mapping[str, Any], name: str, wanted: str) -> Change | Refusal | None:
    """Return the change of a rule that only counts; None when it is turned already."""
    acl = Named(parameters["scope"], parameters["acl"], parameters["acl_id"])
    if defences.acl is None or defences.acl.strange:
        return _no(
            Reason.UNKNOWN,
            f"The web ACL {acl.name} could not be read in full.",
            f"웹 ACL {acl.name}을(를) 온전히 읽지 못했습니다.",
        )
    rule: Rule | None = defences.acl.rules.get(name)
    if rule is not None and rule.action == wanted:
        return None
    if rule is None or not (rule.action == "count" or rule.action.startswith('{"Count"')):
        shown = rule.action if rule else "missing"
        return _no(
            Reason.UNSAFE,
            f"The rule {name} should only count until it is needed; it is {shown}.",
            f"{name} 규칙은 평소 count여야 하지만 현재 {shown}입니다.",
        )
    return Change(web_acl.rule_resource(acl, name), web_acl.ACTION, rule.action, wanted, web_acl.via(acl))


def _address(text: str) -> ipaddress.IPv4Address | None:
    """Return an IPv4 address; None for anything else: an IP set is of one version, ours of this one."""
    try:
        return ipaddress.IPv4Address(text)
    except ValueError:
        return None


def _no(reason: Reason, en: str, ko: str) -> Refusal:
    return Refusal(reason, Text(en, ko))
