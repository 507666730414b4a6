"""Uploads through the API and S3's own door: what is promised, what the signature refuses, what a client is told."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from postgres_server import Server
from workload_stage import BUCKET, Stage, stage, until

from infra.aws.workload.database import Pool
from infra.local.uploading import File, NotUploaded, Uploading, fetch, pictures, send

PICTURE = pictures(1, 7)[0]


@pytest.fixture
def world(postgres_server: Server) -> Iterator[Stage]:
    with stage(postgres_server, "uploads_story") as made:
        yield made


def ask(client: Uploading, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
    """One request as it is: (status, document, headers)."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(client.address + path, body, named, method=method)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
            return answer.status, json.loads(answer.read()), {k.lower(): v for k, v in answer.headers.items()}
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read()), {k.lower(): v for k, v in error.headers.items()}


def order(client: Uploading, document: object, **headers: str) -> tuple[int, Any, dict[str, str]]:
    return ask(client, "POST", "/uploads", json.dumps(document).encode(), **headers)


def wish(file: File = PICTURE, **more: Any) -> dict[str, Any]:
    return {"content_type": file.content_type, "size": len(file.data), **more}


def test_an_image_goes_straight_to_s3_and_its_thumbnails_come_back_by_links(world: Stage) -> None:
    client = world.api()
    upload = client.upload(PICTURE)
    assert client.status(upload)["status"] == "waiting"

    with world.consuming():
        world.worked_off()

    told = client.status(upload)
    assert (told["status"], told["width"] > 0, len(told["thumbnails"])) == ("done", True, 2)
    for thumbnail in told["thumbnails"]:
        assert fetch(thumbnail["url"])[:3] == b"\xff\xd8\xff"
    assert list(world.objects("uploads/")) == [f"uploads/{upload}"]


def test_s3_itself_refuses_what_was_not_signed(world: Stage) -> None:
    """No moto here: it takes any form. Each of these is refused by the signature alone, at the door in S3's place."""
    client = world.api()
    form = order(client, wish())[1]["upload"]
    kind, key = form["fields"]["Content-Type"], form["fields"]["key"]

    refused = {
        "EntityTooLarge": (PICTURE.data + b"x", {}),
        "EntityTooSmall": (PICTURE.data[:-1], {}),
        "AccessDenied": (PICTURE.data, {"Content-Type": "text/html"}),
        "Policy Condition failed": (PICTURE.data, {"key": "uploads/../thumbnails/x"}),
        "Extra input fields": (PICTURE.data, {"acl": "public-read"}),
        "SignatureDoesNotMatch": (PICTURE.data, {"x-amz-signature": "0" * 64}),
        "InvalidAccessKeyId": (PICTURE.data, {"x-amz-credential": "SOMEBODY/20260101/ap-northeast-2/s3/aws4_request"}),
    }
    for code, (data, changed) in refused.items():
        with pytest.raises(NotUploaded, match=code):
            send(form, data, **changed)

    world.shifted = timedelta(minutes=6)
    with pytest.raises(NotUploaded, match="Policy expired"):
        send(form, PICTURE.data)
    assert world.objects("") == {}

    world.shifted = timedelta(minutes=4)
    send(form, PICTURE.data)
    assert list(world.objects("")) == [key]
    assert world.s3.head_object(Bucket=BUCKET, Key=key)["ContentType"] == kind


def test_a_link_to_a_thumbnail_ends_and_opens_nothing_else(world: Stage) -> None:
    client = world.api()
    upload = client.upload(PICTURE)
    with world.consuming():
        world.worked_off()
    link = client.status(upload)["thumbnails"][0]["url"]

    with pytest.raises(NotUploaded, match="SignatureDoesNotMatch"):
        fetch(link.replace("/thumbnails/", "/uploads/"))
    with pytest.raises(NotUploaded, match="AccessDenied"):
        fetch(link.split("?", maxsplit=1)[0])
    world.shifted = timedelta(minutes=6)
    with pytest.raises(NotUploaded, match="expired"):
        fetch(link)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"content_type": "image/svg+xml", "size": 5}, "content_type must be one of"),
        ({"content_type": "image/png", "size": 2**20 + 1}, "size must be"),
        ({"content_type": "image/png", "size": 0}, "size must be"),
        ({"content_type": "image/png", "size": True}, "size must be"),
        ({"content_type": "image/png", "size": "12"}, "size must be"),
        ({"content_type": "image/png", "size": 12, "key": "uploads/mine"}, "'key' is not known"),
        ({"content_type": "image/png", "size": 12, "filename": "a\x00b"}, "filename must be"),
        (["image/png", 12], "must be a JSON object"),
    ],
)
def test_a_wish_that_may_not_be_is_refused_with_every_reason_and_leaves_nothing(
    world: Stage, document: object, said: str
) -> None:
    status, answer, _ = order(world.api(), document)

    assert status == 422
    assert set(answer["error"]) == {"code", "message", "problems", "request_id"}
    assert any(said in problem for problem in answer["error"]["problems"])
    assert world.server.run("SELECT 1")


def test_the_same_request_twice_is_one_upload_and_another_one_under_its_key_is_refused(world: Stage) -> None:
    client, under = world.api(), {"Idempotency_Key": "a-key-of-sixteen-letters"}
    first, second = order(client, wish(filename="손자.jpg"), **under), order(client, wish(filename="손자.jpg"), **under)
    other, stranger = order(client, wish(filename="b.jpg"), **under), order(client, wish(), **under, x_caller="somebody-else")

    assert (first[0], second[0]) == (201, 200)
    assert first[1]["id"] == second[1]["id"]
    assert (other[0], other[1]["error"]["code"]) == (409, "idempotency-key-reused")
    assert (stranger[0], stranger[1]["id"] == first[1]["id"]) == (201, False)
    assert order(client, wish(), Idempotency_Key="short")[0] == 422

    until(lambda: len(world.lines) == 5, "the last line is written, after its answer")
    ordered = [json.loads(line).get("ImagesOrdered", 0) for line in world.lines]
    assert sum(ordered) == 2, "the business figure counts uploads, not requests"


