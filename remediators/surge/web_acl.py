"""One rule's action in a web ACL, and one IP set's addresses, changed without touching anything else.

UpdateWebACL and UpdateIPSet replace the whole, so the whole is read, one value in it is changed, and it is written under the
token of that very reading; when somebody was faster, all of it again. Both write absolute values and compare before they do.
https://docs.aws.amazon.com/waf/latest/APIReference/API_UpdateWebACL.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alarms.domain.decision import Change
from alarms.domain.errors import Permanent
from alarms.domain.text import Text
from remediators.action import Clients, Overtaken, Permit
from remediators.surge.usual_traffic import SCOPES

ACTION, ADDRESSES = "action", "addresses"
EMPTY = "no addresses"
_NONE = "-"
ATTEMPTS = 5
# What UpdateWebACL takes, and what GetWebACL shows beside it. A member in neither list would be lost: nothing is changed then.
REPLACED = frozenset(
    {
        "ApplicationConfig",
        "AssociationConfig",
        "CaptchaConfig",
        "ChallengeConfig",
        "CustomResponseBodies",
        "DataProtectionConfig",
        "DefaultAction",
        "Description",
        "MonetizationConfig",
        "OnSourceDDoSProtectionConfig",
        "Rules",
        "TokenDomains",
        "VisibilityConfig",
    }
)
SHOWN_ONLY = frozenset(
    {
        "ARN",
        "Capacity",
        "Id",
        "LabelNamespace",
        "ManagedByFirewallManager",
        "Name",
        "PostProcessFirewallManagerRuleGroups",
        "PreProcessFirewallManagerRuleGroups",
        "RetrofittedByFirewallManager",
    }
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. ``action`` is ``count``, ``challenge``, …, or its JSON where it has settings of its own.

    ``rated``: it is rate-based; ``scoped``: it looks at a part of the traffic only. ``sets`` are the ARNs of the IP sets that it
    names. ``metric`` is what its CloudWatch metrics are called.
    """

    name: str
    action: str
    metric: str
    rated: bool
    scoped: bool
    sets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Acl:
    """A web ACL: its rules by name, and what its own metrics are called. ``strange`` are members that we know nothing of."""

    name: str
    metric: str
    rules: Mapping[str, Rule]
    strange: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """Where an ACL or an IP set is: its scope as rows write it, its name and id."""

    scope: str
    name: str
    id: str

    @property
    def key(self) -> dict[str, str]:
        """What WAF's calls name it by."""
        return {"Name": self.name, "Scope": SCOPES[self.scope], "Id": self.id}


def rule_resource(acl: Named, rule: str) -> str:
    """Return ``wafv2:REGIONAL/<acl>/rule/<rule>``, as a change names it."""
    return f"wafv2:{SCOPES[acl.scope]}/{acl.name}/rule/{rule}"


def set_resource(ips: Named) -> str:
    """Return ``wafv2:REGIONAL/ipset/<name>``."""
    return f"wafv2:{SCOPES[ips.scope]}/ipset/{ips.name}"


def via(named: Named, *lists: Sequence[str]) -> str:
    """Return what a change carries to find the ACL or set again; of a set also the addresses that its values stand for."""
    return " ".join([named.scope, named.name, named.id, *(",".join(sorted(items)) or _NONE for items in lists)])


def observe(clients: Clients, acl: Named) -> Acl:
    """Read the ACL: wafv2 GetWebACL."""
    whole = clients("wafv2").get_web_acl(**acl.key)["WebACL"]
    return Acl(
        name=whole["Name"],
        metric=whole["VisibilityConfig"]["MetricName"],
        rules={rule["Name"]: _rule(rule) for rule in whole.get("Rules", ())},
        strange=tuple(sorted(set(whole) - REPLACED - SHOWN_ONLY)),
    )


def addresses(clients: Clients, ips: Named) -> str:
    """Return an IP set's addresses as a change's value. wafv2 GetIPSet."""
    return addresses_value(clients("wafv2").get_ip_set(**ips.key)["IPSet"]["Addresses"])


def addresses_value(items: Sequence[str]) -> str:
    """Return a set of addresses as a change's value: how many, and a digest that no other set has; a list fills a message."""
    digest = hashlib.sha256(" ".join(sorted(items)).encode()).hexdigest()[:12]
    return f"{len(items)} addresses #{digest}" if items else EMPTY


