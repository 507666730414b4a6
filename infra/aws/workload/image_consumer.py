"""The image consumer: takes messages from the queue, one image a thread, until it is told to stop.

``python -m infra.aws.workload.image_consumer``; its environment is ``settings.CONSUMER``, its log one JSON line an event.

A message is deleted last, after thumbnails and row are there: a consumer that dies loses nothing. While an image is worked on its
message is hidden again and again. Poison is given back at once, so that the queue's redrive policy has it in the dead letters
after a few receives. When a dependency fails the message is kept and tried again here: each receive counts towards the dead
letters, and an outage must not fill them with good images. SIGTERM lets each thread finish its image.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.aws.workload import settings
from infra.aws.workload.alive import Alive
from infra.aws.workload.aws_clients import clients
from infra.aws.workload.database import Pool
from infra.aws.workload.processing import Log, Processing, Transient
from infra.aws.workload.s3_events import Poison
from infra.aws.workload.settings import CannotStart, ConsumerSettings
from infra.aws.workload.visibility import Visibility

APPLICATION = "image-consumer"
LONG_POLL_S = 10  # below what SIGTERM leaves, so that a thread that waits hears of it in time
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 20.0
LONGEST_DOUBT_S = 1.0  # the last pause before a message is given back that may be at fault itself


class Consumer:
    """Works off the queue with ``settings.database.connections`` threads."""

    def __init__(self, given: ConsumerSettings, sqs: Any, processing: Processing, log: Log) -> None:
        self._given = given
        self._sqs = sqs
        self._processing = processing
        self._log = log
        self._hidden = Visibility(sqs, given.queue_url, given.visibility_s, log)
        self._stopping = threading.Event()
        self.failed = False
        self.alive = Alive(given.database.connections, silent_s=LONG_POLL_S + LONGEST_PAUSE_S + 60)

    def stop(self) -> None:
        """Take no further message; may be called at any time, also from a signal handler."""
        self._stopping.set()

    def run(self) -> None:
        """Work until ``stop``; then wait for the images that are worked on, as long as the container has."""
        threads = [threading.Thread(target=self._work, args=(place,), daemon=True) for place in range(self.alive.threads)]
        for thread in threads:
            thread.start()
        while not self._stopping.wait(self._hidden.every_s):
            self._hidden.renew()
        deadline = time.monotonic() + self._given.stop_within_s - 1
        while any(thread.is_alive() for thread in threads) and time.monotonic() < deadline:
            self._hidden.renew_when_due()
            threads[0].join(0.05)
            threads = [thread for thread in threads if thread.is_alive()] or threads[:1]
        self._hidden.give_back()  # what is left is another consumer's, at once

    def _work(self, place: int) -> None:
        pause = FIRST_PAUSE_S
        while not self._stopping.is_set():
            self.alive.sign(place)
            try:
                messages = self._receive()
            except (ClientError, BotoCoreError) as error:
                self._log("queue", level="warning", outcome="unreachable", why=type(error).__name__)
                self._stopping.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
                continue
            pause = FIRST_PAUSE_S
            for message in messages:
                self._message(message, place)

    def _receive(self) -> list[Mapping[str, Any]]:
        answer = self._sqs.receive_message(
            QueueUrl=self._given.queue_url,
            MaxNumberOfMessages=1,
            WaitTimeSeconds=LONG_POLL_S,
            VisibilityTimeout=self._given.visibility_s,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        found: list[Mapping[str, Any]] = answer.get("Messages", [])
        return found

    def _message(self, message: Mapping[str, Any], place: int) -> None:
        """Work on one message to its end: deleted, or given back."""
        handle, began, cpu = str(message["ReceiptHandle"]), time.monotonic(), time.thread_time()
        self._hidden.add(handle)
        facts = {
            "message": message["MessageId"],
            "receives": int(message.get("Attributes", {}).get("ApproximateReceiveCount", 0)),
        }
        try:
            self._persist(str(message["Body"]), place)
        except Poison as error:
            self._log("message", level="error", outcome="poison", why=str(error), **facts)
            self._hidden.back(handle)
        except Transient as error:
            self._log("message", level="warning", outcome="given-back", why=str(error), **facts)
            self._hidden.back(handle)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end the thread: it is logged, and redriven
            self._log("message", level="error", outcome="fault", why=type(error).__name__, **facts)
            self._hidden.back(handle)
        else:
            self._cost(began)
            self._hidden.done(handle)
            took = {"took_s": round(time.monotonic() - began, 4), "cpu_s": round(time.thread_time() - cpu, 4)}
            self._log("message", outcome="done", **facts, **took)

    def _persist(self, body: str, place: int) -> None:
        """Work on a message until it is done, poison, or until nothing but another task can help."""
        pause = FIRST_PAUSE_S
        while True:
            try:
                return self._processing.message(body)
            except Transient as error:
                if error.fatal:
                    self.failed = True
                    self.stop()
                if self._stopping.is_set() or (error.doubtful and pause > LONGEST_DOUBT_S):
                    raise
                self._log("message", level="warning", outcome="waiting", why=str(error), pause_s=pause)
            self.alive.sign(place)
            self._stopping.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def _cost(self, began: float) -> None:
        """Let an image take as long as a demonstration wants it to."""
        left = self._given.simulated_cost_s - (time.monotonic() - began)
        if left > 0:
            time.sleep(left)


def lines(write: Any) -> Log:
    """Return a log of JSON lines."""
    lock = threading.Lock()

    def log(event: str, level: str = "info", **facts: Any) -> None:
        with lock:
            write.write(json.dumps({"level": level, "event": event, **facts}, ensure_ascii=False) + "\n")
            write.flush()

    return log


def main() -> int:
    """Consume until SIGTERM; return the exit code. A wrong environment is one line on stderr."""
    try:
        given = settings.consumer(os.environ)
    except CannotStart as error:
        print(error, file=sys.stderr)  # noqa: T201 - the container's own last word
        return 2
    log = lines(sys.stdout)
    s3, sqs = clients(given.store)
    pool = Pool(given.database, APPLICATION)
    consumer = Consumer(given, sqs, Processing(given.store, s3, pool, log), log)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: consumer.stop())
    with consumer.alive.answering(given.health_port):
        log("started", threads=given.database.connections)
        consumer.run()
    pool.close()
    log("stopped", level="error" if consumer.failed else "info")
    return 1 if consumer.failed else 0


if __name__ == "__main__":
    sys.exit(main())
