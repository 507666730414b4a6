"""How often one alarm is acted on when its message arrives a thousand times at once: the embedded AWS, sixteen workers."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import Any

import remediators.bootstrap
from alarms import deploy
from alarms.load import load
from benchmarks.recording import CHANGING, START, alarm_message, lambda_event, platform, ring
from cli.catalogue import catalogue_path
from infra.local.aws import embedded
from infra.local.pipeline import Context
from infra.local.seam import Call
from infra.local.stack import build
from remediators.registry import registry

COPIES, WORKERS = 1000, 16


def executions(copies: int = COPIES) -> int:
    """Return how many changing calls ``copies`` concurrent deliveries of one ALARM led to.

    Each call of AWS is atomic, as AWS's are; between two calls of one worker the others do what they like. A copy that another
    worker's write turned away comes again, as a queue would bring it.
    """
    loaded = load(catalogue_path(None), stage="demo", actions=registry())
    desired = [replace(one, alarm=replace(one.alarm, settle_s=0)) for one in loaded.desired if one.id == "ecs/cpu-high"]
    with embedded(START, region=loaded.settings.region, account=loaded.settings.account) as aws:
        stack = build(aws, loaded.settings, slack_url="http://127.0.0.1:9", channel="#ops-alerts")
        platform(aws)
        clients = deploy.clients_of(aws.session, loaded.settings.region)
        deploy.apply(clients, desired, loaded.settings, now=lambda: aws.clock.now, sleep=aws.clock.advance)
        ring(aws, desired[0])
        event = lambda_event(alarm_message(aws, stack.remediators.url), stack.remediators.arn)
        made: list[Call] = []
        aws.seam.observe(lambda call: made.append(call) if call.operation in CHANGING and not call.error_code else None)
        logging.disable(logging.WARNING)  # each copy that is turned away says so
        try:
            _all_at_once(copies, dict(stack.environ), event, lambda: aws.clock.now)
        finally:
            logging.disable(logging.NOTSET)
        return len(made)


def _all_at_once(copies: int, environ: dict[str, str], event: dict[str, Any], now: Any) -> None:
    together = threading.Barrier(WORKERS)
    (record,) = event["Records"]

    def work(first: int) -> None:
        app = remediators.bootstrap.build(environ, audit=lambda _: None)
        together.wait()
        for copy in range(first, copies, WORKERS):
            given = {"Records": [{**record, "messageId": f"copy-{copy}"}]}
            for _ in range(5):
                if not app.handle(given, Context("remediators", str(copy)), now())["batchItemFailures"]:
                    break

    workers = [threading.Thread(target=work, args=(first,)) for first in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
