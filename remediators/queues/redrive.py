"""May dead letters go back now, and does it do harm that they did? Pure: from what ``dead_letters`` saw alone.

Three-valued throughout: what is not known is never a pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from alarms.domain.decision import Reason
from alarms.domain.text import Text
from remediators.action import Refusal
from remediators.queues.dead_letters import ACTIVE, QUIET_S, Letters, Signals

RATE = 10  # a tenth of what one small consumer fleet takes; the row raises it where the consumers are known to cope
FASTEST = 500  # SQS's own bound
SOURCE_AGE_S = 600  # the threshold of our own row for the age of the oldest message
# A message received at the end of a minute is deleted in the next: some share is always on its way.
ERROR_SHARE = 10.0
AGAIN = timedelta(hours=1)  # letters that are here within an hour of a move have come back from it
REPEATED, REPEATED_SHARE = 3, 0.5  # so often, and in so large a share of the sample, one body is poison
EXPIRES_SOON = timedelta(hours=24)
# Counts of a standard queue are approximate: a few letters more than expected are no refill.
TOLERATED, TOLERATED_SHARE = 2, 0.1


def refusal(seen: Letters, parameters: Mapping[str, Any]) -> Refusal | None:
    """Return why no letter should go back now; None when everything says that the cause is gone."""
    refused = _misplaced(seen, parameters) or _busy(seen, parameters) or _failing(seen, parameters) or _poisoned(seen)
    soon = _expiry(seen)
    if refused is None or soon is None:
        return refused
    return Refusal(refused.reason, Text(f"{refused.why.en} {soon.en}", f"{refused.why.ko} {soon.ko}"))


def why(seen: Letters, source: str, rate: int) -> Text:
    """Say what would be moved, how fast, and how long that takes."""
    minutes = seen.visible / rate / 60
    return Text(
        f"{seen.visible:,} letters go back to {source} at {rate}/s (about {minutes:,.0f} min); each may be worked twice.",
        f"메시지 {seen.visible:,}개를 초당 {rate}개로 {source}에 돌려보냅니다(약 {minutes:,.0f}분). 중복 처리될 수 있습니다.",
    )


def lines(seen: Letters) -> tuple[Text, ...]:
    """Return the findings, one a line: what speaks for the move, and what to know about it."""
    consumers, signals = seen.consumers, seen.signals
    found = []
    if consumers is not None:
        found.append(Text(f"Consumers: {consumers.shown}", f"소비자: {consumers.shown}"))
    if signals is not None:
        errors = f"{signals.errors:.1%}" if signals.errors is not None else "?"
        deployed = _deployed_since(seen)
        note = Text(", deployed since the letters arrived", ", 메시지 도착 이후 배포됨") if deployed else Text("", "")
        found.append(Text(f"Consumers' failures: {errors}{note.en}", f"소비자 실패율: {errors}{note.ko}"))
        quiet = _quiet_minutes(seen, signals)
        found.append(Text(f"No new letter for {quiet}", f"새 메시지 없음: {quiet}"))
    distinct = len({letter.digest for letter in seen.sample})
    found.append(
        Text(
            f"Sample of {len(seen.sample)}: {distinct} different bodies",
            f"표본 {len(seen.sample)}개: 서로 다른 본문 {distinct}개",
        )
    )
    if seen.fifo:
        found.append(Text("FIFO: moved letters come after newer messages", "FIFO: 옮긴 메시지는 새 메시지보다 늦게 처리됩니다"))
    soon = _expiry(seen)
    return (*found, soon) if soon else tuple(found)


def harm(seen: Letters, parameters: Mapping[str, Any]) -> Text | None:
    """Say what harm the move does; None when none is seen, or nothing can be known."""
    move = seen.move
    if move is not None and move.moved:
        expected = max(0, move.to_move - move.moved) if move.status in ACTIVE else 0
        back = seen.visible + seen.in_flight - expected
        if move.status in (*ACTIVE, "COMPLETED") and back > max(TOLERATED, TOLERATED_SHARE * move.moved):
            return Text(
                f"{back:,} of {move.moved:,} moved letters are dead letters again: their cause is not gone.",
                f"옮긴 {move.moved:,}개 중 {back:,}개가 다시 돌아왔습니다. 원인이 해결되지 않았습니다.",
            )
    age = seen.signals.source_age_s if seen.signals else None
    bound = parameters.get("source_age", SOURCE_AGE_S)
    if age is not None and age >= bound:
        return Text(
            f"The oldest message of {parameters['source']} is {age:,.0f} s old (bound {bound:,} s): new work is late.",
            f"{parameters['source']}의 가장 오래된 메시지가 {age:,.0f}초입니다(기준 {bound:,}초). 새 작업이 늦어지고 있습니다.",
        )
    return None


def _misplaced(seen: Letters, parameters: Mapping[str, Any]) -> Refusal | None:
    """Refuse when the letters are not this source's alone, or receiving them would move them."""
    source = parameters["source"]
    if source not in seen.sources:
        return _no(
            Reason.UNSAFE, f"{seen.queue} is no dead-letter queue of {source}.", f"{seen.queue}은(는) {source}의 DLQ가 아닙니다."
        )
    if len(seen.sources) > 1:
        named = ", ".join(seen.sources[:5])
        return _no(
            Reason.UNSAFE,
            f"{seen.queue} holds letters of several queues ({named}): all would go to {source}.",
            f"{seen.queue}에 여러 큐({named})의 메시지가 섞여 있어 모두 {source}(으)로 가게 됩니다.",
        )
    if seen.chained:
        return _no(
            Reason.UNSAFE,
            f"{seen.queue} has a redrive policy of its own: looking at its letters would move them on.",
            f"{seen.queue} 자체에 redrive 정책이 있어 메시지를 조회하면 이동됩니다.",
        )
    return None


