"""Ports on loopback that stay the same from run to run."""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Iterator
from itertools import count
from pathlib import Path

HOST = "127.0.0.1"
_LOWEST = 10_240
_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_counting: dict[int, Iterator[int]] = {}  # by process


def port_is_free(port: int, host: str = HOST) -> bool:
    """Whether a server could listen there now (connections in TIME_WAIT do not count)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
        return True


def free_port(taken: frozenset[int] = frozenset()) -> int:
    """A port that nobody listens on, and that this process has not given out before: whoever was given one may listen
    there a while later.

    Below the kernel's ephemeral range when possible: while a broker is down, its clients' own connection attempts
    could otherwise be given its port (a connection may even connect to itself) and keep it from coming back."""
    span = _first_ephemeral() - _LOWEST
    for _ in range(200):
        port = _LOWEST + _next() % span
        if port not in taken and port_is_free(port):
            return port
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _next() -> int:
    """One after the other, from where no other process begins, a forked copy neither."""
    if os.getpid() not in _counting:
        _counting[os.getpid()] = count(secrets.randbelow(1 << 16))
    return next(_counting[os.getpid()])


class PortBook:
    """Remembers a free port per name in a file; one that somebody else has taken meanwhile is chosen anew.

    `taken`: ports that are not to be given, though nobody listens there yet.
    """

    def __init__(self, path: Path, taken: frozenset[int] = frozenset()) -> None:
        self._path = path
        self._taken = taken
        self._ports: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}

    def port(self, name: str) -> int:
        known = self._ports.get(name)
        if known is not None and known not in self._taken and port_is_free(known):
            return known
        self._ports[name] = free_port(self._taken | frozenset(self._ports.values()))
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps(self._ports, indent=2, sort_keys=True) + "\n")
        return self._ports[name]


def _first_ephemeral() -> int:
    try:
        return max(int(_EPHEMERAL_RANGE.read_text().split()[0]), _LOWEST + 1_000)
    except OSError:
        return 32_768
