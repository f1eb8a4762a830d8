"""Run by path, not imported: outlives its supervisor just long enough to end what that left running.

`python -I -S _reap.py` reads `+<process group> <signal>` and `-<process group>` lines. The end of its input means
that the supervisor is gone, however it went; then every group still listed gets its signal, and SIGKILL 3 s later.
The kernel's parent-death signal (see _launch.py) covers a process, but not what that process started itself.
"""

import os
import signal
import sys
import time

GRACE_S = 3.0


def main() -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    groups: dict[int, int] = {}
    for line in sys.stdin:
        words = line[1:].split()
        if line.startswith("+"):
            groups[int(words[0])] = int(words[1])
        else:
            groups.pop(int(words[0]), None)
    for group, number in groups.items():
        send(group, number)
    asked = [group for group, number in groups.items() if number != signal.SIGKILL]
    deadline = time.monotonic() + GRACE_S
    while time.monotonic() < deadline and any(send(group, 0) for group in asked):
        time.sleep(0.05)
    for group in asked:
        send(group, signal.SIGKILL)


def send(group: int, number: int) -> bool:
    """False when the group is gone."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


main()
