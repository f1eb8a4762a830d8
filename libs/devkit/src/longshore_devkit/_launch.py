"""Run by path, not imported: ties a program to the life of its parent, then becomes that program.

`python -I -S _launch.py <parent pid> <signal> <program> [argument...]`

A preexec hook would do the same inside the supervisor, but it runs Python between fork and exec, which may
deadlock once the parent has threads (test sessions have). This costs about 15 ms instead.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, death_signal, program = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:  # it died before the line above could take effect
        os._exit(1)
    try:
        os.execvp(program[0], program)  # noqa: S606 - becoming the program is the point
    except OSError as error:
        sys.stderr.write(f"cannot run {program[0]}: {error.strerror}\n")
        os._exit(127)


main()
