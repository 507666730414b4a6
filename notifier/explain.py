"""What Slack would be sent for one event by itself, for `tocsin explain`. Pure."""

from __future__ import annotations

from typing import Any

from alarms.domain.alarm import Alarm
from alarms.domain.event import AlarmEvent
from alarms.domain.incident import Ending, ending_of
from alarms.domain.text import Language
from notifier.render import incident
from notifier.route import Quiet, channel

UNKNOWN_TS = "0000000000.000000"  # stands for the ts of the message that the incident's ALARM was shown in


def explain(event: AlarmEvent, row: Alarm | None, *, default_channel: str, language: Language = Language.EN) -> dict[str, Any]:
    """Return ``{"method", "payload"}`` for ``event`` as if it were new, plus ``quiet`` where nothing would be sent.

    An ALARM is a chat.postMessage. Any ending is the chat.update of the message that its ALARM would have got. A first OK
    says nothing: method and payload are None.
    """
    ending = ending_of(event)
    if ending is Ending.FIRST_OK:
        return {"method": None, "payload": None, "quiet": Quiet.FIRST_OK.value}
    payload = incident(event, row, channel=channel(row, default_channel), language=language).payload()
    if ending is None:
        return {"method": "chat.postMessage", "payload": payload}
    return {"method": "chat.update", "payload": {**payload, "ts": UNKNOWN_TS}}
