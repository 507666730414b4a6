"""One cold start: import a room's handler in this fresh process and give it its first event.

Arguments: the room, the file with the Lambda event. The environment is the caller's.
"""

import hashlib
import hmac
import importlib
import json
import sys
import time
from typing import Any
from urllib.parse import urlencode


class Context:
    """What the runtime hands over beside the event."""

    function_name = "cold"
    memory_limit_in_mb = 256
    invoked_function_arn = "arn:aws:lambda:ap-northeast-2:123456789012:function:cold"
    aws_request_id = "cold"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        """Return thirty seconds."""
        return 30_000


def main(room: str, path: str) -> None:
    """Handle the event; exit 1 when the room gives it back."""
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib's import would be measured
        event = json.load(file)
    if room == "interactive":
        answer = importlib.import_module("notifier.interactive_handler").handler(signed(event), Context())
        sys.exit(0 if answer["statusCode"] == 200 else 1)
    answer = importlib.import_module(f"{room}.handler").handler(event, Context())
    sys.exit(1 if answer["batchItemFailures"] else 0)


def signed(event: dict[str, Any]) -> dict[str, Any]:
    """Return the HTTP API event of a click, signed now: a signature is good for five minutes."""
    body, timestamp = urlencode({"payload": json.dumps(event["payload"])}), str(time.time_ns() // 10**9)
    mac = hmac.new(event["sign"].encode(), f"v0:{timestamp}:{body}".encode(), hashlib.sha256).hexdigest()
    return {"headers": {"x-slack-request-timestamp": timestamp, "x-slack-signature": f"v0={mac}"}, "body": body}


if __name__ == "__main__":
    main(*sys.argv[1:])
