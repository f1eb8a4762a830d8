"""Load for the gateway: signed webhooks at a fixed rate, cheap enough to share the machine with what it tests."""

from longshore_devkit.loadgen.latency import LatencySummary
from longshore_devkit.loadgen.plan import BodyMaker, LoadPlan
from longshore_devkit.loadgen.runner import LoadResult, run_load

__all__ = ["BodyMaker", "LatencySummary", "LoadPlan", "LoadResult", "run_load"]
