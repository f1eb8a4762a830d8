"""Runs a service as `python -m` does, with faults that the product has no switch for: `python injected.py -m <module>`.

What to inject stands in the JSON file LONGSHORE_TEST_INJECTIONS, by module, and is read when the process starts:
`raises`: a function `package.module:Class.name` that fails whenever it is called, as a bad deploy's would;
`clock_s`: by how many seconds this process's clock is wrong; `environ`: variables that are different in it.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import sys
import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, NoReturn


class _AnyDatetime(type):
    def __instancecheck__(cls, each: object) -> bool:
        return isinstance(each, datetime)


def main() -> None:
    module = sys.argv[2]
    path = Path(os.environ["LONGSHORE_TEST_INJECTIONS"])
    chosen: dict[str, Any] = json.loads(path.read_text()).get(module, {}) if path.exists() else {}
    os.environ.update(chosen.get("environ", {}))
    if seconds := chosen.get("clock_s"):
        shift_clock(seconds, module)
    if name := chosen.get("raises"):
        break_function(name)
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def shift_clock(seconds: float, module: str) -> None:
    """Every clock that the service's code reads tells a wrong time; monotonic ones go on as they are."""
    true_time, true_time_ns = time.time, time.time_ns
    time.time = lambda: true_time() + seconds
    time.time_ns = lambda: true_time_ns() + int(seconds * 1e9)

    class WrongDatetime(datetime, metaclass=_AnyDatetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(seconds=seconds)

    clock = importlib.import_module("longshore.clock")
    clock.datetime = WrongDatetime  # type: ignore[attr-defined]
    # All of the service is imported before the name is exchanged: annotations have been read by then.
    importlib.import_module(f"{module}.app")
    for name, loaded in list(sys.modules.items()):
        if name.startswith("longshore") and getattr(loaded, "datetime", None) is datetime:
            loaded.datetime = WrongDatetime  # type: ignore[attr-defined]


def break_function(name: str) -> None:
    module, _, path = name.partition(":")
    owner: Any = importlib.import_module(module)
    *parts, last = path.split(".")
    for part in parts:
        owner = getattr(owner, part)
    assert callable(getattr(owner, last))
    setattr(owner, last, _fail)


def _fail(*_: object, **__: object) -> NoReturn:
    raise RuntimeError("a bad deploy")


if __name__ == "__main__":
    main()
