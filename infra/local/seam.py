"""The overlay's place in botocore: calls of chosen operations are answered here, in this process, all others go on to moto.

It stands on botocore's event seam (``before-parameter-build`` for the parameters, ``before-call`` for the answer), so that the
client's own validation, exceptions and paginators stay AWS's. Every request and answer is checked against the service model.

Every call holds one lock, overlay or moto: moto's own operations are not atomic between threads. Whoever watches
(``observe``) therefore sees calls in the order in which they took effect.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from unittest.mock import patch

import botocore.client
import botocore.handlers
import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, ReadTimeoutError
from botocore.model import OperationModel
from moto.core.serialize import BaseJSONSerializer

from infra.local import reserved_words
from infra.local.arns import Place
from infra.local.aws_error import AwsError
from infra.local.faults import Fault, Faults
from infra.local.quick_items import attribute_value_first
from infra.local.shapes import ShapeChecker
from infra.local.shared_loader import create_loader

_PARAMS = "tocsin_params"
_MOTO_ACCOUNT = "MOTO_ACCOUNT_ID"
_GLOBAL = "aws-global"  # where botocore says that a service without regions lives: Shield, Health


@dataclass(frozen=True, slots=True)
class Request:
    """What an overlay's operation is told beside its parameters."""

    service: str
    operation: str
    region: str
    request_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Call:
    """One finished call, as observers see it. ``service`` is the name given to ``boto3.client``.

    ``error_code`` is None for success; a call that got no answer has the exception's name there. ``request_id`` is "" then.
    ``served`` is ``overlay``, ``moto`` or ``fault``. ``internal``: AWS made the call itself (an alarm's action, a due schedule).
    """

    service: str
    operation: str
    params: Mapping[str, Any]
    response: Mapping[str, Any] | None
    error_code: str | None
    error_message: str
    request_id: str
    region: str
    at: datetime
    served: str
    internal: bool = False
    account: str = ""


# operation(params, request) -> the answer's members, or None: not mine, let moto answer
Operation = Callable[[Mapping[str, Any], Request], "Mapping[str, Any] | None"]
Observer = Callable[[Call], object]


@dataclass
class _Served:
    operations: dict[str, Operation] = field(default_factory=dict)
    others_to_moto: bool = False


