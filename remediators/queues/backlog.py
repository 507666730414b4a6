"""What waits in a queue, how fast it is worked off, and how many consumers empty it in time. Pure but for ``observe``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from alarms.domain.decision import Reason
from alarms.domain.text import Text
from remediators.action import Clients, Refusal

WINDOW = timedelta(minutes=5)
_METRICS = {
    "sent": "NumberOfMessagesSent",
    "received": "NumberOfMessagesReceived",
    "deleted": "NumberOfMessagesDeleted",
}


@dataclass(frozen=True, slots=True)
class Backlog:
    """One queue. Counts are messages now; rates are messages per minute, None when CloudWatch has no point for them.

    ``in_flight`` are received and not yet deleted: still work to do.
    """

    queue: str
    arn: str
    visible: int
    in_flight: int
    sent: float | None
    received: float | None
    deleted: float | None

    @property
    def messages(self) -> int:
        """All that is still to be worked off."""
        return self.visible + self.in_flight

    @property
    def fifo(self) -> bool:
        """Whether order within message groups bounds how much can be worked at once."""
        return self.queue.endswith(".fifo")


@dataclass(frozen=True, slots=True)
class Sizing:
    """The answer: ``needed`` consumers; ``rate`` is one consumer's, in messages per minute."""

    needed: int
    rate: float
    arrival: float
    drain_minutes: float


