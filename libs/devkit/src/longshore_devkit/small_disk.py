"""A disk for faults: small, of its own if root permits, that can be filled, emptied and enlarged."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MIB = 2**20
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  (directories in it are made with a name of chance)


class SmallDisk:
    """A directory on a disk in memory. `own`: whether the disk is ours alone and as small as was asked for."""

    def __init__(self, path: Path, *, own: bool) -> None:
        self.path = path
        self.own = own
        self._ballast = path / "ballast"

    @property
    def free(self) -> int:
        """Bytes left."""
        return shutil.disk_usage(self.path).free

    def fill(self, size: int) -> None:
        """Take so many bytes away. OSError when there are not so many."""
        with self._ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)

    def empty(self) -> None:
        """Give back what `fill` took."""
        self._ballast.unlink(missing_ok=True)

    def resize(self, size: int) -> None:
        """Make it so large, while it is in use. Only if `own`."""
        if not self.own:
            raise RuntimeError("it is not our own disk")
        subprocess.run(["mount", "-o", f"remount,size={size}", str(self.path)], check=True, capture_output=True)


@contextmanager
def small_disk(size: int) -> Iterator[SmallDisk | None]:
    """A tmpfs of `size` bytes where root permits; else a directory in shared memory; None where there is neither."""
    with tempfile.TemporaryDirectory(prefix="longshore-disk-") as folder:
        if _mount(folder, size):
            try:
                yield SmallDisk(Path(folder), own=True)
            finally:
                subprocess.run(["umount", "--lazy", folder], check=False, capture_output=True)
            return
    if not os.access(_SHARED_MEMORY, os.W_OK):
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="longshore-disk-", dir=_SHARED_MEMORY) as folder:
        yield SmallDisk(Path(folder), own=False)


def _mount(folder: str, size: int) -> bool:
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", folder]
    # Containers are root without this right.
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
