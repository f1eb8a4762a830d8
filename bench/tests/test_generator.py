from __future__ import annotations

import json

import pytest

from bench.generator import arguments, result_of
from longshore_devkit.loadgen import LoadPlan, LoadResult
from longshore_devkit.loadgen.__main__ import parse, plan_of

URL = "http://127.0.0.1:1/x"


class TestArguments:
    @pytest.mark.parametrize(
        "plan",
        [
            LoadPlan(URL, "s", rate=None, orders=5, copies=1, connections=3),
            LoadPlan(URL, "s", platform="shopify", shop="a.myshopify.com", rate=20.0, duration_s=1.5),
            LoadPlan(URL, "s", skus=("A", "B"), first_id=7, timeout_s=2.0, retry_for_s=9.0, orders=1),
        ],
    )
    def test_the_generator_reads_the_plan_that_was_meant(self, plan: LoadPlan) -> None:
        assert plan_of(parse(arguments(plan))) == plan

    def test_bodies_of_ones_own_do_not_fit_on_a_command_line(self) -> None:
        with pytest.raises(ValueError, match="in this process"):
            arguments(LoadPlan(URL, "s", body=lambda n, at: b"", orders=1))


class TestResult:
    def test_comes_back_as_it_was(self) -> None:
        result = LoadResult(4, sent=5, accepted=3, accepted_ids={1, 2}, refused_ids={3}, seconds=1.5, cpu_seconds=0.25)
        result.intended = {1: 0.5, 2: 1.0, 3: 1.5}
        result.status_counts["200"] = 3
        assert result_of(json.loads(json.dumps(result.as_dict(with_ids=True)))) == result