class Seam:
    """The registry of answered operations, and the one door through which every call of the process goes.

    ``now`` gives the virtual time. ``home`` is where most calls go; a call of an overlaid service in a place that nobody
    opened is a mistake of the test and says so. ``account_of`` tells in which account an access key acts.
    """

    def __init__(self, now: Callable[[], datetime], home: Place) -> None:
        self.lock = threading.RLock()
        self.account_of: Callable[[str], str] = lambda _: home.account
        self._now = now
        self._home = home
        self._accounts = [home.account]  # of the calls that are being made, the innermost last
        self._services: dict[tuple[Place, str], _Served] = {}
        self._observers: list[Observer] = []
        self._faults = Faults()
        self._checker = ShapeChecker()
        self._sequence = 0
        self._open = False
        self._internal = 0
        self._served: list[str] = []  # who answers each of the calls that are being made, the innermost last
        self._patches: list[Any] = []
        self._handlers = [("before-parameter-build", self._keep_params), ("before-call", self._answer)]

    def serve(
        self, service: str, operations: Mapping[str, Operation], *, others_to_moto: bool = False, place: Place | None = None
    ) -> None:
        """Answer ``operations`` of ``service`` in ``place``, home where none is named.

        Other operations of it raise NotImplementedError, or go to moto when asked so.
        """
        served = self._services.setdefault((place or self._home, service), _Served())
        served.operations.update(operations)
        served.others_to_moto = served.others_to_moto or others_to_moto

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Tell ``observer`` of every finished call; returns the function that ends it."""
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    def fail(
        self,
        service: str,
        operation: str,
        error_code: str,
        *,
        times: int | None = 1,
        after_effect: bool = False,
        when: Callable[[Mapping[str, Any]], bool] | None = None,
        message: str = "injected",
    ) -> Fault:
        """Let the next ``times`` calls fail (None: until ``fault.lift()``); ``operation`` may be ``*``.

        ``error_code`` is an AWS code, or ``timeout`` / ``unreachable`` for a call without an answer. ``after_effect``: the call
        takes effect and only then fails. ``when`` chooses by parameters. It is what the caller sees after botocore's own retries.
        """
        return self._faults.add(Fault(service, operation, error_code, times, after_effect, when, message))

    def next_id(self) -> str:
        """Return a fresh id in the form of a UUID, the same in every run."""
        self._sequence += 1
        return f"{self._sequence:08x}-70c5-4000-8000-{self._sequence * 2654435761 % 2**48:012x}"

    @contextlib.contextmanager
    def internal(self) -> Iterator[None]:
        """Mark the calls made inside as AWS's own: no ordered failure strikes them, observers can tell them apart."""
        with self.lock:
            self._internal += 1
            try:
                yield
            finally:
                self._internal -= 1

    def open(self) -> None:
        """Install in botocore: clients of every session of the process are served from now on."""
        botocore.handlers.BUILTIN_HANDLERS.extend(self._handlers)
        original = vars(botocore.client.BaseClient)["_make_api_call"]

        def call(client: Any, operation: str, params: dict[str, Any]) -> Any:
            return self._call(original, client, operation, params)

        self._patches = [
            patch.object(botocore.client.BaseClient, "_make_api_call", call),
            patch.object(botocore.session, "create_loader", create_loader),
            patch.object(BaseJSONSerializer, "_serialize_type_structure", attribute_value_first),
        ]
        for item in self._patches:
            item.start()
        self._open = True

    def close(self) -> None:
        """Leave botocore as it was; clients made meanwhile refuse to work."""
        self._open = False
        for item in self._patches:
            item.stop()
        for handler in self._handlers:
            botocore.handlers.BUILTIN_HANDLERS.remove(handler)

    def _call(self, original: Any, client: Any, operation: str, params: dict[str, Any]) -> Any:
        """Make one call: under the lock, with the faults that are due, seen by the observers."""
        service = client.meta.service_model.service_name
        with self.lock:
            fault = None if self._internal else self._faults.due(service, operation, params)
            try:
                account = self.account_of(_key_of(client))
            except AwsError as error:  # the credentials have ended
                account, fault = self._home.account, Fault(service, operation, error.code, None, False, None, str(error))
            self._accounts.append(account)
            self._served.append(self._served_by(service, operation, client.meta.region_name))
            # botocore would fill these in with random ids, and no two runs would be the same.
            for name in client.meta.service_model.operation_model(operation).idempotent_members:
                params.setdefault(name, self.next_id())
            try:
                if fault is not None and not fault.after_effect:
                    self._served[-1] = "fault"
                    raise self._failure(client, operation, fault)
                with self._moto_in(_owner(params) or self._accounts[-1]):
                    response = original(client, operation, params)
                if fault is not None:
                    raise self._failure(client, operation, fault)
            except (ClientError, BotoCoreError) as error:
                self._tell(client, operation, params, error, self._served[-1])
                raise
            else:
                self._tell(client, operation, params, response, self._served[-1])
                return response
            finally:
                self._served.pop()
                self._accounts.pop()

    def _tell(self, client: Any, operation: str, params: Mapping[str, Any], outcome: Any, served: str) -> None:
        if not self._observers:
            return
        response, code, message = None, None, ""
        if isinstance(outcome, ClientError):
            error = outcome.response.get("Error", {})
            code, message = error.get("Code", ""), error.get("Message", "")
            metadata: Mapping[str, Any] = outcome.response.get("ResponseMetadata", {})
        elif isinstance(outcome, BotoCoreError):
            code, message, metadata = type(outcome).__name__, str(outcome), {}
        else:
            response, metadata = outcome, outcome.get("ResponseMetadata", {})
        call = Call(
            client.meta.service_model.service_name,
            operation,
            dict(params),
            response,
            code,
            message,
            metadata.get("RequestId", ""),
            client.meta.region_name,
            self._now(),
            served,
            internal=self._internal > 0,
            account=self._accounts[-1],
        )
        for observer in tuple(self._observers):
            observer(call)

    @contextlib.contextmanager
    def _moto_in(self, account: str) -> Iterator[None]:
        """Let moto answer from the backend of ``account``; it reads that from the environment, under the lock of this call."""
        before = os.environ.get(_MOTO_ACCOUNT, self._home.account)
        os.environ[_MOTO_ACCOUNT] = account
        try:
            yield
        finally:
            os.environ[_MOTO_ACCOUNT] = before

    def _here(self, service: str, region: str) -> _Served | None:
        """Return what is answered of ``service`` where the present call goes."""
        account = self._accounts[-1]
        if region != _GLOBAL:
            return self._services.get((Place(account, region), service))
        found = (served for (place, name), served in self._services.items() if name == service and place.account == account)
        return next(found, None)

    def _is_nobodys(self, service: str, operation: str) -> bool:
        """Tell whether nobody answers ``operation`` anywhere: moto may."""
        all_of_it = [served for (_, name), served in self._services.items() if name == service]
        return all(served.others_to_moto and operation not in served.operations for served in all_of_it)

    def _served_by(self, service: str, operation: str, region: str) -> str:
        known = self._here(service, region)
        return "overlay" if known is not None and operation in known.operations else "moto"

    def _failure(self, client: Any, operation: str, fault: Fault) -> Exception:
        endpoint = client.meta.endpoint_url
        if fault.error_code == "timeout":
            return ReadTimeoutError(endpoint_url=endpoint)
        if fault.error_code == "unreachable":
            return EndpointConnectionError(endpoint_url=endpoint)
        model = client.meta.service_model.operation_model(operation)
        _, parsed = self._error(AwsError(fault.error_code, fault.message), model, self.next_id(), endpoint)
        error: Exception = client.exceptions.from_code(fault.error_code)(parsed, operation)
        return error

    def _keep_params(self, params: Any, context: dict[str, Any], **_: Any) -> None:
        context[_PARAMS] = params

    def _answer(
        self, model: OperationModel, params: Mapping[str, Any], context: dict[str, Any], **_: Any
    ) -> tuple[AWSResponse, dict[str, Any]] | None:
        """Answer a call of an overlaid service; None passes it on to moto."""
        if not self._open:
            raise RuntimeError("this client was made inside an embedded AWS that has been closed")
        service = model.service_model.service_name
        if service == "dynamodb" and (refused := reserved_words.refusal(context[_PARAMS])):
            return self._error(refused, model, self.next_id(), str(params["url"]))
        region = context["client_region"]
        served = self._here(service, region)
        if served is None and self._is_nobodys(service, model.name):
            return None
        if served is None:
            raise RuntimeError(
                f"nobody has opened {self._accounts[-1]}/{region} in the embedded AWS; {service} {model.name} asks it"
            )
        operation = served.operations.get(model.name)
        if operation is None and not served.others_to_moto:
            raise NotImplementedError(f"the embedded AWS has no {service} {model.name}: add it to infra/local")
        return self._serve(operation, model, context, str(params["url"])) if operation else None

    def _serve(
        self, operation: Operation, model: OperationModel, context: dict[str, Any], url: str
    ) -> tuple[AWSResponse, dict[str, Any]] | None:
        region, given = context["client_region"], context[_PARAMS]
        request = Request(model.service_model.service_name, model.name, region, self.next_id(), self._now())
        try:
            problems = self._checker.request(given, model)
            if problems:
                raise AwsError(_VALIDATION.get(request.service, "ValidationException"), "; ".join(problems))
            answer = operation(_copied(given), request)
        except AwsError as error:
            return self._error(error, model, request.request_id, url)
        if answer is None:
            self._served[-1] = "moto"
            return None
        problems = self._checker.response(answer, model)
        if problems:
            raise AssertionError(f"{model.name} answered against its model: {'; '.join(problems)}")
        return AWSResponse(url, 200, HTTPHeaders(), None), {
            **_copied(answer),
            "ResponseMetadata": _metadata(request.request_id, 200),
        }

    def _error(self, error: AwsError, model: OperationModel, request_id: str, url: str) -> tuple[AWSResponse, dict[str, Any]]:
        status = error.status or _status(error.code, model)
        parsed = {
            **error.extra,
            "Error": {"Code": error.code, "Message": error.message},
            "ResponseMetadata": _metadata(request_id, status),
        }
        return AWSResponse(url, status, HTTPHeaders(), None), parsed


