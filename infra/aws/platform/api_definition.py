"""The API as OpenAPI: what may be asked, of whom, and where it goes. Pure: values that only a deployment knows are arguments.

Everything else is answered by API Gateway itself with 403: no health check and no path that somebody forgets is reachable.
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-private-integration.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from infra.aws.workload.settings import ImageRules

STAGE = "prod"
TIMEOUT_MS = 15_000  # the API ends a statement after 10 s
LONGEST_NAME = 255
UPLOAD_ID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
IDEMPOTENCY_KEY = "[A-Za-z0-9_-]{16,64}"
SIGNED_IN = "signed-in"
VALIDATED = "everything"
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Backend:
    """Where requests go: the VPC link's id, the load balancer's ARN, and the address that its listener is asked at."""

    link: str
    balancer: str
    address: str


def document(backend: Backend, user_pool: str, rules: ImageRules) -> Document:
    """Return the API. ``user_pool`` is the ARN of the pool whose ID tokens are accepted; ``rules`` say what an upload may be."""
    return {
        "openapi": "3.0.1",
        "info": {"title": "image-api", "version": "1"},
        "x-amazon-apigateway-request-validators": {
            VALIDATED: {"validateRequestBody": True, "validateRequestParameters": True},
        },
        "x-amazon-apigateway-request-validator": VALIDATED,
        "x-amazon-apigateway-gateway-responses": _refusals(),
        "paths": {
            "/uploads": {"post": _order(backend)},
            "/uploads/{id}": {"get": _look(backend)},
        },
        "components": {"schemas": {"Wish": _wish(rules)}, "securitySchemes": {SIGNED_IN: _signed_in(user_pool)}},
    }


def _order(backend: Backend) -> Document:
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "schema": {"type": "string", "pattern": f"^{IDEMPOTENCY_KEY}$"},
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
        "schema": {"type": "string", "pattern": f"^{UPLOAD_ID}$"},
    }
    return {
        "summary": "What became of an upload, with links to its thumbnails",
        "parameters": [upload],
        **_answers(("200", "404", "503")),
        **_goes_to(backend, "/uploads/{id}", "GET", {"integration.request.path.id": "method.request.path.id"}),
    }


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


def _refusals() -> Document:
    """Return what API Gateway itself answers, in the shape of the API's own errors."""

    def said(code: str, message: str) -> Document:
        error = f'{{"code": "{code}", "message": {message}, "problems": [], "request_id": "$context.requestId"}}'
        return {"application/json": f'{{"error": {error}}}'}

    told = "$context.error.messageString"  # has its quotes already
    return {
        "BAD_REQUEST_BODY": {"statusCode": 400, "responseTemplates": said("not-allowed", told)},
        "BAD_REQUEST_PARAMETERS": {"statusCode": 400, "responseTemplates": said("not-allowed", told)},
        "UNAUTHORIZED": {"statusCode": 401, "responseTemplates": said("signed-out", told)},
        "THROTTLED": {
            "statusCode": 429,
            "responseParameters": {"gatewayresponse.header.Retry-After": "'5'"},
            "responseTemplates": said("too-many-requests", told),
        },
    }