def _busy(seen: Letters, parameters: Mapping[str, Any]) -> Refusal | None:
    """Refuse when there is nothing to move, too much, or somebody is at it."""
    move, most = seen.move, parameters["max_messages"]
    if move is not None and move.status in ACTIVE:
        return _no(Reason.YIELDS, f"A move runs already ({move.value}).", f"이미 이동 작업이 실행 중입니다({move.value}).")
    if not seen.visible and seen.in_flight:
        return _no(
            Reason.YIELDS,
            f"Somebody is reading the {seen.in_flight:,} letters just now.",
            f"누군가 메시지 {seen.in_flight:,}개를 읽고 있습니다.",
        )
    if not seen.visible:
        return _no(Reason.NOTHING_TO_DO, f"{seen.queue} is empty.", f"{seen.queue}이(가) 비어 있습니다.")
    if seen.visible > most:
        return _no(
            Reason.AT_CEILING,
            f"{seen.visible:,} letters wait, max_messages is {most:,}.",
            f"메시지 {seen.visible:,}개가 대기 중이며 상한은 {most:,}개입니다.",
        )
    if move is not None and seen.now - move.started_at < AGAIN:
        return _no(
            Reason.UNSAFE,
            f"A move began at {move.started_at:%H:%M} UTC ({move.status}, {move.moved:,} letters) and letters are here again.",
            f"{move.started_at:%H:%M} UTC에 시작한 이동({move.status}, {move.moved:,}개) 이후 메시지가 다시 쌓였습니다.",
        )
    return None


def _failing(seen: Letters, parameters: Mapping[str, Any]) -> Refusal | None:
    """Refuse unless letters have ceased to arrive, consumers are healthy and in time, and they fail no more."""
    consumers, signals = seen.consumers, seen.signals
    if consumers is None or consumers.healthy is None or signals is None or not signals.counted:
        shown = consumers.shown if consumers else "?"
        return _no(
            Reason.UNKNOWN, f"Consumers ({shown}) or metrics could not be read.", f"소비자({shown}) 또는 지표를 읽을 수 없습니다."
        )
    if not consumers.healthy:
        return _no(
            Reason.UNSAFE, f"Consumers are not healthy: {consumers.shown}.", f"소비자가 정상이 아닙니다: {consumers.shown}."
        )
    quiet_for = timedelta(seconds=parameters.get("quiet_for", QUIET_S))
    minutes = quiet_for.total_seconds() / 60
    if signals.rose_at is not None and seen.now - signals.rose_at < quiet_for:
        return _no(
            Reason.YIELDS,
            f"Letters still arrived at {signals.rose_at:%H:%M} UTC; it must be quiet for {minutes:,.0f} min.",
            f"{signals.rose_at:%H:%M} UTC에도 메시지가 도착했습니다. {minutes:,.0f}분간 조용해야 합니다.",
        )
    return _late(seen, signals, parameters) or _errors(seen, signals, parameters)


