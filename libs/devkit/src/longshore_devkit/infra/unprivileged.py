"""PostgreSQL refuses to run as root. When we are root, it runs as a user without rights instead.

The wheel's own start creates a system user and opens every directory above its data to the world. Neither is
needed: setpriv (util-linux) changes to a user that every system has, and where that user could not reach the
data directory (a checkout below /root), leaves it the one capability to pass through directories.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from longshore_devkit.errors import InfraError

_USERS = ("postgres", "nobody")
_ADVICE = "run as another user, or set LONGSHORE_DATABASE_URL to use a PostgreSQL that runs already."


@dataclass(frozen=True)
class Unprivileged:
    """How to run a program without root's rights; `user` None: we have none, nothing to do."""

    user: pwd.struct_passwd | None = None
    setpriv: str = ""
    pass_directories: bool = False

    def prefix(self, death_signal: signal.Signals) -> tuple[str, ...]:
        """Goes before the program's own arguments. `death_signal` again: changing user resets what was set before."""
        if self.user is None:
            return ()
        capability = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search") if self.pass_directories else ()
        return (
            self.setpriv, f"--reuid={self.user.pw_uid}", f"--regid={self.user.pw_gid}", "--clear-groups",
            f"--pdeathsig={death_signal.name.removeprefix('SIG')}", *capability, "--",
        )  # fmt: skip

    def give(self, path: Path) -> None:
        """Make the user the owner of a file or a whole directory."""
        if self.user is None:
            return
        os.chown(path, self.user.pw_uid, self.user.pw_gid)
        for folder, folders, files in os.walk(path):
            for name in (*folders, *files):
                os.chown(Path(folder) / name, self.user.pw_uid, self.user.pw_gid, follow_symlinks=False)


def find_unprivileged(*paths: Path) -> Unprivileged:
    """How a program that must reach these paths is run here. Raises InfraError when we are root and there is no way."""
    if os.geteuid() != 0:
        return Unprivileged()
    setpriv = shutil.which("setpriv")
    if sys.platform != "linux" or setpriv is None:
        raise InfraError(f"PostgreSQL does not run as root, and there is no setpriv (util-linux) here: {_ADVICE}")
    user = _first_user()
    if user is None:
        raise InfraError(f"PostgreSQL does not run as root, and there is no user nobody here: {_ADVICE}")
    return Unprivileged(user, setpriv, not all(map(_anyone_passes, paths)))


def _first_user() -> pwd.struct_passwd | None:
    for name in _USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


def _anyone_passes(path: Path) -> bool:
    """Whether every directory above the path may be passed by all users."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.resolve().parents)