def test_uploads_of_others_are_not_found_and_the_filename_is_only_shown(world: Stage) -> None:
    client = world.api()
    made = order(client, wish(filename="../../etc/passwd"), x_caller="alice")[1]

    assert made["upload"]["fields"]["key"] == f"uploads/{made['id']}"
    assert ask(client, "GET", f"/uploads/{made['id']}", x_caller="alice")[1]["filename"] == "../../etc/passwd"
    for path, caller in ((made["id"], "bob"), (made["id"].upper(), "alice"), ("1 or 1=1", "alice"), ("a" * 36, "alice")):
        status, answer, _ = ask(client, "GET", f"/uploads/{urllib.request.quote(path)}", x_caller=caller)  # type: ignore[attr-defined]
        assert (status, answer["error"]["code"]) == (404, "not-found")


def test_every_failure_has_one_shape_and_the_access_log_a_line_without_secrets(world: Stage) -> None:
    client = world.api()
    answers = [
        ask(client, "GET", "/nothing"),
        ask(client, "PUT", "/uploads"),
        ask(client, "POST", "/uploads", b"{"),
        ask(client, "POST", "/uploads", b'{"content_type": "' + b"x" * 5000),
    ]
    assert [status for status, _, _ in answers] == [404, 405, 422, 413]
    for _, answer, headers in answers:
        assert set(answer["error"]) == {"code", "message", "problems", "request_id"}
        assert headers["x-request-id"] == answer["error"]["request_id"]

    edge = "01234567-89ab-4cde-8f01-23456789abcd"
    assert order(client, wish(filename="private-name.jpg"), x_request_id=edge)[2]["x-request-id"] == edge
    until(lambda: len(world.lines) == 5, "the last line is written, after its answer")
    logged = [json.loads(line) for line in world.lines]
    assert [line["status"] for line in logged] == [404, 405, 422, 413, 201]
    assert logged[-1]["_aws"]["CloudWatchMetrics"] == [
        {"Namespace": "Shop", "Dimensions": [[]], "Metrics": [{"Name": "ImagesOrdered", "Unit": "Count"}]}
    ]
    assert (logged[-1]["route"], logged[-1]["request_id"]) == ("/uploads", edge)
    assert not any(word in "".join(world.lines) for word in ("private-name", "X-Amz", "policy", "signature"))


def test_a_task_without_its_database_stays_in_the_load_balancer_and_says_503_to_those_who_need_it(
    world: Stage, postgres_server: Server
) -> None:
    pool = Pool(world.given.database, "image-api-outage")
    client = world.api(pool=pool)
    assert ask(client, "GET", "/readyz")[:2] == (200, {"status": "ready", "database": "up"})

    postgres_server.run(f"ALTER DATABASE {world.database} ALLOW_CONNECTIONS false")
    postgres_server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'image-api-outage'")
    status, answer, headers = order(client, wish())
    assert (status, answer["error"]["code"], headers["retry-after"]) == (503, "unavailable", "2")
    ready = ask(client, "GET", "/readyz")
    assert (ready[0], ready[1]["status"]) == (200, "ready"), "all tasks share the database: none would be better"
    assert ask(client, "GET", "/healthz")[0] == 200

    postgres_server.run(f"ALTER DATABASE {world.database} ALLOW_CONNECTIONS true")
    assert order(client, wish())[0] == 201


def test_a_task_that_never_reached_its_database_or_is_stopping_gets_no_traffic(world: Stage, postgres_server: Server) -> None:
    postgres_server.run(f"ALTER DATABASE {world.database} ALLOW_CONNECTIONS false")
    client = world.api(pool=Pool(world.given.database, "image-api-new"))
    assert ask(client, "GET", "/readyz")[0] == 503

    postgres_server.run(f"ALTER DATABASE {world.database} ALLOW_CONNECTIONS true")
    assert ask(client, "GET", "/readyz")[0] == 200
    world.app.state.health.draining = True
    assert (ask(client, "GET", "/readyz")[0], ask(client, "GET", "/healthz")[0]) == (503, 200)


def test_sessions_that_somebody_ends_cost_nobody_a_request(world: Stage, postgres_server: Server) -> None:
    client = world.api(pool=Pool(world.given.database, "image-api-ended"))
    assert order(client, wish())[0] == 201
    postgres_server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'image-api-ended'")

    assert order(client, wish())[0] == 201


def test_a_page_of_a_named_origin_may_call_and_another_s_browser_keeps_the_answer_from_it(world: Stage) -> None:
    client = world.api(origins=["https://shop.example.com"])
    wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,idempotency-key"}

    def asked(origin: str) -> str | None:
        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{client.address}/uploads", headers={"Origin": origin, **wanted}, method="OPTIONS"
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
                return str(answer.headers.get("Access-Control-Allow-Origin"))
        except urllib.error.HTTPError as error:
            with error:
                return error.headers.get("Access-Control-Allow-Origin")

    assert asked("https://shop.example.com") == "https://shop.example.com"
    assert asked("https://elsewhere.example.com") is None
    _, _, headers = order(client, wish(), Origin="https://shop.example.com")
    assert headers["access-control-allow-origin"] == "https://shop.example.com"