def _late(seen: Letters, signals: Signals, parameters: Mapping[str, Any]) -> Refusal | None:
    bound, age = parameters.get("source_age", SOURCE_AGE_S), signals.source_age_s
    # An idle queue publishes no age; an empty one is not late.
    if age is None and seen.source_visible != 0:
        return _no(Reason.UNKNOWN, "How old the source's messages are is not known.", "원래 큐의 메시지 나이를 알 수 없습니다.")
    if age is not None and age >= bound:
        return _no(
            Reason.YIELDS,
            f"The source's own oldest message is {age:,.0f} s old (bound {bound:,} s).",
            f"원래 큐의 가장 오래된 메시지가 {age:,.0f}초입니다(기준 {bound:,}초).",
        )
    return None


def _errors(seen: Letters, signals: Signals, parameters: Mapping[str, Any]) -> Refusal | None:
    allowed = parameters.get("error_share", ERROR_SHARE) / 100
    if signals.errors is not None and signals.errors > allowed:
        return _no(
            Reason.YIELDS,
            f"Consumers fail {signals.errors:.0%} of their work (bound {allowed:.0%}): the cause is not gone.",
            f"소비자 실패율이 {signals.errors:.0%}입니다(기준 {allowed:.0%}). 원인이 해결되지 않았습니다.",
        )
    if signals.errors is None and not _deployed_since(seen):
        return _no(
            Reason.UNKNOWN,
            "Nothing was consumed lately and nothing was deployed since: whether the cause is gone is not known.",
            "최근 처리된 메시지가 없고 이후 배포도 없어 원인이 해결되었는지 알 수 없습니다.",
        )
    return None


def _poisoned(seen: Letters) -> Refusal | None:
    if not seen.sample:
        return _no(Reason.UNKNOWN, "No letter could be sampled.", "메시지 표본을 읽지 못했습니다.")
    if seen.repeated >= REPEATED and seen.repeated >= REPEATED_SHARE * len(seen.sample):
        return _no(
            Reason.UNSAFE,
            f"{seen.repeated} of {len(seen.sample)} sampled letters have the same body: they would fail again.",
            f"표본 {len(seen.sample)}개 중 {seen.repeated}개의 본문이 같습니다. 다시 실패할 것입니다.",
        )
    return None


def _deployed_since(seen: Letters) -> bool:
    """Tell whether the consumers were deployed after the last letter arrived; without a rise that was before the window."""
    if seen.consumers is None or seen.consumers.deployed_at is None or seen.signals is None:
        return False
    arrived: datetime = seen.signals.rose_at or seen.signals.window_start
    return seen.consumers.deployed_at > arrived


def _quiet_minutes(seen: Letters, signals: Signals) -> str:
    since = signals.rose_at or signals.window_start
    minutes = (seen.now - since).total_seconds() / 60
    return f"{'' if signals.rose_at else '>= '}{minutes:,.0f} min"


def _expiry(seen: Letters) -> Text | None:
    left = seen.expires_in
    if left is None or left > EXPIRES_SOON:
        return None
    hours = max(0.0, left.total_seconds() / 3600)
    return Text(
        f"The oldest sampled letter is dropped in {hours:,.1f} h (retention {seen.retention_s / 86400:,.1f} d).",
        f"표본 중 가장 오래된 메시지는 {hours:,.1f}시간 뒤 삭제됩니다(보존 {seen.retention_s / 86400:,.1f}일).",
    )


def _no(reason: Reason, en: str, ko: str) -> Refusal:
    return Refusal(reason, Text(en, ko))
