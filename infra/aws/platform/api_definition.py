"""The API as OpenAPI: what may be asked, of whom, and where it goes. Pure: values that only a deployment knows are arguments.

Everything else is answered by API Gateway itself with 403: no health check and no path that somebody forgets is reachable.
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-private-integration.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from infra.aws.workload.image_rules import IDEMPOTENCY_KEY, LONGEST_NAME, UUID_TEXT
from infra.aws.workload.settings import ImageRules

STAGE = "prod"
TIMEOUT_MS = 15_000  # the API ends a statement after 10 s
SIGNED_IN = "signed-in"
VALIDATED = "everything"
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Backend:
    """Where requests go: the VPC link's id, the load balancer's ARN, and the address that its listener is asked at."""

    link: str
    balancer: str
    address: str


def document(backend: Backend, user_pool: str, rules: ImageRules, origins: Sequence[str] = ()) -> Document:
    """Return the API. ``user_pool`` is the ARN of the pool whose ID tokens are accepted; ``rules`` say what an upload may be.

    With ``origins``, of pages that call from a browser, their preflights pass without a token: the API itself answers them.
    """
    order, look = _order(backend), _look(backend)
    preflights = {
        path: {"options": _preflight(backend, path, item)} for path, item in (("/uploads", order), ("/uploads/{id}", look))
    }
    return {
        "openapi": "3.0.1",
        "info": {"title": "image-api", "version": "1"},
        "x-amazon-apigateway-request-validators": {
            VALIDATED: {"validateRequestBody": True, "validateRequestParameters": True},
        },
        "x-amazon-apigateway-request-validator": VALIDATED,
        "x-amazon-apigateway-gateway-responses": _refusals(readable=bool(origins)),
        "paths": {
            "/uploads": {"post": order, **(preflights["/uploads"] if origins else {})},
            "/uploads/{id}": {"get": look, **(preflights["/uploads/{id}"] if origins else {})},
        },
        "components": {"schemas": {"Wish": _wish(rules)}, "securitySchemes": {SIGNED_IN: _signed_in(user_pool)}},
    }


def _order(backend: Backend) -> Document:
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "schema": {"type": "string", "pattern": f"^{IDEMPOTENCY_KEY.pattern}$"},
    }
    body = {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Wish"}}}}
    mapped = {"integration.request.header.Idempotency-Key": "method.request.header.Idempotency-Key"}
    return {
        "summary": "Order a form with which one image can be uploaded to S3",
        "parameters": [key],
        "requestBody": body,
        **_answers(("200", "201", "409", "422", "503")),
        **_goes_to(backend, "/uploads", "POST", mapped),
    }


def _look(backend: Backend) -> Document:
    upload = {
        "name": "id",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": f"^{UUID_TEXT.pattern}$"},
    }
    return {
        "summary": "What became of an upload, with links to its thumbnails",
        "parameters": [upload],
        **_answers(("200", "404", "503")),
        **_goes_to(backend, "/uploads/{id}", "GET", {"integration.request.path.id": "method.request.path.id"}),
    }


def _preflight(backend: Backend, path: str, asked: Document) -> Document:
    """Return the question that a browser asks before ``asked``: whether a page of that origin may."""
    mapped = {"integration.request.path.id": "method.request.path.id"} if "{id}" in path else {}
    way = _goes_to(backend, path, "OPTIONS", mapped)["x-amazon-apigateway-integration"]
    way["requestParameters"] = mapped  # nobody is signed in
    parameters = [one for one in asked["parameters"] if one["in"] == "path"]
    responses = {"200": {"description": "the page may"}, "400": {"description": "it may not"}}
    return {"parameters": parameters, "responses": responses, "x-amazon-apigateway-integration": way}


def _answers(statuses: tuple[str, ...]) -> Document:
    return {"security": [{SIGNED_IN: []}], "responses": {status: {"description": "see docs/platform.md"} for status in statuses}}


def _goes_to(backend: Backend, path: str, method: str, mapped: Document) -> Document:
    # Who calls is what the token says. A header of the client's own by that name is overwritten.
    parameters = {
        "integration.request.header.x-caller": "context.authorizer.claims.sub",
        "integration.request.header.x-request-id": "context.requestId",
        **mapped,
    }
    return {
        "x-amazon-apigateway-integration": {
            "type": "http_proxy",
            "httpMethod": method,
            "uri": f"{backend.address}{path}",
            "connectionType": "VPC_LINK",
            "connectionId": backend.link,
            "integrationTarget": backend.balancer,
            "passthroughBehavior": "when_no_match",
            "timeoutInMillis": TIMEOUT_MS,
            "requestParameters": parameters,
        }
    }


def _wish(rules: ImageRules) -> Document:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["content_type", "size"],
        "properties": {
            "content_type": {"type": "string", "enum": list(rules.types)},
            "size": {"type": "integer", "minimum": 1, "maximum": rules.most_bytes},
            "filename": {"type": "string", "maxLength": LONGEST_NAME},
        },
    }


def _signed_in(user_pool: str) -> Document:
    return {
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "x-amazon-apigateway-authtype": "cognito_user_pools",
        "x-amazon-apigateway-authorizer": {"type": "cognito_user_pools", "providerARNs": [user_pool]},
    }


def _refusals(*, readable: bool) -> Document:
    """Return what API Gateway itself answers, in the shape of the API's own errors; ``readable`` by any page."""

    def said(code: str, message: str) -> Document:
        error = f'{{"code": "{code}", "message": {message}, "problems": [], "request_id": "$context.requestId"}}'
        return {"application/json": f'{{"error": {error}}}'}

    told = "$context.error.messageString"  # has its quotes already
    answers: Document = {
        "BAD_REQUEST_BODY": {"statusCode": 400, "responseTemplates": said("not-allowed", told)},
        "BAD_REQUEST_PARAMETERS": {"statusCode": 400, "responseTemplates": said("not-allowed", told)},
        "UNAUTHORIZED": {"statusCode": 401, "responseTemplates": said("signed-out", told)},
        "THROTTLED": {
            "statusCode": 429,
            "responseParameters": {"gatewayresponse.header.Retry-After": "'5'"},
            "responseTemplates": said("too-many-requests", told),
        },
    }
    for answer in answers.values() if readable else ():
        answer.setdefault("responseParameters", {})["gatewayresponse.header.Access-Control-Allow-Origin"] = "'*'"
    return answers
