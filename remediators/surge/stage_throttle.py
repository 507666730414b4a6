"""The throttle of a whole stage, the last thing to turn: it hurts everybody, customers too, and is a target, not a ceiling.

A stage without a throttle of its own is left alone: what is not set cannot be given back exactly.
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-throttling.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alarms.domain.decision import Change
from alarms.domain.text import Text
from remediators.action import Clients, Overtaken, Permit

KNOB = "throttling"
_PREFIX = "apigateway:"


def resource(api: str, stage: str) -> str:
    """Return ``apigateway:<api>/<stage>``."""
    return f"{_PREFIX}{api}/{stage}"


def is_one(change: Change) -> bool:
    """Tell whether a change is of a stage's throttle."""
    return change.knob == KNOB and change.resource.startswith(_PREFIX)


def value(rate: float, burst: int) -> str:
    """Return a throttle as a change's value: ``500/s, burst 200``."""
    return f"{rate:g}/s, burst {burst}"


def observe(clients: Clients, api: str, stage: str, kind: str) -> str | None:
    """Return the throttle of all methods, None when there is none. apigateway or apigatewayv2 GetStage; ``kind`` rest or http."""
    if kind == "http":
        return _http_value(clients("apigatewayv2").get_stage(ApiId=api, StageName=stage).get("DefaultRouteSettings", {}))
    settings = clients("apigateway").get_stage(restApiId=api, stageName=stage).get("methodSettings", {}).get("*/*", {})
    return _throttle(settings.get("throttlingRateLimit"), settings.get("throttlingBurstLimit"))


def apply(clients: Clients, change: Change, permit: Permit) -> tuple[str, ...]:
    """Set the throttle if it is still ``before``: GetStage, UpdateStage. ``via`` is the API's kind."""
    api, stage = change.resource.removeprefix(_PREFIX).split("/", 1)
    now = observe(clients, api, stage, change.via)
    if now == change.after:
        return ()
    if now != change.before:
        raise Overtaken(
            Text(f"The stage's throttle is {now} by now; it is left alone.", f"스테이지 제한이 이제 {now}입니다. 그대로 둡니다.")
        )
    permit()
    rate, burst = parsed(str(change.after))
    if change.via == "http":
        client = clients("apigatewayv2")
        settings = client.get_stage(ApiId=api, StageName=stage).get("DefaultRouteSettings", {})
        limits = {**settings, "ThrottlingRateLimit": rate, "ThrottlingBurstLimit": burst}
        answer = client.update_stage(ApiId=api, StageName=stage, DefaultRouteSettings=limits)
    else:
        numbers = {"rateLimit": f"{rate:g}", "burstLimit": str(burst)}
        patches = [{"op": "replace", "path": f"/*/*/throttling/{name}", "value": number} for name, number in numbers.items()]
        answer = clients("apigateway").update_stage(restApiId=api, stageName=stage, patchOperations=patches)
    return (str(answer["ResponseMetadata"]["RequestId"]),)


def parsed(text: str) -> tuple[float, int]:
    """Return the rate and burst that ``value`` wrote."""
    rate, _, burst = text.partition("/s, burst ")
    return float(rate), int(burst)


def _http_value(settings: Mapping[str, Any]) -> str | None:
    return _throttle(settings.get("ThrottlingRateLimit"), settings.get("ThrottlingBurstLimit"))


def _throttle(rate: float | None, burst: int | None) -> str | None:
    return value(rate, burst) if rate is not None and burst is not None else None
