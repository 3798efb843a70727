"""A process of its own for what asks ops through DuckDB.

DuckDB brings an SQLite of its own, and POSIX knows locks by process and file: as soon as one of the two libraries
closes a file, the process has lost every lock on it that the other believes it holds (sqlite.org, "How To Corrupt An
SQLite Database File", 2.2). Another process may then take itself for the last one and delete the journal below open
connections; who writes on loses it. So no process that has a `Store` attaches ops to DuckDB. What asks it that way is
made and kept in a second process, which opens SQLite through DuckDB alone, and is called through a socket.
"""

from __future__ import annotations

import atexit
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, ParamSpec, TypeVar, cast

from sillage.errors import TransientError

P = ParamSpec("P")
T = TypeVar("T")

IDLE_S = 120.0
"""A process that nobody has a thing in for so long ends."""


def made_aside(make: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `make` makes, kept in the other process: its methods are called there, and its `close` lets it go.

    `make` is a function of a module; arguments, answers and errors are pickled. Each thing has a thread of its own
    there and is not to be shared between threads here.

    Raises: whatever `make` raises; TransientError where the other process ended.
    """
    far = _Far(_process.line())
    try:
        far.ask(make, args, kwargs)
    except BaseException:
        far.close()
        raise
    return cast("T", far)


def warm_up() -> None:
    """Start the other process now, so that the first question need not wait for it."""
    _process.line().close()


class _Far:
    """Stands here for a thing that is elsewhere."""

    def __init__(self, line: Connection) -> None:
        self._line = line

    def ask(self, what: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            self._line.send((what, args, kwargs))
            held, answer = self._line.recv()
        except (EOFError, OSError) as exc:
            raise TransientError("the process that looks at contacts ended; ask again") from exc
        if not held:
            raise answer
        return answer

    def close(self) -> None:
        self._line.close()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return partial(self._method, name)

    def _method(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return self.ask(name, args, kwargs)


class _Process:
    """The other process of this one, started when it is first needed."""

    def __init__(self) -> None:
        self.forget()
        atexit.register(self._end)
        os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        """Know of none; a forked child must not speak through its parent's."""
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._door: socket.socket | None = None

    def line(self) -> Connection:
        """A line to a thread of its own in the other process."""
        with self._lock:
            near, far = socket.socketpair()
            with far:
                for _ in range(2):
                    try:
                        socket.send_fds(self._open_door(), [b"+"], [far.fileno()])
                        return Connection(near.detach())
                    except OSError:
                        # It had ended for want of work, or somebody ended it.
                        self._end()
            near.close()
        raise TransientError("the process that looks at contacts does not start; look into its messages")

    def _open_door(self) -> socket.socket:
        if self._door is None:
            self._door, far = socket.socketpair()
            with far:
                self._child = subprocess.Popen(  # noqa: S603  # our own module
                    [sys.executable, "-m", "sillage.aside", str(far.fileno()), *filter(None, sys.path)],
                    stdin=subprocess.DEVNULL, pass_fds=[far.fileno()],
                )  # fmt: skip
        return self._door

    def _end(self) -> None:
        if self._door is not None and self._child is not None:
            self._door.close()
            self._child.wait()
        self._door = self._child = None


_process = _Process()


def main() -> None:
    """Take lines from the parent until it ends, or nobody has spoken for long."""
    # Ctrl-C reaches all processes of a terminal; the parent ends this one when it has finished.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What is asked for may lie where only the parent looks; a page called calendar.py must not hide the library's.
    sys.path += [path for path in sys.argv[2:] if path not in sys.path]
    served: list[threading.Thread] = []
    with socket.socket(fileno=int(sys.argv[1])) as door:
        door.settimeout(IDLE_S)
        while True:
            try:
                said, found, _, _ = socket.recv_fds(door, 1, 1)
            except TimeoutError:
                served = [thread for thread in served if thread.is_alive()]
                if served:
                    continue
                break
            if not said:
                break
            served.append(threading.Thread(target=_serve, args=(Connection(found[0]),), daemon=True))
            served[-1].start()
    # Nobody waits for the answers to what is still being asked.
    os._exit(0)


def _serve(line: Connection) -> None:
    thing: Any = None
    with line:
        try:
            while True:
                what, args, kwargs = line.recv()
                answer: object = None
                try:
                    if callable(what):
                        thing = what(*args, **kwargs)
                    else:
                        answer = getattr(thing, what)(*args, **kwargs)
                except Exception as exc:  # noqa: BLE001  # it is raised where it was asked
                    line.send((False, exc))
                else:
                    line.send((True, answer))
        except (EOFError, OSError):
            pass
        finally:
            if thing is not None:
                thing.close()


if __name__ == "__main__":
    main()
