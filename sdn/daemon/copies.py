"""Copies of this process, to try out in them what must not happen here.

A copy (fork) shares all memory until it writes, so making one costs little, and whatever it does is gone with it. It
has this thread alone, closes everything that is open but the pipe for its answer, and ends by itself: it must compute
and nothing else. Locks that other threads held while it was made stay locked in it, so it must not log or use gRPC
(which must not start threads in it either: see the ``__init__`` of the northbound).
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from sdn.model.errors import Unavailable

Task = Callable[[], bytes]
_LAST_FD = 1 << 16


def run(task: Task, seconds: int) -> bytes:
    """The answer of a task in a copy; waits for it. Raises Unavailable when there is none within ``seconds``."""
    pid, pipe = _fork(task, seconds)
    try:
        with os.fdopen(pipe, "rb") as stream:
            answer = stream.read()
    finally:
        _, status = os.waitpid(pid, 0)
    return _checked(answer, status)


async def run_async(task: Task, seconds: int) -> bytes:
    """The same without blocking the loop."""
    pid, pipe = _fork(task, seconds)
    reading = asyncio.get_running_loop().run_in_executor(None, _read_and_wait, pid, pipe)
    try:
        answer, status = await asyncio.shield(reading)
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)  # it is waited for by the thread, so the number is still its own
        raise
    return _checked(answer, status)


def _read_and_wait(pid: int, pipe: int) -> tuple[bytes, int]:
    with os.fdopen(pipe, "rb") as stream:
        answer = stream.read()
    return answer, os.waitpid(pid, 0)[1]


def _checked(answer: bytes, status: int) -> bytes:
    if os.WIFSIGNALED(status):
        raise Unavailable.of("", "trying it out did not come to an end", "Ask again, for less at a time.")
    if status != 0:
        raise Unavailable.of("", "trying it out failed by an internal error", "See the daemon's log, and report it.")
    return answer


def _fork(task: Task, seconds: int) -> tuple[int, int]:
    """Start a copy; its process id and where its answer can be read. Raises Unavailable."""
    reader, writer = os.pipe()
    try:
        with warnings.catch_warnings():
            # Python warns of locks that other threads hold: see above.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
    except OSError as error:
        os.close(reader)
        os.close(writer)
        raise Unavailable.of("", f"the process cannot be copied: {error.strerror}", "Ask again later.") from None
    if pid == 0:
        _be_a_copy(task, writer, seconds)
    os.close(writer)
    return pid, reader


def _be_a_copy(task: Task, writer: int, seconds: int) -> NoReturn:
    status = 1
    try:
        gc.disable()  # a collection would write to all memory
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)
        signal.alarm(seconds)
        pipe = os.dup2(writer, 3) if writer != 3 else 3
        os.closerange(4, _LAST_FD)  # or connections that the daemon closes would stay open
        with os.fdopen(pipe, "wb") as stream:
            stream.write(task())
        status = 0
    except BaseException:  # whatever it is, this process ends here
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(status)
