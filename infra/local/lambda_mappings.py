"""Lambda's event source mappings and reserved concurrency: what scaling a Lambda consumer reads and changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.local.arns import Place
from infra.local.aws_error import AwsError
from infra.local.clock import Clock
from infra.local.paging import page
from infra.local.seam import Operation, Request, Seam

Params = Mapping[str, Any]
Answer = dict[str, Any]

_CHANGEABLE = ("BatchSize", "MaximumBatchingWindowInSeconds", "FunctionResponseTypes", "FilterCriteria", "MaximumRetryAttempts")


class LambdaMappings:
    """The mappings that the platform put here. A change is seen at once, State is Updating for ``update_s`` seconds."""

    def __init__(self, clock: Clock, seam: Seam, place: Place) -> None:
        self.update_s = 10.0
        self._clock = clock
        self._seam = seam
        self._place = place
        self._mappings: dict[str, dict[str, Any]] = {}
        self._reserved: dict[str, int] = {}

    @property
    def operations(self) -> dict[str, Operation]:
        """What is answered here."""
        return {
            "ListEventSourceMappings": self.list_event_source_mappings,
            "GetEventSourceMapping": self.get_event_source_mapping,
            "UpdateEventSourceMapping": self.update_event_source_mapping,
            "GetFunctionConcurrency": self.get_function_concurrency,
        }

    def preload(
        self,
        *,
        function: str,
        queue_arn: str,
        maximum_concurrency: int | None = None,
        batch_size: int = 10,
        reserved: int | None = None,
        pollers: tuple[int, int] | None = None,
    ) -> str:
        """Put a mapping there, Enabled; returns its UUID. ``pollers`` are (minimum, maximum) of provisioned pollers."""
        identifier = self._seam.next_id()
        mapping: dict[str, Any] = {
            "UUID": identifier,
            "BatchSize": batch_size,
            "MaximumBatchingWindowInSeconds": 0,
            "EventSourceArn": queue_arn,
            "FunctionArn": self._place.arn("lambda", f"function:{function}"),
            "EventSourceMappingArn": self._place.arn("lambda", f"event-source-mapping:{identifier}"),
            "LastModified": self._clock.now,
            "State": "Enabled",
            "StateTransitionReason": "USER_INITIATED",
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
        }
        if maximum_concurrency is not None:
            mapping["ScalingConfig"] = {"MaximumConcurrency": maximum_concurrency}
        if pollers is not None:
            mapping["ProvisionedPollerConfig"] = {"MinimumPollers": pollers[0], "MaximumPollers": pollers[1]}
        self._mappings[identifier] = mapping
        if reserved is not None:
            self._reserved[_function_name(function)] = reserved
        return identifier

    def list_event_source_mappings(self, params: Params, _: Request) -> Answer:
        """List mappings, of one queue or one function where asked."""
        function = _function_name(params["FunctionName"]) if "FunctionName" in params else None
        found = [
            dict(mapping)
            for mapping in self._mappings.values()
            if params.get("EventSourceArn", mapping["EventSourceArn"]) == mapping["EventSourceArn"]
            and (function is None or _function_name(mapping["FunctionArn"]) == function)
        ]
        shown, token = page(found, params.get("MaxItems", 100), params.get("Marker"), error="InvalidParameterValueException")
        return {"EventSourceMappings": shown, **({"NextMarker": token} if token else {})}

    def get_event_source_mapping(self, params: Params, _: Request) -> Answer:
        """Describe one mapping."""
        return dict(self._mapping(params))

    def update_event_source_mapping(self, params: Params, request: Request) -> Answer:
        """Change a mapping. ScalingConfig and ProvisionedPollerConfig exclude each other; a mapping under change is busy."""
        mapping = self._mapping(params)
        if mapping["State"] in ("Updating", "Enabling", "Disabling"):
            raise AwsError(
                "ResourceInUseException", f"Cannot update the event source mapping because it is in state {mapping['State']}."
            )
        changed = {name: params[name] for name in _CHANGEABLE if name in params}
        for name in ("ScalingConfig", "ProvisionedPollerConfig"):
            if name in params:
                changed[name] = dict(params[name])
        after = {name: value for name, value in {**mapping, **changed}.items() if value != {}}
        if "ScalingConfig" in after and "ProvisionedPollerConfig" in after:
            raise AwsError(
                "InvalidParameterValueException", "MaximumConcurrency and ProvisionedPollerConfig cannot be set at the same time."
            )
        enabled = params.get("Enabled", mapping["State"] == "Enabled")
        mapping.clear()
        mapping.update({**after, "State": "Updating", "LastModified": request.at})
        self._clock.after(self.update_s, lambda: self._settled(mapping, enabled), label="event source mapping")
        return dict(mapping)

    def get_function_concurrency(self, params: Params, _: Request) -> Answer:
        """Return the reserved concurrency; nothing when none is reserved."""
        reserved = self._reserved.get(_function_name(params["FunctionName"]))
        return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}

    def _settled(self, mapping: dict[str, Any], enabled: bool) -> None:
        with self._seam.lock:
            mapping["State"] = "Enabled" if enabled else "Disabled"

    def _mapping(self, params: Params) -> dict[str, Any]:
        mapping = self._mappings.get(params["UUID"])
        if mapping is None:
            raise AwsError("ResourceNotFoundException", "The resource you requested does not exist.")
        return mapping


def _function_name(reference: str) -> str:
    """Return the name in a name, name:alias or ARN."""
    return reference.rsplit(":function:", maxsplit=1)[-1].split(":", maxsplit=1)[0]
