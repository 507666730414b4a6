"""Stages of API Gateway and their throttles: REST by patches on method settings, HTTP APIs by route settings.

https://docs.aws.amazon.com/apigateway/latest/api/patch-operations.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.local.aws_error import AwsError
from infra.local.seam import Operation, Request

Params = Mapping[str, Any]
Answer = dict[str, Any]

_EVERYTHING = "*/*"
# What AWS shows of method settings beside the throttle, at their defaults.
_SETTINGS = {"metricsEnabled": True, "dataTraceEnabled": False, "cachingEnabled": False, "cacheTtlInSeconds": 300}


class Stages:
    """The stages that a story put here, by API and name."""

    def __init__(self) -> None:
        self._rest: dict[tuple[str, str], dict[str, Any]] = {}
        self._http: dict[tuple[str, str], dict[str, Any]] = {}

    @property
    def rest_operations(self) -> dict[str, Operation]:
        """What is answered here of apigateway."""
        return {"GetStage": self.get_rest_stage, "UpdateStage": self.update_rest_stage}

    @property
    def http_operations(self) -> dict[str, Operation]:
        """What is answered here of apigatewayv2."""
        return {"GetStage": self.get_http_stage, "UpdateStage": self.update_http_stage}

    def preload_rest(self, api: str, stage: str, *, rate: float | None = None, burst: int | None = None) -> None:
        """Put a REST API's stage there, with a throttle for all methods or none."""
        settings = (
            {_EVERYTHING: {**_SETTINGS, "throttlingRateLimit": rate, "throttlingBurstLimit": burst}} if rate is not None else {}
        )
        self._rest[api, stage] = {"stageName": stage, "methodSettings": settings}

    def preload_http(self, api: str, stage: str, *, rate: float | None = None, burst: int | None = None) -> None:
        """Put an HTTP API's stage there, with a default throttle or none."""
        limits = {} if rate is None else {"ThrottlingRateLimit": rate, "ThrottlingBurstLimit": burst}
        self._http[api, stage] = {"StageName": stage, "DefaultRouteSettings": {"DetailedMetricsEnabled": True, **limits}}

    def get_rest_stage(self, params: Params, _: Request) -> Answer:
        """Describe a REST API's stage."""
        return self._known(self._rest, params["restApiId"], params["stageName"])

    def update_rest_stage(self, params: Params, _: Request) -> Answer:
        """Patch a stage: the throttles of all methods only. A value is text and must be a number."""
        stage = self._known(self._rest, params["restApiId"], params["stageName"])
        for patch in params.get("patchOperations", ()):
            name = {
                "/*/*/throttling/rateLimit": "throttlingRateLimit",
                "/*/*/throttling/burstLimit": "throttlingBurstLimit",
            }.get(patch.get("path", ""))
            if name is None or patch.get("op") != "replace":
                raise AwsError("BadRequestException", f"Invalid patch: {patch.get('op')} {patch.get('path')}")
            settings = stage["methodSettings"].setdefault(_EVERYTHING, dict(_SETTINGS))
            try:
                number = float(patch["value"])
            except ValueError:
                raise AwsError("BadRequestException", f"Invalid value {patch['value']!r}") from None
            settings[name] = number if name == "throttlingRateLimit" else int(number)
        return stage

    def get_http_stage(self, params: Params, _: Request) -> Answer:
        """Describe an HTTP API's stage."""
        return self._known(self._http, params["ApiId"], params["StageName"])

    def update_http_stage(self, params: Params, _: Request) -> Answer:
        """Change a stage; a member that is given replaces the old one whole."""
        stage = self._known(self._http, params["ApiId"], params["StageName"])
        stage.update({name: params[name] for name in ("DefaultRouteSettings", "RouteSettings", "Description") if name in params})
        return stage

    def _known(self, stages: Mapping[tuple[str, str], dict[str, Any]], api: str, stage: str) -> dict[str, Any]:
        known = stages.get((api, stage))
        if known is None:
            raise AwsError("NotFoundException", "Invalid stage identifier specified", 404)
        return known
