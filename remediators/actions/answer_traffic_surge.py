"""answer-traffic-surge: tell business from attack, scale for the one, raise a defence against the other, ask when in doubt.

    remediate:
      - action: answer-traffic-surge
        with: {log_group: /aws/apigateway/image-api, cluster: image, service: image-api, max_tasks: 20}

Risk: disruptive (a defence may meet customers). Changes: for business the floor of the scalable target, as scale-service
does; for an attack the next rung: a prepared WAF rule from count to challenge, a rate-based one to block, an own IP set's
addresses, the stage's throttle last. Bounds: ``max_tasks``; ``max_blocked`` percent of all requests; allow lists win.
Refuses as ``undecided`` when the signals do not agree; then at most asks whether to scale, and never blocks.
Verify: the rule is as wanted (the tasks run), and the alarm is OK. Revert: exactly the old value, if ours still stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from alarms.domain.action import ActionSpec, Risk
from alarms.domain.decision import Change, Proposal, Reason, Value
from alarms.domain.text import Text
from remediators.action import Clients, Permit, Purpose, Refusal, Situation
from remediators.actions.scale_service import ScaleService
from remediators.ecs import ecs_reading, ecs_tasks
from remediators.ecs.ecs_tasks import Tasks
from remediators.surge import stage_throttle, surge_ladder, surge_parameters, surge_scoring, traffic, usual_traffic, web_acl
from remediators.surge.surge_ladder import Defences
from remediators.surge.surge_scoring import Score, Verdict
from remediators.surge.traffic import Traffic
from remediators.surge.usual_traffic import Aftermath
from remediators.surge.web_acl import Named

_HEADS = {
    Verdict.BUSINESS: Text("Taken for business", "업무 트래픽 급증으로 판단"),
    Verdict.ATTACK: Text("Taken for an attack", "공격으로 판단"),
    Verdict.UNDECIDED: Text("Neither clearly business nor attack", "업무인지 공격인지 판단 불가"),
}


@dataclass(frozen=True, slots=True)
class Surge:
    """What was seen: of traffic, tasks and defences as much as the purpose and the verdict need."""

    traffic: Traffic | None = None
    score: Score | None = None
    tasks: Tasks | None = None
    defences: Defences | None = None
    aftermath: Aftermath | None = None


class AnswerTrafficSurge:
    """Scores the signals, and proposes the answer that goes with the score."""

    spec = ActionSpec(
        name="answer-traffic-surge",
        summary="Tell a business surge from an attack: scale for the one, raise a defence against the other, ask when in doubt.",
        risk=Risk.DISRUPTIVE,
        changes=True,
        withdraws=True,
        watch_every_s=60,
        parameters=surge_parameters.PARAMETERS,
        permissions=surge_parameters.PERMISSIONS,
        example=surge_parameters.EXAMPLE,
    )

    def problem(self, parameters: Mapping[str, Any]) -> str | None:
        """Return what is wrong between parameters, None when nothing is."""
        return surge_parameters.problem(parameters)

    def resource(self, situation: Situation) -> str:
        """Return the ECS service that would be scaled; the web ACL where the row names no service."""
        parameters = situation.policy.parameters
        if "service" in parameters:
            return ecs_tasks.lock_key(parameters["cluster"], parameters["service"])
        return f"wafv2:{usual_traffic.SCOPES[parameters['scope']]}/{parameters['acl']}"

    def observe(self, clients: Clients, situation: Situation) -> Surge:
        """Read the signals and, by what they say, the tasks or the defences; afterwards only what was changed and what it did."""
        parameters = situation.policy.parameters
        if situation.purpose is not Purpose.DECIDE:
            return _after(clients, situation)
        seen = traffic.observe(clients, situation)
        score = surge_scoring.score(surge_scoring.signals(seen))
        surge = Surge(seen, score)
        if not _surges(seen):
            return surge
        if score.verdict is Verdict.ATTACK:
            return replace(surge, defences=_counted(clients, situation, _defences(clients, parameters)))
        return replace(surge, tasks=_tasks(clients, situation)) if "service" in parameters else surge

    def propose(self, observed: Surge, situation: Situation) -> Proposal | Refusal:
        """Scale for business, climb one rung against an attack; undecided, ask whether to scale, or say so."""
        seen, score = observed.traffic, observed.score
        if seen is None or score is None or not usual_traffic.counted(situation.alarm):
            return _no(
                Reason.UNKNOWN, "This alarm's target has no requests to count.", "이 알람의 대상은 요청 수를 알 수 없습니다."
            )
        if not _surges(seen):
            return _no(
                Reason.NOTHING_TO_DO,
                f"There is no surge: requests are {seen.ratio or 0:,.1f}x the usual.",
                f"급증이 아닙니다. 요청이 평소의 {seen.ratio or 0:,.1f}배입니다.",
            )
        if score.verdict is Verdict.ATTACK:
            return self._defend(observed.defences or Defences(), seen, score, situation)
        if observed.tasks is None:
            reason = Reason.UNDECIDED if score.verdict is Verdict.UNDECIDED else Reason.NOTHING_TO_DO
            return Refusal(reason, _head(score, Text("the row names no service to scale", "확장할 서비스가 지정되지 않음")))
        return self._scale(observed.tasks, score, situation)

    def evidence(self, observed: Surge, _: Situation) -> Mapping[str, Any] | None:
        """Return the signals and what they were read from: addresses, paths, clients; and what stood before."""
        seen, score = observed.traffic, observed.score
        if seen is None or score is None:
            return None
        logged, before = seen.logged, observed.defences
        return {
            "verdict": score.verdict.value,
            "score": [score.low, score.high],
            "signals": [line.en for line in score.lines],
            "requests_per_minute": seen.now.requests,
            "usual_per_minute": seen.usual.requests,
            "talkers": [list(item) for item in (logged.talkers or ())[:200]],
            "paths": [list(item) for item in (logged.paths or ())[:50]],
            "agents": [[agent[:200], count, known] for agent, count, known in (logged.agents or ())[:50]],
            "rules": {name: rule.action for name, rule in before.acl.rules.items()} if before and before.acl else {},
        }

    def current(self, observed: Surge, change: Change) -> Value:
        """Return the rule's action, the set's addresses, the throttle, or the service's floor."""
        defences = observed.defences or Defences()
        if stage_throttle.is_one(change):
            return defences.throttle
        if change.knob == web_acl.ADDRESSES:
            return defences.blocked
        if change.knob == web_acl.ACTION:
            rule = defences.acl.rules.get(change.resource.rsplit("/", 1)[-1]) if defences.acl else None
            return rule.action if rule else None
        return ecs_tasks.current(observed.tasks, change) if observed.tasks else None

    def run(self, clients: Clients, change: Change, permit: Permit) -> tuple[str, ...]:
        """Make one change; values are absolute and compared first, so it may be repeated."""
        if stage_throttle.is_one(change):
            return stage_throttle.apply(clients, change, permit)
        if change.knob in (web_acl.ACTION, web_acl.ADDRESSES):
            return web_acl.apply(clients, change, permit)
        return ecs_tasks.apply(clients, change, permit)

    def moved(self, observed: Surge, proposal: Proposal) -> bool | None:
        """Tell whether the defence stands, or the tasks run."""
        if _scales(proposal):
            return ecs_tasks.moved(observed.tasks, proposal) if observed.tasks else None
        return all(self.current(observed, change) == change.after for change in proposal.changes)

    def harm(self, observed: Surge, proposal: Proposal, situation: Situation) -> Text | None:
        """Say so when fewer good requests are answered than before, or more is stopped than the row allows."""
        after, parameters = observed.aftermath, situation.policy.parameters
        if after is None or _scales(proposal):
            return None
        return _fewer(after, parameters) or _more(after, proposal, parameters)

    def restore(self, observed: Surge, proposal: Proposal, situation: Situation) -> Proposal | Refusal:
        """Propose exactly the old value, where ours still stands."""
        if _scales(proposal):
            if observed.tasks is None:
                return _no(Reason.UNKNOWN, "The service could not be read.", "서비스를 읽을 수 없습니다.")
            return ecs_tasks.restore(observed.tasks, proposal, situation)
        (lent,) = proposal.changes
        now = self.current(observed, lent)
        if now == lent.before:
            return _no(Reason.NOTHING_TO_DO, "It is as it was already.", "이미 원래 값으로 돌아와 있습니다.")
        if now != lent.after:
            return _no(
                Reason.DRIFTED,
                f"{lent.resource} is not as we left it; somebody else changed it, so it is left alone.",
                f"{lent.resource}이(가) 우리가 설정한 값과 다릅니다. 다른 변경이 있어 그대로 둡니다.",
            )
        back = Change(lent.resource, lent.knob, lent.after, lent.before, lent.via)
        return Proposal(proposal.action, proposal.resource, (back,), Text("The defence is lifted.", "방어 설정을 해제합니다."))

    def _defend(self, defences: Defences, seen: Traffic, score: Score, situation: Situation) -> Proposal | Refusal:
        parameters = situation.policy.parameters
        step = surge_ladder.next_rung(defences, seen, parameters)
        if isinstance(step, Refusal):
            return Refusal(step.reason, _head(score, step.why))
        rung, change = step
        share = defences.counted.get(change.resource.rsplit("/", 1)[-1])
        meets = Text(f" ({share:.0%} of all requests now)", f" (현재 전체 요청의 {share:.0%})") if share else Text("", "")
        said = {
            surge_ladder.CHALLENGE: Text(
                f"browsers are asked to prove themselves{meets.en}", f"브라우저 검증을 요구합니다{meets.ko}"
            ),
            surge_ladder.RATE: Text(
                f"addresses above the rule's rate are blocked{meets.en}", f"규칙의 속도를 넘는 주소를 차단합니다{meets.ko}"
            ),
            surge_ladder.BLOCK: Text(f"{change.after} are blocked", f"{change.after} 차단"),
            surge_ladder.THROTTLE: Text(
                "the whole stage is throttled, customers too", "고객을 포함해 스테이지 전체를 제한합니다"
            ),
        }[rung]
        why = _head(score, said)
        approval = rung == surge_ladder.THROTTLE  # it hurts everybody: never by itself
        return Proposal(self.spec.name, self.resource(situation), (change,), why, approval, (*_named(change), *score.lines))

    def _scale(self, tasks: Tasks, score: Score, situation: Situation) -> Proposal | Refusal:
        undecided = score.verdict is Verdict.UNDECIDED
        scaled = ScaleService().propose(tasks, situation)
        if isinstance(scaled, Refusal):
            return Refusal(Reason.UNDECIDED if undecided else scaled.reason, _head(score, scaled.why))
        why = _head(score, scaled.why)
        return replace(
            scaled, action=self.spec.name, resource=self.resource(situation), why=why, approval=undecided, lines=score.lines
        )


