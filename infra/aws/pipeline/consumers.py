"""Which function takes messages from which queue, and in what portions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.aws.pipeline.functions import Deployed


@dataclass(frozen=True, slots=True)
class Portion:
    """How many messages one invocation takes, and how long Lambda waits for as many, in seconds."""

    messages: int
    window_s: int


# A storm's alarms ring within seconds: two seconds of patience bring them in one batch, told oldest first and grouped. The
# remediators take one at a time, since a diagnosis alone may take twenty seconds of their thirty; what rings together is brought
# together by their own timers, not by the batch.
PORTIONS: Mapping[str, Portion] = {"notifier": Portion(10, 2), "remediators": Portion(1, 0)}


def consume(scope: Construct, deployed: Deployed, queue_arn: str, at_once: int) -> lambda_.CfnEventSourceMapping:
    """Let the function's alias take from the queue, ``at_once`` portions at a time.

    One record that fails comes again alone, not its whole batch.
    """
    portion = PORTIONS[deployed.room]
    return lambda_.CfnEventSourceMapping(
        scope,
        f"{deployed.room.capitalize()}Consumes",
        function_name=deployed.alias.function_arn,
        event_source_arn=queue_arn,
        batch_size=portion.messages,
        maximum_batching_window_in_seconds=portion.window_s,
        function_response_types=["ReportBatchItemFailures"],
        scaling_config=lambda_.CfnEventSourceMapping.ScalingConfigProperty(maximum_concurrency=at_once),
    )
