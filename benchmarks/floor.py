"""The floor of a cold start: import boto3, make the same clients, post once with urllib. Nothing of tocsin is imported.

Arguments: the loopback address, then the names of the clients.
"""

import sys
import urllib.request

import boto3


def main(url: str, *services: str) -> None:
    """Do the least that any notifier written with boto3 must do."""
    clients = [boto3.client(service) for service in services]  # type: ignore[call-overload]  # the name is not a literal
    request = urllib.request.Request(  # noqa: S310 - loopback only
        f"{url}/api/chat.postMessage", data=b'{"channel":"C1","text":"floor"}', headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - loopback only
        answer.read()
    sys.exit(0 if len(clients) == len(services) else 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