# How a service spells "your request is malformed", where it is not ValidationException.
_VALIDATION = {
    "cloudwatch": "ValidationError",
    "ecs": "InvalidParameterException",
    "lambda": "InvalidParameterValueException",
    "logs": "InvalidParameterException",
    "rds-data": "BadRequestException",
    "resourcegroupstaggingapi": "InvalidParameterException",
    "sqs": "InvalidParameterValue",
    "wafv2": "WAFInvalidParameterException",
}
_GENERAL_STATUS = {
    "AccessDenied": 403,
    "AccessDeniedException": 400,
    "ServiceUnavailable": 503,
    "ServiceUnavailableException": 503,
    "InternalFailure": 500,
    "InternalError": 500,
    "InternalServiceError": 500,
    "TooManyRequestsException": 429,
}


def _key_of(client: Any) -> str:
    """Return the access key that ``client`` signs with, "" for one that does not sign."""
    return str(getattr(client._request_signer._credentials, "access_key", ""))


def _owner(params: Mapping[str, Any]) -> str:
    """Return the account of a table that a call points at by its ARN, "" where it names its own."""
    table = str(params.get("TableName") or next(iter(params.get("RequestItems") or ()), ""))
    return table.split(":")[4] if table.startswith("arn:") else ""


def _copied(value: Any) -> Any:
    """Copy plain data: no caller may reach into an overlay's store, nor the other way round."""
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_copied(item) for item in value]
    return value


def _status(code: str, model: OperationModel) -> int:
    """Return the HTTP status of an error code: the model's where it names it, else the usual one."""
    for shape in model.service_model.error_shapes:
        error = shape.metadata.get("error") or {}
        if code in (error.get("code"), shape.name):
            return int(error.get("httpStatusCode", 400))
    return _GENERAL_STATUS.get(code, 400)


def _metadata(request_id: str, status: int) -> dict[str, Any]:
    headers = {"x-amzn-requestid": request_id}
    return {"RequestId": request_id, "HTTPStatusCode": status, "HTTPHeaders": headers, "RetryAttempts": 0}
