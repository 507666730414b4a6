"""The consumer under duplicates, poison, outages, kills and storms: every good image once, every bad one in the dead letters."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from PIL import Image
from postgres_server import Server
from workload_stage import BUCKET, DEAD, QUEUE, Stage, stage, until

from infra.aws.workload.database import DatabaseFailed, Pool
from infra.aws.workload.visibility import Visibility
from infra.local.uploading import broken, pictures

PICTURE = pictures(1, 7)[0].data
POISON_RECEIVES = 5


@pytest.fixture
def world(postgres_server: Server) -> Iterator[Stage]:
    with stage(postgres_server, "consumer_story") as made:
        yield made


def key(number: int) -> str:
    return f"uploads/{UUID(int=number)}"


def test_duplicates_also_at_the_same_time_make_one_row_and_the_same_thumbnails(world: Stage) -> None:
    world.put(key(1), PICTURE)
    [message] = world.sqs.receive_message(QueueUrl=world.url(QUEUE), VisibilityTimeout=0)["Messages"]
    with world.consuming():
        world.worked_off()
    once = (world.rows(), world.objects("thumbnails/"))

    for _ in range(6):
        world.sqs.send_message(QueueUrl=world.url(QUEUE), MessageBody=message["Body"])
    with world.consuming(3):
        world.worked_off()

    assert (world.rows(), world.objects("thumbnails/")) == once
    assert len(once[0]) == 1
    assert len(once[1]) == 2
    assert world.depth(DEAD) == (0, 0)


def test_what_is_no_image_is_refused_with_its_reason_and_goes_to_the_dead_letters(world: Stage) -> None:
    text, half = broken(3)
    animated = BytesIO()
    Image.new("RGB", (8, 8)).save(animated, "PNG")
    world.put(key(1), text.data, "image/png")
    world.put(key(2), half.data, "image/jpeg")
    world.put(key(3), animated.getvalue(), "image/jpeg")
    world.put(key(4), b"x" * (2**20 + 1), "image/jpeg")
    world.put(key(5), PICTURE)
    with world.consuming(2):
        until(lambda: world.depth(DEAD)[0] == 4, f"four dead letters, {world.depth(DEAD)}")
        world.worked_off()

    states = {row["key"]: (row["state"], row["reason"]) for row in world.rows()}
    assert states[key(5)] == ("done", "")
    assert [states[key(number)][0] for number in (1, 2, 3, 4)] == ["refused"] * 4
    assert "declared as another type" in states[key(3)][1]
    assert "larger than" in states[key(4)][1]
    poison = [entry for entry in world.logged if entry.get("outcome") == "poison"]
    assert sorted({entry["receives"] for entry in poison}) == [*range(1, POISON_RECEIVES + 1)]
    assert len(poison) == 4 * POISON_RECEIVES
    assert all(entry["why"].startswith("uploads/") and entry["level"] == "error" for entry in poison)


@pytest.mark.parametrize("body", ["not json", "[]", "{}", json.dumps({"Records": [{"eventSource": "aws:s3", "s3": 5}]})])
def test_a_message_that_is_not_ours_is_poison_and_stops_nobody(world: Stage, body: str) -> None:
    world.sqs.send_message(QueueUrl=world.url(QUEUE), MessageBody=body)
    world.put(key(1), PICTURE)
    with world.consuming():
        until(lambda: world.depth(DEAD)[0] == 1, "one dead letter")
        world.worked_off()

    assert [row["state"] for row in world.rows()] == ["done"]


def test_an_object_that_is_there_no_more_is_nobodys_fault(world: Stage) -> None:
    world.put(key(1), PICTURE)
    world.s3.delete_object(Bucket=BUCKET, Key=key(1))
    with world.consuming():
        world.worked_off()

    assert world.depth(DEAD) == (0, 0)
    assert any(entry.get("outcome") == "gone" for entry in world.logged)


def test_an_outage_of_the_database_makes_no_dead_letters(world: Stage, postgres_server: Server) -> None:
    """Ten images wait an outage out in the hands of one consumer: each has been received once when it is over."""
    for number in range(10):
        world.put(key(number), PICTURE)
    postgres_server.run(f"ALTER DATABASE {world.database} ALLOW_CONNECTIONS false")
    with world.consuming():
        until(lambda: sum(entry.get("outcome") == "waiting" for entry in world.logged) >= 3, "it waits for the database")
        postgres_server.run(f"ALTER DATABASE {world.database} ALLOW_CONNECTIONS true")
        world.worked_off()

    assert world.depth(DEAD) == (0, 0)
    assert {entry["receives"] for entry in world.logged if entry.get("outcome") == "done" and "receives" in entry} == {1}
    assert len(world.rows()) == 10


def test_an_object_that_may_not_be_read_is_waited_for_and_then_left_to_the_redrive_policy(world: Stage) -> None:
    """Without the right to list, S3 answers AccessDenied for a key that is there no more: one message must not hold a thread."""
    world.put(key(1), PICTURE)
    world.put(key(2), PICTURE)
    forbidden = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/{key(1)}"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [forbidden]})
    world.s3.put_bucket_policy(Bucket=BUCKET, Policy=policy)
    with world.consuming():
        until(lambda: world.depth(DEAD)[0] == 1, "one dead letter")
        world.worked_off()

    assert [row["key"] for row in world.rows()] == [key(2)]
    assert any("S3 answered" in str(entry.get("why")) and entry["outcome"] == "given-back" for entry in world.logged)


def test_a_password_that_was_changed_ends_the_task_and_gives_its_image_back(world: Stage) -> None:
    class Refused(Pool):
        def run(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
            raise DatabaseFailed("28P01")

    world.put(key(1), PICTURE)
    with world.consuming(pool=Refused(world.given.database, "image-consumer")) as [consumer]:
        until(lambda: consumer.failed, "it gives up")
        until(lambda: world.depth(QUEUE) == (1, 0), "the message is back")
    with world.consuming():
        world.worked_off()

    assert [row["state"] for row in world.rows()] == ["done"]


def test_a_consumer_killed_in_the_middle_of_an_image_loses_nothing(world: Stage) -> None:
    world.put(key(1), PICTURE)
    doomed = world.process(SIMULATED_COST_S="60", VISIBILITY_S="2")
    until(lambda: world.objects("thumbnails/") or doomed.poll() is not None, "it is in the middle of the image")
    doomed.kill()
    assert world.depth(QUEUE)[1] == 1, "nobody has deleted the message"
    with world.consuming():
        world.worked_off()

    assert [row["state"] for row in world.rows()] == ["done"]
    assert len(world.objects("thumbnails/")) == 2


def test_sigterm_ends_the_image_and_then_the_process(world: Stage) -> None:
    world.put(key(1), PICTURE)
    world.put(key(2), PICTURE)
    told = world.process(SIMULATED_COST_S="1")
    until(lambda: world.objects("thumbnails/") or told.poll() is not None, "it works on the first image")
    told.send_signal(signal.SIGTERM)
    said, _ = told.communicate(timeout=60)

    assert told.returncode == 0, said
    assert [json.loads(line)["event"] for line in said.splitlines()][-1] == "stopped"
    assert world.depth(QUEUE) == (1, 0), "one image done and deleted, the other left to others"


def test_two_consumers_work_off_a_storm_of_a_hundred_images(world: Stage) -> None:
    files = pictures(5, 11)
    for number in range(100):
        world.put(key(number), files[number % 5].data)
    with world.consuming(2):
        world.worked_off()

    rows = world.rows()
    assert [row["key"] for row in rows] == [key(number) for number in range(100)]
    assert {row["state"] for row in rows} == {"done"}
    assert set(world.objects("thumbnails/")) == {thumbnail["key"] for row in rows for thumbnail in row["thumbnails"]}
    assert len(world.objects("thumbnails/")) == 200
    assert world.depth(DEAD) == (0, 0)


def test_an_older_event_that_comes_late_does_not_undo_a_newer_one(world: Stage) -> None:
    small = BytesIO()
    Image.new("RGB", (10, 20)).save(small, "PNG")
    world.put(key(1), PICTURE)
    world.put(key(1), small.getvalue(), "image/png")
    with world.consuming():
        world.worked_off()
    assert [(row["width"], row["height"]) for row in world.rows()] == [(10, 20)]

    session = world.server.connect(database=world.database)
    row = "INSERT INTO images (object_key, etag, version_id, sequencer, state) VALUES (:key, :etag, '', :sequencer, 'refused')"
    session.run(row, key=key(2), etag="e" * 32, sequencer="0055AED6DCD90281E6")
    session.close()
    world.put(key(2), PICTURE)
    with world.consuming():  # moto's events have no sequencer: as if it were older than any
        world.worked_off()
    assert next(row["state"] for row in world.rows() if row["key"] == key(2)) == "refused"


def test_a_message_stays_hidden_for_as_long_as_its_image_takes(world: Stage) -> None:
    for body in ("held", "left"):
        world.sqs.send_message(QueueUrl=world.url(QUEUE), MessageBody=body)
    answer = world.sqs.receive_message(QueueUrl=world.url(QUEUE), VisibilityTimeout=1, MaxNumberOfMessages=2)
    held = next(message["ReceiptHandle"] for message in answer["Messages"] if message["Body"] == "held")
    hidden = Visibility(world.sqs, world.url(QUEUE), 600, world.log)
    hidden.add(held)
    hidden.renew()
    until(lambda: world.depth(QUEUE)[0] == 1, "what was left is visible again after its second")
    assert world.depth(QUEUE) == (1, 1), "what is held is not"

    hidden.back(held)
    assert world.depth(QUEUE) == (2, 0)
