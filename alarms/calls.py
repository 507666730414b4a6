"""One AWS call: its pace, its retries and its failures in our own words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError, ProfileNotFound

from alarms.domain.errors import CannotRun, Permanent, Retryable

Now = Callable[[], datetime]  # the time, aware
Sleep = Callable[[float], None]  # waits that many seconds
T = TypeVar("T")

ATTEMPTS = 8
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 20.0

# What AWS says when it wants us to come back. [botocore standard retry mode; CloudWatch common errors]
_FOR_NOW = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "ProvisionedThroughputExceededException",
        "ConcurrentModificationException",
        "InternalServiceFault",
        "InternalFailure",
        "InternalServerError",
        "ServiceUnavailable",
        "RequestTimeout",
        "RequestTimeoutException",
    }
)
_NO_ACCESS = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_NO_IDENTITY = frozenset({"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"})


class Pace:
    """Lets at most ``rate`` calls start in a second, without bursts; a hundredth slower, since clocks round."""

    def __init__(self, rate: float, now: Now, sleep: Sleep) -> None:
        self._gap = 1.01 / rate
        self._now = now
        self._sleep = sleep
        self._last: datetime | None = None

    def wait(self) -> None:
        """Return when the next call may start. A clock that jumps makes it wait one gap at most."""
        if self._last is not None:
            since = (self._now() - self._last).total_seconds()
            if 0 <= since < self._gap:
                self._sleep(self._gap - since)
        self._last = self._now()


class Caller:
    """Makes calls: throttles and outages are retried with growing waits, everything else becomes one of our errors."""

    def __init__(self, sleep: Sleep, attempts: int = ATTEMPTS) -> None:
        self._sleep = sleep
        self._attempts = attempts

    def __call__(self, what: str, call: Callable[[], T], pace: Pace | None = None) -> T:
        """Return what ``call`` returns. ``what`` names it in errors; ``pace`` is waited for before every attempt.

        Raises Retryable when AWS still says "not now" after the last attempt, CannotRun without usable credentials, and
        Permanent (with AWS's code) for any other refusal. A retried call must be safe to repeat: all of ours are.
        """
        for attempt in range(1, self._attempts + 1):
            if pace:
                pace.wait()
            try:
                return call()
            except (ClientError, BotoCoreError) as error:
                if attempt == self._attempts or not _for_now(error):
                    raise failure(what, error) from error
            self._sleep(min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (attempt - 1)))
        raise AssertionError("unreachable: the last attempt returns or raises")


def code_of(error: Exception) -> str:
    """Return AWS's own error code, empty for a failure on this side."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def _for_now(error: ClientError | BotoCoreError) -> bool:
    if isinstance(error, ClientError):
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        return code_of(error) in _FOR_NOW or status >= 500
    return type(error).__name__ in {"EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError"}


def failure(what: str, error: ClientError | BotoCoreError) -> CannotRun | Permanent | Retryable:
    """Return ``error`` in our own words, one line."""
    code = code_of(error)
    text = " ".join(str(error).split())
    if isinstance(error, (NoCredentialsError, PartialCredentialsError, ProfileNotFound)) or code in _NO_IDENTITY:
        return CannotRun(f"{what}: no usable AWS credentials ({text}); name a profile with --profile or set AWS_PROFILE")
    if code in _NO_ACCESS:
        return Permanent(f"{what}: not allowed ({text}); docs/deploying.md lists what the deployer needs", code)
    if _for_now(error):
        return Retryable(f"{what}: AWS still says not now ({text}); run it again, it goes on where it stopped")
    return Permanent(f"{what}: {text}", code)