def observe(clients: Clients, queue: str, now: datetime) -> Backlog:
    """Read live counts (sqs GetQueueUrl, GetQueueAttributes) and the rates of the last five full minutes (GetMetricData)."""
    sqs = clients("sqs")
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    live = sqs.get_queue_attributes(
        QueueUrl=url,
        AttributeNames=["QueueArn", "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    )["Attributes"]
    end = now.replace(second=0, microsecond=0)
    answer = clients("cloudwatch").get_metric_data(
        MetricDataQueries=[_query(key, metric, queue) for key, metric in _METRICS.items()],
        StartTime=end - WINDOW,
        EndTime=end,
    )
    rates = {item["Id"]: _mean(item.get("Values", ())) for item in answer["MetricDataResults"]}
    return Backlog(
        queue=queue,
        arn=live["QueueArn"],
        visible=int(live["ApproximateNumberOfMessages"]),
        in_flight=int(live["ApproximateNumberOfMessagesNotVisible"]),
        sent=rates.get("sent"),
        received=rates.get("received"),
        deleted=rates.get("deleted"),
    )


def failing(backlog: Backlog, consumers: int) -> Refusal | None:
    """Refuse when the consumers take messages and finish none, or take none at all: more of them would only do more harm."""
    if consumers == 0 or not backlog.visible:
        return None
    if backlog.received is None or backlog.deleted is None:
        return Refusal(
            Reason.UNKNOWN,
            Text(
                "CloudWatch has no point of this queue's last five minutes: whether the consumers work is not known.",
                "최근 5분간 이 큐의 지표가 없어 소비자가 일하고 있는지 알 수 없습니다.",
            ),
        )
    if backlog.deleted:
        return None
    if backlog.received:
        return Refusal(
            Reason.UNSAFE,
            Text(
                f"Consumers receive {backlog.received:,.0f} messages a minute and finish none: they fail, or a message is bad.",
                f"소비자가 분당 {backlog.received:,.0f}개를 받지만 하나도 끝내지 못합니다. 소비자나 메시지가 의심됩니다.",
            ),
        )
    return Refusal(
        Reason.UNSAFE,
        Text(
            f"{backlog.visible:,} messages wait and {consumers} consumers receive none.",
            f"메시지 {backlog.visible:,}개가 대기 중인데 소비자 {consumers}개가 하나도 받지 않습니다.",
        ),
    )


def size(backlog: Backlog, consumers: int, drain_within_s: int, message_time_s: int | None) -> Sizing | Refusal:
    """Return how many consumers empty the backlog in time, from ``message_time_s`` or else from what is measured."""
    drain = drain_within_s / 60
    rate = 60 / message_time_s if message_time_s else (backlog.deleted or 0.0) / consumers if consumers else 0.0
    if rate <= 0:
        return Refusal(
            Reason.UNKNOWN,
            Text(
                "How fast one consumer works is not known: CloudWatch has no point yet; message_time would say it.",
                "소비자 하나의 처리 속도를 알 수 없습니다. 지표가 아직 없습니다. message_time을 지정하면 됩니다.",
            ),
        )
    arrival = backlog.sent or 0.0
    # A hair below the whole number, so that 10.000000001 of floating point is not an eleventh consumer.
    needed = math.ceil((backlog.messages / drain + arrival) / rate - 1e-9)
    return Sizing(max(needed, 0), rate, arrival, drain)


def explained(backlog: Backlog, sizing: Sizing, consumers: int, granted: int, unit: Text) -> Text:
    """Say the figures: what waits, what drains it now, what will, and when it is empty."""
    minutes = emptied_in(backlog, sizing, granted)
    then = Text(f"in {minutes:,.0f} min", f"{minutes:,.0f}분 안에") if minutes is not None else Text("never", "영영 못")
    short = sizing.needed > granted
    verb = Text(
        f"{sizing.needed} would empty it in {sizing.drain_minutes:,.0f} min, {granted} are allowed ({then.en})",
        f"{sizing.drain_minutes:,.0f}분 안에 비우려면 {sizing.needed}개가 필요하나 {granted}개까지 허용됩니다({then.ko})",
    )
    fits = Text(f"{granted} {unit.en} empty it {then.en}", f"{unit.ko} {granted}개면 {then.ko} 비웁니다")
    tail = verb if short else fits
    fifo = (
        Text(" FIFO: message groups bound how many can work at once.", " FIFO 큐라 메시지 그룹 수가 동시 처리를 제한합니다.")
        if backlog.fifo
        else Text("", "")
    )
    return Text(
        f"Backlog {backlog.messages:,}, {sizing.arrival:,.0f}/min arrive, {consumers} {unit.en} drain "
        f"{consumers * sizing.rate:,.0f}/min; {tail.en}.{fifo.en}",
        f"대기 {backlog.messages:,}건, 분당 {sizing.arrival:,.0f}건 유입, {unit.ko} {consumers}개가 분당 "
        f"{consumers * sizing.rate:,.0f}건 처리; {tail.ko}.{fifo.ko}",
    )


def emptied_in(backlog: Backlog, sizing: Sizing, consumers: int) -> float | None:
    """Return the minutes until ``consumers`` have emptied the queue; None when they never do."""
    net = consumers * sizing.rate - sizing.arrival
    return backlog.messages / net if net > 0 else None


def drain_line(backlog: Backlog, sizing: Sizing, consumers: int, granted: int) -> Text:
    """Say when the queue will be empty with ``granted`` consumers, and how it would go on with those that are there."""
    minutes, rate, arrival = emptied_in(backlog, sizing, granted), granted * sizing.rate, sizing.arrival
    without = emptied_in(backlog, sizing, consumers)
    other = (
        Text(f"{without:,.0f} min as it is", f"지금대로면 {without:,.0f}분")
        if without is not None
        else Text("never as it is", "지금대로면 끝나지 않음")
    )
    if minutes is None:
        return Text(
            f"Expected drain time: none, {arrival:,.0f}/min arrive and {rate:,.0f}/min are worked off.",
            f"예상 소진 시간: 없음. 분당 {arrival:,.0f}건 유입, {rate:,.0f}건 처리.",
        )
    return Text(
        f"Expected drain time: {minutes:,.0f} min ({backlog.messages:,} / ({rate:,.0f} - {arrival:,.0f}) a minute), {other.en}.",
        f"예상 소진 시간: {minutes:,.0f}분 ({backlog.messages:,}건 / 분당 ({rate:,.0f} - {arrival:,.0f})건), {other.ko}.",
    )


def _query(key: str, metric: str, queue: str) -> Mapping[str, Any]:
    return {
        "Id": key,
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/SQS",
                "MetricName": metric,
                "Dimensions": [{"Name": "QueueName", "Value": queue}],
            },
            "Period": 60,
            "Stat": "Sum",
        },
    }


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
