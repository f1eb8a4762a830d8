from __future__ import annotations

import json
from pathlib import Path

from bench import page
from bench.registry import BENCHMARKS
from bench.usage import name_of

HERE = Path(__file__).parents[1]


class TestReadme:
    def test_the_published_page_is_what_the_published_results_say(self) -> None:
        results = json.loads((HERE / "results.json").read_text())
        assert (HERE / "README.md").read_text() == page.readme(BENCHMARKS.values(), results)

    def test_every_published_result_has_figures_to_compare(self) -> None:
        results = json.loads((HERE / "results.json").read_text())
        assert results
        for name, found in results.items():
            assert BENCHMARKS[name].figures(found)

    def test_what_is_not_published_is_not_on_the_page(self) -> None:
        assert "## " not in page.readme(BENCHMARKS.values(), {})


class TestTable:
    def test_a_missing_cell_is_empty(self) -> None:
        assert page.table(["a", "b"], [[1, None]]) == "| a | b |\n|---|---|\n| 1 |  |\n\n"


class TestNames:
    def test_of_processes(self) -> None:
        java = ["/usr/bin/java", "-cp", "/x/kafka/libs", "kafka.Kafka"]
        assert name_of(java, "java") == "kafka"
        assert name_of(["postgres: longshore db 127.0.0.1(1) idle"], "postgres") == "postgres"
        assert name_of(["python", "-m", "longshore_order_sync"], "python") == "order-sync"
        assert name_of(["python", "-m", "longshore_devkit.stores.woo", "--port", "1"], "python") == "store-woo"
        assert name_of(["python", "-m", "bench.bare_consumer"], "python") == "bare-consumer"
        assert name_of([], "kworker") == "kworker"
