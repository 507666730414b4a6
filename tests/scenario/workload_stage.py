"""The workload on its own: S3 and SQS on loopback, a real PostgreSQL, the API on a port, consumers as threads or processes."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import postgres_server
import uvicorn
from moto import mock_aws

from infra.aws.workload import migrate, settings
from infra.aws.workload.aws_clients import clients
from infra.aws.workload.database import Pool
from infra.aws.workload.image_consumer import Consumer
from infra.aws.workload.presign_api import create_app
from infra.aws.workload.presigning import Signer
from infra.aws.workload.processing import Processing
from infra.local import real_time
from infra.local.loopback_aws import LoopbackAws, client
from infra.local.uploading import Uploading

ROOT = Path(__file__).parents[2]
REGION, ACCOUNT, BUCKET = "ap-northeast-2", "123456789012", "image-uploads"
QUEUE, DEAD = "image-jobs", "image-jobs-dead"
RULES = {"thumbnails": [64, 128], "most_bytes": 2**20, "most_pixels": 4_000_000}
PATIENCE = 3000


def until(true: Any, what: str) -> None:
    """Wait, counted, until something is true."""
    for _ in range(PATIENCE):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError(f"not in time: {what}")


@dataclass
class Stage:
    """The world of one story. ``shifted`` moves the hour at which S3 judges signatures."""

    server: postgres_server.Server
    database: str
    shifted: timedelta = timedelta(0)
    lines: list[str] = field(default_factory=list)
    logged: list[dict[str, Any]] = field(default_factory=list)

    def open(self, stack: contextlib.ExitStack) -> None:
        """Set the stage; ``stack`` clears it."""
        stack.enter_context(mock_aws())
        keys = {"AWS_ACCESS_KEY_ID": "EMBEDDED", "AWS_SECRET_ACCESS_KEY": "EMBEDDED"}
        stack.enter_context(patch.dict(os.environ, keys))
        self.aws = LoopbackAws(REGION, threading.RLock(), lambda: real_time.moment() + self.shifted)
        stack.enter_context(self.aws.serving())
        self.s3, self.sqs = client(self.aws, "s3"), client(self.aws, "sqs")
        self._store()
        self.server.run(f"CREATE DATABASE {self.database}")
        stack.callback(self.server.run, f"DROP DATABASE {self.database} WITH (FORCE)")
        self.given = settings.consumer(self.environ(DATABASE_CONNECTIONS="1", HEALTH_PORT="0"))
        migrate.migrate(self.given.database)
        self.stack = stack

    def _store(self) -> None:
        dead = self.sqs.create_queue(QueueName=DEAD)["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})
        self.sqs.create_queue(QueueName=QUEUE, Attributes={"RedrivePolicy": redrive})
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        rule = {"QueueArn": arn.replace(DEAD, QUEUE), "Events": ["s3:ObjectCreated:*"]}
        rule["Filter"] = {"Key": {"FilterRules": [{"Name": "prefix", "Value": "uploads/"}]}}
        told = {"QueueConfigurations": [rule]}
        self.s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration=told)
        self.sqs.purge_queue(QueueUrl=self.url(QUEUE))  # S3's test event: each story begins with an empty queue

    def environ(self, **more: str) -> dict[str, str]:
        """Return the environment of a container."""
        return {
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self.aws.address,
            "UPLOAD_BUCKET": BUCKET,
            "QUEUE_URL": self.url(QUEUE),
            "IMAGE_SETTINGS": json.dumps(RULES),
            "DATABASE_HOST": "127.0.0.1",
            "DATABASE_PORT": str(self.server.port),
            "DATABASE_NAME": self.database,
            "DATABASE_SECRET": json.dumps({"username": self.server.admin, "password": postgres_server.PASSWORD}),
            "DATABASE_TLS": "off",
            **more,
        }

    def url(self, queue: str) -> str:
        return f"{self.aws.address}/{ACCOUNT}/{queue}"

    def api(self, *, pool: Pool | None = None, origins: Sequence[str] = ()) -> Uploading:
        """Serve the API on a free port; somebody who uploads through it."""
        pool = pool or Pool(self.given.database, "image-api")
        app = create_app(
            self.given.store, Signer(clients(self.given.store)[0], self.given.store), pool,
            write=self.lines.append, now=lambda: datetime(2026, 10, 31, tzinfo=UTC), origins=origins,
        )  # fmt: skip
        server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        until(lambda: server.started, "the API serves")

        def end() -> None:
            server.should_exit = True
            thread.join(10)
            pool.close()

        self.stack.callback(end)
        self.app = app
        return Uploading(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}")

    @contextlib.contextmanager
    def consuming(self, count: int = 1, *, pool: Pool | None = None) -> Iterator[list[Consumer]]:
        """Let ``count`` consumers work in threads of this process; they end their images and stop."""
        made = []
        for _ in range(count):
            s3, sqs = clients(self.given.store)
            theirs = pool or Pool(self.given.database, "image-consumer")
            consumer = Consumer(self.given, sqs, Processing(self.given.store, s3, theirs, self.log), self.log)
            thread = threading.Thread(target=consumer.run, daemon=True)
            thread.start()
            made.append((consumer, thread, theirs))
        try:
            yield [consumer for consumer, _, _ in made]
        finally:
            for consumer, _, _ in made:
                consumer.stop()
            for _, thread, theirs in made:
                thread.join(20)
                theirs.close()

    def process(self, **more: str) -> subprocess.Popen[bytes]:
        """Start a consumer as a process of its own."""
        environ = {**os.environ, "PYTHONPATH": str(ROOT), **self.environ(DATABASE_CONNECTIONS="1", HEALTH_PORT="0", **more)}
        command = [sys.executable, "-m", "infra.aws.workload.image_consumer"]
        found = subprocess.Popen(command, env=environ, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.stack.callback(found.stdout.close)  # type: ignore[union-attr]  # opened with a pipe
        self.stack.callback(found.wait)
        self.stack.callback(found.kill)
        return found

    def log(self, event: str, level: str = "info", **facts: Any) -> None:
        self.logged.append({"event": event, "level": level, **facts})

    def put(self, key: str, data: bytes, kind: str = "image/jpeg") -> None:
        """Put an object as anybody with the right to could: past the API and its forms."""
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=data, ContentType=kind)

    def depth(self, queue: str) -> tuple[int, int]:
        """Return how many messages wait, and how many are in flight."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.url(queue), AttributeNames=names)["Attributes"]
        return int(found[names[0]]), int(found[names[1]])

    def worked_off(self) -> None:
        """Wait until the work queue is empty."""
        until(lambda: self.depth(QUEUE) == (0, 0), f"the queue is empty, {self.depth(QUEUE)}")

    def objects(self, prefix: str) -> dict[str, str]:
        """Return every object under a prefix with its etag."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return {each["Key"]: each["ETag"] for page in pages for each in page.get("Contents", ())}

    def rows(self) -> list[Mapping[str, Any]]:
        """Read the table of images."""
        session = self.server.connect(database=self.database)
        try:
            found = session.run("SELECT object_key, state, reason, width, height, thumbnails FROM images ORDER BY object_key")
            names = ("key", "state", "reason", "width", "height", "thumbnails")
            return [dict(zip(names, row, strict=True)) for row in found]
        finally:
            session.close()


@contextlib.contextmanager
def stage(server: postgres_server.Server, database: str) -> Iterator[Stage]:
    """Give a world of its own to a story."""
    with contextlib.ExitStack() as stack:
        made = Stage(server, database)
        made.open(stack)
        yield made
