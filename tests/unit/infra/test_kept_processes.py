"""What is started for a while ends with its starter, however that ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from infra.local import kept

# Says that it runs, then hangs on a pipe that its starter's reader sees closing when it is gone.
PROGRAM = "import time; print('running', flush=True); time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('running', flush=True); time.sleep(600)"


def start(program: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, kept.__file__, "{}", sys.executable, "-c", program]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


@pytest.fixture
def running() -> Iterator[subprocess.Popen[bytes]]:
    with start(PROGRAM) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"running\n"
        yield process


def gone(process: subprocess.Popen[bytes]) -> bool:
    """Wait until nobody holds the output any more: neither the keeper nor the program."""
    assert process.stdout is not None
    return process.stdout.read() == b""


def test_the_program_ends_when_its_starter_closes_the_pipe_or_dies(running: subprocess.Popen[bytes]) -> None:
    assert running.stdin is not None
    running.stdin.close()

    assert gone(running)
    assert running.wait() != 0


def test_a_sigterm_is_passed_on(running: subprocess.Popen[bytes]) -> None:
    running.terminate()

    assert gone(running)
    assert running.wait() == -signal.SIGTERM % 256 or running.returncode == 256 - signal.SIGTERM


def test_a_program_that_heeds_no_sigterm_still_ends_with_its_starter() -> None:
    with start(STUBBORN) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"running\n"
        process.terminate()
        assert process.stdin is not None
        process.stdin.close()

        assert gone(process)


def test_a_signal_in_the_first_moment_leaves_nobody() -> None:
    """Whenever it comes: before the keeper listens, between the two starts, or after them."""
    for _ in range(10):
        with start(PROGRAM) as process:
            process.terminate()
            assert process.stdout is not None
            assert process.stdout.read() in {b"", b"running\n"}
