"""What a benchmark is: how it is run, how it is told, and which of its figures are compared."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Found = dict[str, Any]
"""What a run found, as it stands in results.json."""


class Run(Protocol):
    """Measures; `quick` is to see that it works, not to publish."""

    def __call__(self, *, quick: bool) -> Coroutine[Any, Any, Found]: ...


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a result that `compare` looks at."""

    name: str
    value: float
    better: Literal["higher", "lower"] = "higher"


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A named benchmark. `minutes`: about how long a full run takes. `default`: it belongs to `make bench`."""

    name: str
    about: str
    minutes: float
    run: Run
    section: Callable[[Found], str]
    figures: Callable[[Found], Sequence[Figure]]
    default: bool = False
