"""Which partition a key belongs to: Kafka's own rule (murmur2, as the Java client has it), so that keys lie where any
other client would put them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from struct import Struct
from typing import Any

_MASK = 0xFFFFFFFF
_SEED = 0x9747B28C
_M = 0x5BD1E995


def murmur2(data: bytes) -> int:
    """The hash of a key, unsigned, 32 bits. The same as aiokafka's in half its time: it reads words, not bytes."""
    length = len(data)
    h = _SEED ^ length
    for word in _words(length >> 2)(data):
        k = word * _M & _MASK
        h = (h * _M & _MASK) ^ ((k ^ k >> 24) * _M & _MASK)
    rest = length & 3
    if rest:
        h = (h ^ int.from_bytes(data[length - rest :], "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    return h ^ h >> 15


class KeyPartitioner:
    """aiokafka's interface for a partitioner. All that we send has a key."""

    def __call__(self, key: bytes, partitions: Sequence[int], available: Sequence[int]) -> int:
        """One of `partitions` (sorted)."""
        return partitions[_place(key) % len(partitions)]


# Stores deliver in pairs: what was hashed a moment ago is asked for again.
@lru_cache(maxsize=4096)
def _place(key: bytes) -> int:
    return murmur2(key) & 0x7FFFFFFF


@cache
def _words(count: int) -> Callable[[bytes], tuple[Any, ...]]:
    return Struct(f"<{count}I").unpack_from
