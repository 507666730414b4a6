"""One cold start: import a room's handler in this fresh process and give it its first event.

Arguments: the room, the file with the Lambda event. The environment is the caller's.
"""

import importlib
import json
import sys


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
    answer = importlib.import_module(f"{room}.handler").handler(event, Context())
    sys.exit(1 if answer["batchItemFailures"] else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