def _named(change: Change) -> tuple[Text, ...]:
    """Say which addresses would be blocked, ten a line: whoever approves it has to see them."""
    if change.knob != web_acl.ADDRESSES:
        return ()
    found = [address.removesuffix("/32") for address in change.via.split()[-1].split(",")]
    rows = [", ".join(found[start : start + 10]) for start in range(0, len(found), 10)]
    return tuple(Text(f"Blocked: {row}", f"차단: {row}") for row in rows)


def _surges(seen: Traffic) -> bool:
    """Tell whether there is a surge; where the usual is not known there may be."""
    return seen.ratio is None or seen.ratio >= surge_scoring.SURGE


def _scales(proposal: Proposal) -> bool:
    return any(change.resource.startswith("ecs:") for change in proposal.changes)


def _tasks(clients: Clients, situation: Situation) -> Tasks:
    parameters = situation.policy.parameters
    return ecs_reading.observe(clients, parameters["cluster"], parameters["service"], situation)


def _defences(clients: Clients, parameters: Mapping[str, Any]) -> Defences:
    """Read what the ladder's rungs stand on: wafv2 GetWebACL, GetIPSet; apigateway or apigatewayv2 GetStage."""
    rungs = surge_ladder.configured(parameters)
    found = Defences()
    if set(rungs) - {surge_ladder.THROTTLE}:
        found = replace(found, acl=web_acl.observe(clients, Named(parameters["scope"], parameters["acl"], parameters["acl_id"])))
    if surge_ladder.BLOCK in rungs:
        ips = Named(parameters["scope"], parameters["ip_set"], parameters["ip_set_id"])
        found = replace(found, blocked=web_acl.addresses(clients, ips))
    if surge_ladder.THROTTLE in rungs:
        stage = stage_throttle.observe(clients, parameters["api_id"], parameters["api_stage"], parameters["api_kind"])
        found = replace(found, throttle=stage)
    return found


