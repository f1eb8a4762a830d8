"""The linter notices what it should, and leaves alone what is right."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from longshore_devkit.lint.org_scope import Tables, check, main, tables_of

ROOT = Path(__file__).parents[4]
TABLES = Tables(frozenset({"orders", "lines"}), frozenset({"orders", "lines"}))


def faults(source: str) -> list[int]:
    return [each.line for each in check(dedent(source), "store.py", TABLES)]


UNSCOPED = {
    "a select": "rows = conn.execute(select(orders.c.id).where(orders.c.id == id))",
    "a select of the table": "query = select(orders)",
    "an update": "conn.execute(update(orders).where(orders.c.id == id).values(org_id=org_id))",
    "a delete": "conn.execute(delete(orders).where(orders.c.id.in_(ids)))",
    "a method of the table": "conn.execute(orders.delete().where(orders.c.id == id))",
    "a join": "query = select(others).join(orders, orders.c.id == others.c.id)",
    "columns in a constant": "_SHOWN = [orders.c.id]\nquery = select(*_SHOWN)",
    "the scope only among the columns": "query = select(orders.c.org_id).where(orders.c.id == id)",
    "another comparison than equality": "query = select(orders).where(orders.c.org_id != org_id)",
    "SQL": 'Q = text("SELECT * FROM shop.orders WHERE id = :id")',
    "SQL over lines": 'Q = text(\n    """\n    UPDATE shop.orders SET x = 1 WHERE id = :id\n    """\n)',
    "SQL that reads what it inserts": 'Q = text("INSERT INTO a.lines (org_id, id) SELECT org_id, id FROM a.orders")',
    "SQL with a schema from elsewhere": 'Q = text(f"SELECT 1 FROM {SCHEMA}.orders")',
    "SQL in pieces": 'PART = "FROM shop.orders o"\nQ = text(f"SELECT 1 {PART}" " WHERE o.id = :id")',
    "the scope only among SQL's columns": 'Q = text("SELECT org_id, id FROM shop.orders WHERE id = :id")',
    "a name that begins with the scope": 'Q = text("DELETE FROM shop.orders WHERE org_id_before = :org")',
}

SCOPED = {
    "a select": "query = select(orders).where(orders.c.id == id, orders.c.org_id == org_id)",
    "the other way round": "query = select(orders).where(org_id == orders.c.org_id)",
    "several organisations": "query = select(orders).where(orders.c.org_id.in_(mine))",
    "a pair": "query = select(orders).where(tuple_(orders.c.org_id, orders.c.id).in_(pairs))",
    "added later": (
        "def f():\n    query = select(orders)\n"
        "    if x:\n        query = query.where(orders.c.org_id == org_id)\n    return query"
    ),
    "by the helper": "query = for_org(select(orders), orders, org_id)",
    "an insert": "conn.execute(insert(orders).values(id=id))",
    "a table without organisations": "query = select(others)",
    "SQL": 'Q = text("SELECT * FROM shop.orders o WHERE o.org_id = :org AND id = :id")',
    "SQL with a join": 'Q = text("SELECT 1 FROM shop.lines l JOIN shop.orders o ON o.org_id = l.org_id")',
    "SQL with a pair": 'Q = text("DELETE FROM shop.orders WHERE (org_id, id) IN (SELECT * FROM unnest(:a, :b))")',
    "SQL that inserts": 'Q = text("INSERT INTO shop.orders (id, org_id) VALUES (:id, :org)")',
    "SQL on another table": 'Q = text("SELECT 1 FROM shop.orders_seen")',
    "words that are no SQL": '"""Select orders FROM shop.orders or not."""\nx = "update the orders"',
}


class TestUnscoped:
    @pytest.mark.parametrize("source", UNSCOPED.values(), ids=UNSCOPED)
    def test_is_noticed(self, source: str) -> None:
        assert len(faults(source)) == 1

    @pytest.mark.parametrize("source", UNSCOPED.values(), ids=UNSCOPED)
    def test_may_say_why(self, source: str) -> None:
        lines = source.splitlines()
        (line,) = faults(source)
        lines.insert(line - 1, "# unscoped: it finds the organisation")
        assert faults("\n".join(lines)) == []

    def test_must_say_why(self) -> None:
        assert faults("# unscoped:\nquery = select(orders)") == [1]
        assert faults("# unscoped: so\nquery = select(orders)") == [1]

    def test_one_reason_is_for_one_statement(self) -> None:
        assert faults("# unscoped: it finds the organisation\na = select(orders)\nb = select(orders)") == [3]

    def test_the_scope_of_another_function_does_not_count(self) -> None:
        source = """
        def one():
            query = select(orders)
            return query

        def other():
            query = select(orders)
            query = query.where(orders.c.org_id == org_id)
        """
        assert faults(source) == [3]


class TestScoped:
    @pytest.mark.parametrize("source", SCOPED.values(), ids=SCOPED)
    def test_is_left_alone(self, source: str) -> None:
        assert faults(source) == []

    def test_a_mark_that_is_not_needed_is_noticed(self) -> None:
        assert faults("# unscoped: it finds the organisation\nquery = for_org(select(orders), orders, org_id)") == [1]


def test_tables_are_those_with_the_column() -> None:
    source = 'a = Table("a_s", meta, Column("org_id", Uuid))\nb = Table("b_s", meta, Column("id", Uuid))'
    assert tables_of([source]) == Tables(frozenset({"a_s"}), frozenset({"a"}))


def test_the_tables_of_the_code_base_are_found() -> None:
    """That it is clean is for `make lint` to say."""
    found = tables_of(
        path.read_text() for path in [*ROOT.glob("services/*/src/**/*.py"), *ROOT.glob("libs/common/src/**/*.py")]
    )
    assert {
        "orders",
        "order_revisions",
        "customers",
        "movements",
        "levels",
        "listings",
        "integrations",
        "api_keys",
    } <= found.names


def test_it_fails_where_there_is_something_to_find(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "models.py").write_text('orders = Table("orders", meta, Column("org_id", Uuid))\n')
    (tmp_path / "store.py").write_text("query = select(orders)\n")
    assert main([str(tmp_path)]) == 1
    assert "store.py:1: a statement on orders is not scoped" in capsys.readouterr().out


def test_a_folder_without_tables_is_a_mistake(tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 1
