"""The API's failures, in one shape: ``{"error": {"code", "message", "problems", "request_id"}}``."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from infra.aws.workload.database import DatabaseFailed
from infra.aws.workload.image_rules import NotAllowed

RETRY_S = "2"
CODES = {404: "not-found", 405: "method-not-allowed"}


class Failed(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def install(app: FastAPI) -> None:
    """Let ``app`` answer every failure in the one shape."""

    async def failed(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Failed)  # noqa: S101 - registered for it
        return _answer(request, error.status, error.code, str(error))

    async def not_allowed(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, NotAllowed)  # noqa: S101 - registered for it
        return _answer(request, 422, "not-allowed", "this upload is not allowed", error.problems)

    async def database_failed(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, DatabaseFailed)  # noqa: S101 - registered for it
        request.state.why = f"database: {error.code}"
        return _answer(request, 503, "unavailable", "try again in a moment")

    async def unknown(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
        code = CODES.get(error.status_code, "bad-request")
        return _answer(request, error.status_code, code, str(error.detail))

    async def broken(request: Request, error: Exception) -> JSONResponse:
        request.state.why = type(error).__name__
        return _answer(request, 500, "internal", "this is a fault of ours")

    app.add_exception_handler(Failed, failed)
    app.add_exception_handler(NotAllowed, not_allowed)
    app.add_exception_handler(DatabaseFailed, database_failed)
    app.add_exception_handler(HTTPException, unknown)
    app.add_exception_handler(Exception, broken)


def _answer(request: Request, status: int, code: str, message: str, problems: Sequence[str] = ()) -> JSONResponse:
    error = {"code": code, "message": message, "problems": list(problems), "request_id": getattr(request.state, "request_id", "")}
    return JSONResponse({"error": error}, status, {"Retry-After": RETRY_S} if status == 503 else None)
