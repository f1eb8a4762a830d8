"""What a shop does in the background: `Job`, done a moment after the answer that named it."""

from __future__ import annotations

from collections.abc import Callable

from longshore_devkit.stores.shopify.catalogue import Ids


class Jobs:
    """Jobs of one shop. They run before the next request is answered, in the order in which they were begun; `held`:
    not until it is taken back."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._waiting: dict[int, Callable[[], object]] = {}
        self._known: set[int] = set()
        self.held = False

    def begin(self, act: Callable[[], object]) -> int:
        """Put something off; the job's number."""
        number = self._ids.next("job")
        self._waiting[number] = act
        self._known.add(number)
        return number

    def run(self) -> None:
        """Do what waits."""
        while self._waiting and not self.held:
            number = next(iter(self._waiting))
            self._waiting.pop(number)()

    def is_done(self, number: int) -> bool:
        """Whether a job has run. KeyError when there is none."""
        if number not in self._known:
            raise KeyError(number)
        return number not in self._waiting
