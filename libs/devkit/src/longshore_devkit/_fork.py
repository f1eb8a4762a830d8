"""`python -m longshore_devkit._fork <fd> <module>...`: imports the modules, then makes copies of itself that become
programs, for `forking.ForkServer` at the other end of the socket `fd`. Ends, and its copies with it, when that is gone.
"""

import contextlib
import ctypes
import fcntl
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
from typing import Any

PR_SET_PDEATHSIG = 1
MOST_BYTES = 1 << 20
MOST_FILES = 32
OUT_OF_THE_WAY = 512
"""Received files are moved above this number before they get the numbers that they shall have."""


def main() -> None:
    """Serve; in a copy, return only when its program has ended."""
    orders = socket.socket(fileno=int(sys.argv[1]))
    gc.disable()  # it would look again and again through what stays
    for name in sys.argv[2:]:
        importlib.import_module(name)
    # What is there stays shared with the copies: their collector has nothing to do with it.
    gc.collect()
    gc.freeze()
    gc.enable()
    woken, wake = socket.socketpair()
    woken.setblocking(False)
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([orders, woken], [], [])
        if woken in ready:
            with contextlib.suppress(BlockingIOError):
                woken.recv(4096)
            tell_ended(running)
        if orders in ready:
            data, files, _, _ = socket.recv_fds(orders, MOST_BYTES, MOST_FILES)
            if not data:
                return
            order: dict[str, Any] = json.loads(data)
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for each in (orders, woken, wake, *running.values()):
                    each.close()
                become(order, files)
                return
            told = socket.socket(fileno=files[0])
            with contextlib.suppress(OSError):
                told.send(str(pid).encode())
            running[pid] = told
            for number in files[1:]:
                os.close(number)


def tell_ended(running: dict[int, socket.socket]) -> None:
    """Collect copies that have ended, and say with what code (negative: by that signal)."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        with running.pop(pid) as told, contextlib.suppress(OSError):
            told.send(str(os.waitstatus_to_exitcode(status)).encode())


def become(order: dict[str, Any], files: list[int]) -> None:
    """In the copy: be the program `order["arguments"]` (what follows `python` on a command line), and run it."""
    server = os.getppid()
    os.setpgid(0, 0)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, order["death_signal"], 0, 0, 0)
    if os.getppid() != server:  # it died before the line above could take effect
        os._exit(1)
    os.close(files[0])
    aside = [fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, OUT_OF_THE_WAY) for number in files[1:]]
    for number in files[1:]:
        os.close(number)
    output, *passed = aside
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    for number, wanted in zip(passed, order["pass_fds"], strict=True):
        os.dup2(number, wanted)
    for number in aside:
        os.close(number)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(write_through=True)  # type: ignore[union-attr]  # it is a text file, as in any program
    if order["cwd"] is not None:
        os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    first, *rest = order["arguments"]
    if first == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = order["arguments"]
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    main()