def action_value(action: Mapping[str, Any]) -> str:
    """Return a rule's action as a change's value: its name, or its JSON where it carries settings."""
    if len(action) == 1 and not next(iter(action.values())):
        return next(iter(action)).lower()
    return json.dumps(action, sort_keys=True, separators=(",", ":"))


def action_of(value: str) -> dict[str, Any]:
    """Return the action that ``action_value`` wrote."""
    if value.startswith("{"):
        read: dict[str, Any] = json.loads(value)
        return read
    return {value.capitalize(): {}}


def edited(acl: Mapping[str, Any], rule: str, action: str) -> dict[str, Any]:
    """Return the members of an update that gives ``rule`` another action and leaves all else as it was read. Pure."""
    rules = [{**item, "Action": action_of(action)} if item["Name"] == rule else item for item in acl.get("Rules", ())]
    return {**{name: value for name, value in acl.items() if name in REPLACED}, "Rules": rules}


def apply(clients: Clients, change: Change, permit: Permit) -> tuple[str, ...]:
    """Make the change if the value is still ``before``; nothing when it is ``after`` already. Returns AWS request ids.

    wafv2 GetWebACL, UpdateWebACL or GetIPSet, UpdateIPSet. Overtaken when it is neither: somebody else changed it.
    """
    for attempt in range(ATTEMPTS):
        try:
            return _set_action(clients, change, permit) if change.knob == ACTION else _set_addresses(clients, change, permit)
        except Permanent as failure:
            if failure.code != "WAFOptimisticLockException" or attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable: the last attempt returns or raises")


def _set_action(clients: Clients, change: Change, permit: Permit) -> tuple[str, ...]:
    acl, rule, client = Named(*change.via.split()[:3]), change.resource.rsplit("/", 1)[-1], clients("wafv2")
    answer = client.get_web_acl(**acl.key)
    whole = answer["WebACL"]
    strange = sorted(set(whole) - REPLACED - SHOWN_ONLY)
    found = next((item for item in whole.get("Rules", ()) if item["Name"] == rule), None)
    now = action_value(found["Action"]) if found is not None and "Action" in found else None
    if now == change.after:
        return ()
    if strange or now != change.before:
        raise Overtaken(_otherwise(change, f"{now}{f', {strange}' if strange else ''}"))
    permit()
    done = client.update_web_acl(**acl.key, **edited(whole, rule, str(change.after)), LockToken=answer["LockToken"])
    return (str(done["ResponseMetadata"]["RequestId"]),)


def _set_addresses(clients: Clients, change: Change, permit: Permit) -> tuple[str, ...]:
    ips, client = Named(*change.via.split()[:3]), clients("wafv2")
    lists = [[] if text == _NONE else text.split(",") for text in change.via.split()[3:]]
    wanted = next((items for items in lists if addresses_value(items) == change.after), None)
    answer = client.get_ip_set(**ips.key)
    now = addresses_value(answer["IPSet"]["Addresses"])
    if now == change.after:
        return ()
    if now != change.before or wanted is None:
        raise Overtaken(_otherwise(change, now))
    permit()
    described = {"Description": answer["IPSet"]["Description"]} if answer["IPSet"].get("Description") else {}
    done = client.update_ip_set(**ips.key, **described, Addresses=wanted, LockToken=answer["LockToken"])
    return (str(done["ResponseMetadata"]["RequestId"]),)


def _rule(rule: Mapping[str, Any]) -> Rule:
    statement = rule["Statement"]
    rated = statement.get("RateBasedStatement")
    return Rule(
        name=rule["Name"],
        action=action_value(rule["Action"]) if "Action" in rule else "group",
        metric=rule["VisibilityConfig"]["MetricName"],
        rated=rated is not None,
        scoped=rated is None or "ScopeDownStatement" in rated,
        sets=tuple(_sets(statement)),
    )


def _sets(statement: Any) -> list[str]:
    if isinstance(statement, Mapping):
        here = [statement["IPSetReferenceStatement"]["ARN"]] if "IPSetReferenceStatement" in statement else []
        return here + [arn for value in statement.values() for arn in _sets(value)]
    return [arn for item in statement for arn in _sets(item)] if isinstance(statement, list) else []


def _otherwise(change: Change, now: str) -> Text:
    return Text(
        f"{change.resource} is {now} by now, not {str(change.before)[:60]}: somebody else is at it.",
        f"{change.resource}이(가) 이제 {now}입니다({str(change.before)[:60]} 아님). 다른 사람이 변경했습니다.",
    )