def _counted(clients: Clients, situation: Situation, found: Defences) -> Defences:
    """Add what the rules count: what each would meet."""
    rules = _rules(found, situation.policy.parameters)
    if found.acl is None or not rules:
        return found
    return replace(found, counted=usual_traffic.counted_shares(clients, situation.alarm, found.acl.metric, rules, situation.now))


def _rules(found: Defences, parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return the metric names of our own rules that are there, by their names."""
    named = [parameters[name] for name in ("challenge_rule", "rate_rule", "block_rule") if name in parameters]
    return {name: found.acl.rules[name].metric for name in named if name in found.acl.rules} if found.acl else {}


def _after(clients: Clients, situation: Situation) -> Surge:
    parameters = situation.policy.parameters
    defences = _defences(clients, parameters)
    if situation.purpose is Purpose.WATCH:
        acl, named = (
            defences.acl,
            [parameters[name] for name in ("challenge_rule", "rate_rule", "block_rule") if name in parameters],
        )
        rules = [acl.rules[name].metric for name in named if name in acl.rules] if acl else []
        return Surge(defences=defences, aftermath=usual_traffic.aftermath(clients, situation, acl.metric if acl else "", rules))
    return Surge(defences=defences, tasks=_tasks(clients, situation) if "service" in parameters else None)


def _fewer(after: Aftermath, parameters: Mapping[str, Any]) -> Text | None:
    """Compare with the smaller of before and usual: an attack's own requests swell what was good before."""
    expected = min((value for value in (after.before, after.usual) if value is not None), default=None)
    least = parameters.get("min_success", surge_parameters.MIN_SUCCESS) / 100
    if expected is None or after.after is None or after.after >= least * expected:
        return None
    return Text(
        f"{after.after:,.0f} requests a minute are answered well, {expected:,.0f} before: the defence meets customers.",
        f"정상 응답이 분당 {expected:,.0f}건에서 {after.after:,.0f}건으로 줄었습니다. 방어 설정이 고객을 막고 있습니다.",
    )


def _more(after: Aftermath, proposal: Proposal, parameters: Mapping[str, Any]) -> Text | None:
    """Hold a block to its cap. A challenge has none: what it stops has shown that it is no browser."""
    hard = any(change.knob == web_acl.ADDRESSES or change.after == "block" for change in proposal.changes)
    most = parameters.get("max_blocked", 0.0) / 100
    if not hard or after.stopped is None or after.stopped <= most:
        return None
    return Text(
        f"{after.stopped:.0%} of all requests are stopped, {most:.0%} are allowed.",
        f"전체 요청의 {after.stopped:.0%}이(가) 차단되었습니다(허용 {most:.0%}).",
    )


def _head(score: Score, said: Text) -> Text:
    head, middle = _HEADS[score.verdict], (score.low + score.high) / 2
    return Text(f"{head.en} (score {middle:+.2f}): {said.en}", f"{head.ko} (점수 {middle:+.2f}): {said.ko}")


def _no(reason: Reason, en: str, ko: str) -> Refusal:
    return Refusal(reason, Text(en, ko))
