"""The presign API: hands out forms with which clients upload straight to S3, and says what became of an upload.

``python -m infra.aws.workload.presign_api``; its environment is ``settings.API``, its log one JSON line a request.

POST /uploads {content_type, size, filename?} → 201 {id, upload: {url, fields}, expires_in_s}; with the header Idempotency-Key
the same request gets the same upload again (200, a fresh form), another request under it 409.
GET /uploads/{id} → {id, status: waiting | done | refused, …, thumbnails: [{url, width, height, content_type}]}.
GET /healthz: the process works. GET /readyz: it may get traffic.
Every error is {"error": {"code", "message", "problems", "request_id"}}.

Who calls is what the edge says in the header ``x-caller`` (it overwrites a client's own): uploads of others are not found.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import Depends, FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse

from infra.aws.workload import settings
from infra.aws.workload.access_log import AccessLog
from infra.aws.workload.api_errors import Failed, install
from infra.aws.workload.aws_clients import clients
from infra.aws.workload.database import BAD_PASSWORD, DatabaseFailed, Pool
from infra.aws.workload.image_rules import IDEMPOTENCY_KEY, UUID_TEXT, NotAllowed, key_of, wish
from infra.aws.workload.presigning import Signer
from infra.aws.workload.serving import serve
from infra.aws.workload.settings import CannotStart, Store
from infra.aws.workload.uploads import Uploads

APPLICATION = "image-api"
LARGEST_BODY = 4096
LONGEST_CALLER = 256


class Health:
    """Whether this task may get traffic.

    All tasks share one database: when that is down, taking them out would turn an error of some requests into an outage of all,
    and no task would be better than another. So a task is ready once it has reached its database, and stays ready until it is
    told to stop. One whose password is refused is another matter: ECS gave it an old secret, its replacement gets the new one.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._reached = False
        self.draining = False

    @property
    def alive(self) -> bool:
        """Whether a replacement would be no better."""
        return self._pool.last_failure != BAD_PASSWORD

    def ready(self) -> tuple[bool, str]:
        """Return whether it is ready, and how its database is: up, or down with a code."""
        try:
            self._pool.run("SELECT 1")
            self._reached, database = True, "up"
        except DatabaseFailed as failed:
            database = f"down ({failed.code})"
        return self._reached and self.alive and not self.draining, database


def create_app(
    store: Store,
    signer: Signer,
    pool: Pool,
    *,
    write: Callable[[str], object],
    now: Callable[[], datetime],
    new_id: Callable[[], UUID] = uuid4,
    origins: Sequence[str] = (),
) -> FastAPI:
    """Return the application with everything that it uses; ``app.state.health`` is its ``Health``.

    ``origins`` are those of pages that may call it from a browser.
    """
    app = FastAPI(title=APPLICATION, docs_url=None, redoc_url=None, openapi_url=None)
    uploads, health = Uploads(pool), Health(pool)
    app.state.health = health
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type", "idempotency-key"],
            expose_headers=["location", "retry-after", "x-request-id"],
        )
    app.add_middleware(AccessLog, write=write, now=now, new_id=new_id)
    install(app)

    @app.post("/uploads")
    def order(request: Request, body: Annotated[bytes, Depends(_body)]) -> JSONResponse:
        asked = wish(_json(body), store.rules)
        upload = new_id()
        promise = uploads.promise(
            upload, key_of(store.uploads, upload), asked, caller=_caller(request), idempotency_key=_idempotency_key(request)
        )
        if not promise.same:
            raise Failed(409, "idempotency-key-reused", "this Idempotency-Key was used for another request")
        request.state.ordered = promise.fresh
        answer = {
            "id": str(promise.upload),
            "upload": signer.form(promise.key, asked),
            "expires_in_s": store.rules.form_expires_s,
        }
        return JSONResponse(answer, 201 if promise.fresh else 200, {"Location": f"/uploads/{promise.upload}"})

    @app.get("/uploads/{upload}")
    def look(request: Request, upload: str) -> JSONResponse:
        found = uploads.status(UUID(upload), _caller(request)) if UUID_TEXT.fullmatch(upload) else None
        if found is None:
            raise Failed(404, "not-found", "there is no such upload")
        return JSONResponse(_status(found, signer), headers={"Cache-Control": "no-store"})

    @app.get("/healthz")
    def healthz() -> JSONResponse:
        return JSONResponse({"status": "ok" if health.alive else "replace"}, 200 if health.alive else 503)

    @app.get("/readyz")
    def readyz() -> JSONResponse:
        ready, database = health.ready()
        return JSONResponse({"status": "ready" if ready else "not-ready", "database": database}, 200 if ready else 503)

    return app


def _status(found: dict[str, Any], signer: Signer) -> dict[str, Any]:
    """Return what a client is told of its upload."""
    asked = {"content_type": found["content_type"], "size": found["size_bytes"], "filename": found["filename"]}
    answer = {"id": str(found["id"]), "status": found["state"] or "waiting", **asked}
    if found["state"] == "refused":
        return {**answer, "reason": found["reason"]}
    if found["state"] == "done":
        links = [{"url": signer.link(each.pop("key")), **each} for each in found["thumbnails"]]
        return {**answer, **{name: found[name] for name in ("width", "height", "animated")}, "thumbnails": links}
    return answer


async def _body(request: Request) -> bytes:
    """Return the request's body; no more of it is read than a wish can be long."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_BODY:
            raise Failed(413, "too-large", f"a request is at most {LARGEST_BODY} bytes: images go to S3, not here")
    return body


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise NotAllowed(["the body must be JSON"]) from None


def _caller(request: Request) -> str:
    """Return who calls, as the edge says; "" where it says nothing."""
    caller = request.headers.get("x-caller", "")
    if len(caller) > LONGEST_CALLER or not caller.isprintable():
        raise NotAllowed(["x-caller cannot be read"])
    return caller


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
        raise NotAllowed(["Idempotency-Key must be 16 to 64 letters, digits, - or _"])
    return key


def main() -> int:
    """Serve until SIGTERM; return the exit code. A wrong environment is one line on stderr."""
    try:
        given = settings.api(os.environ)
    except CannotStart as error:
        print(error, file=sys.stderr)  # noqa: T201 - the container's own last word
        return 2
    pool = Pool(given.database, APPLICATION)
    app = create_app(
        given.store,
        Signer(clients(given.store)[0], given.store),
        pool,
        write=partial(print, flush=True),
        now=lambda: datetime.now(UTC),  # noqa: TID251 - the door at which the clock enters
        origins=given.origins,
    )
    serve(app, given)
    pool.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
