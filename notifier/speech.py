"""One lease's worth of speaking to Slack: every step is remembered as soon as it is certain, and every doubt too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from alarms.domain.alarm import Alarm
from alarms.domain.errors import Permanent
from alarms.domain.text import Language
from notifier.escape import mrkdwn
from notifier.message import Message
from notifier.ports import Posted, Slack, Threads, Unsure
from notifier.record import Pointer, Thread
from notifier.words import NOT_DELIVERED

# Slack's error codes by what can still be done. Everything else goes back to the queue and in the end to its dead letters.
CHANNEL_LOST = frozenset(
    {"channel_not_found", "not_in_channel", "is_archived", "channel_is_archived", "restricted_action", "no_permission"}
)
TOO_MUCH = frozenset(
    {
        "msg_too_long",
        "msg_blocks_too_long",
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_attachments",
        "too_many_attachments",
        "no_text",
        "invalid_metadata_format",
        "invalid_metadata_schema",
        "metadata_too_large",
    }
)
GONE = frozenset(
    {"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found", "cannot_reply_to_message"}
)

Draft = Callable[[Thread], Message]  # a message depends on where and how it is delivered


class Speech:
    """Posts, edits and replies for one thread; ``thread`` is what is certain by now."""

    def __init__(self, slack: Slack, threads: Threads, thread: Thread, owner: str, now: datetime) -> None:
        self.thread = thread
        self._slack, self._threads, self._owner, self._now = slack, threads, owner, now

    def about(self, row: Alarm | None, pointer: Pointer) -> None:
        """Remember the row that the message shows, and let its buttons' id be looked up before it can be pressed."""
        episode = pointer.episode.id
        if self.thread.episode != episode:
            self._threads.point(pointer, self._now)
        digest = row.digest if row else self.thread.row_digest
        self.thread = replace(self.thread, row_digest=digest, episode=episode)

    def told(self, key: str) -> None:
        """Remember that ``key`` was said."""
        self.thread = replace(self.thread, told=self.thread.told | {key})

    def show(self, draft: Draft, *, fallback: str, language: Language, since: datetime) -> None:
        """Bring the message in Slack to what ``draft`` says: post it once, edit it afterwards, post anew when it is gone."""
        if not self.thread.ts and self.thread.doubt == "post":
            self._recover(draft(self.thread), since)
        try:
            self._place(draft)
        except Permanent as refused:
            lost = draft(self.thread).channel
            if refused.code not in CHANNEL_LOST or lost == fallback:
                raise
            note = NOT_DELIVERED.in_(language).format(channel=mrkdwn(lost, 80), code=mrkdwn(refused.code, 40))
            self.thread = replace(self.thread, note=note, channel=fallback, ts="", digest="")
            self._place(draft)

    def reply(self, key: str, draft: Draft) -> None:
        """Say ``key`` in the thread, once."""
        if self.thread.doubt == key and self._found(draft(self.thread), self._now):
            self.told(key)
            return
        self._threads.save(self.thread, owner=self._owner, doing=key)
        try:
            self._send(draft(self.thread), key)
        except Permanent as refused:
            if refused.code not in GONE:
                raise
            self._send(replace(draft(self.thread), thread_ts=""), key)  # the parent was deleted: say it in the channel
        self.told(key)

    def close(self) -> None:
        """Store what was reached and give the lease back."""
        self._threads.save(self.thread, owner=self._owner)

    def _place(self, draft: Draft) -> None:
        """Edit the message, or post it where there is none to edit."""
        if not (self.thread.ts and self._edited(draft(self.thread))):
            self._post(draft(self.thread))

    def _edited(self, message: Message) -> bool:
        """Edit the message where it looks different; False when it is not there to edit."""
        if message.digest == self.thread.digest:
            return True
        try:
            self._edit(message)
        except Permanent as refused:
            if refused.code not in GONE:
                raise
            self.thread = replace(self.thread, ts="", digest="")
            return False
        self.thread = replace(self.thread, digest=message.digest)
        return True

    def _edit(self, message: Message) -> None:
        channel, ts = self.thread.channel, self.thread.ts
        try:
            self._slack.update(message.edit(channel, ts), self._now)
        except Permanent as refused:
            if refused.code not in TOO_MUCH:
                raise
            self._slack.update(message.bare().edit(channel, ts), self._now)

    def _post(self, message: Message) -> None:
        posted = self._send(message, "post")
        self.thread = replace(self.thread, channel=posted.channel, ts=posted.ts, digest=message.digest)
        if posted.channel != message.channel:
            self._threads.learn(message.channel, posted.channel)

    def _send(self, message: Message, doing: str) -> Posted:
        """Post a message, as bare text when Slack refuses its blocks; an outcome that is lost is remembered as a doubt."""
        try:
            posted = self._attempt(message)
        except Unsure:
            self.thread = replace(self.thread, doubt=doing)
            raise
        if self.thread.doubt == doing:
            self.thread = replace(self.thread, doubt="")
        return posted

    def _attempt(self, message: Message) -> Posted:
        try:
            return self._slack.post(message.payload(), self._now)
        except Permanent as refused:
            if refused.code not in TOO_MUCH:
                raise
            return self._slack.post(message.bare().payload(), self._now)

    def _recover(self, message: Message, since: datetime) -> None:
        """Adopt the message of an earlier attempt whose outcome was lost, where Slack lets us find it."""
        if found := self._found(message, since):
            self.thread = replace(self.thread, channel=found.channel, ts=found.ts, digest="", doubt="")

    def _found(self, message: Message, since: datetime) -> Posted | None:
        metadata = message.metadata or {}
        channel = self._threads.channel_id(message.channel)
        return self._slack.find(channel, metadata, thread_ts=message.thread_ts, since=since, now=self._now)
