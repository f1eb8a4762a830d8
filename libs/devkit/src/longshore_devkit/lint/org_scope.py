"""Refuses a query that is not scoped to an organisation (ARCHITECTURE, the stream, rule 12).

Every statement that reads, updates or deletes rows of a table with `org_id` has to compare `org_id`, or to say why not:

    # unscoped: by the digest of a key, which finds the organisation

before the statement or in one of its lines. What is checked: SQL in strings, and `select`, `update` and
`delete` of SQLAlchemy with the `.where` that follow, also those added to the variable later in the function, or inside
of `for_org(...)`. Inserts need no look: `org_id` may not be null.

`python -m longshore_devkit.lint.org_scope [folder ...]` is part of `make lint`.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

SCOPE = "org_id"
MARK = re.compile(r"#\s*unscoped:\s*(.*)")
SHORTEST_REASON = 10
# A rebuild is of the whole hub.
LEFT_OUT = ("migrations", "tests", "rebuild.py")

_STATEMENT = re.compile(r"\s*(SELECT|UPDATE|DELETE|INSERT|WITH)\b")
_COMPARED = re.compile(
    rf"\b{SCOPE}\b\s*(=|IN\b|IS NOT DISTINCT\b)|=\s*(\w+\.)?{SCOPE}\b|\(\s*(\w+\.)?{SCOPE}\s*,[^()]*\)\s*(=|IN\b)"
)
_SCOPES = {"for_org"}
_BUILDERS = {"select", "update", "delete"}
_AGAIN = {"where", "filter"}


@dataclass(frozen=True)
class Tables:
    """Tables with `org_id`: by their names in SQL, and by the names of their variables."""

    names: frozenset[str]
    variables: frozenset[str]


@dataclass(frozen=True, order=True)
class Violation:
    """A statement at fault."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


def tables_of(sources: Iterable[str]) -> Tables:
    """All tables with `org_id` that these sources define as `variable = Table("name", ...)`."""
    names: set[str] = set()
    variables: set[str] = set()
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            if not (isinstance(node, ast.Assign) and _is_call(node.value, {"Table"})):
                continue
            call = node.value
            assert isinstance(call, ast.Call)
            columns = {_first_text(each) for each in call.args if _is_call(each, {"Column"})}
            if SCOPE in columns:
                names.add(_first_text(call) or "")
                variables |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return Tables(frozenset(names), frozenset(variables))


def check(source: str, path: str, tables: Tables) -> list[Violation]:
    """What is at fault in one file."""
    tree = ast.parse(source)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    marks = {
        number: found[1].strip()
        for number, line in enumerate(source.splitlines(), start=1)
        if (found := MARK.search(line))
    }
    violations: list[Violation] = []
    used: set[int] = set()
    for node, what in (*_in_strings(tree, parents, tables), *_in_sqlalchemy(tree, parents, tables)):
        first, last = _lines(node, parents)
        mark = next((line for line in range(first - 1, last + 1) if line in marks), None)
        if mark is None:
            message = f"{what} is not scoped to an organisation: compare {SCOPE}, or say why in `# unscoped: ...`"
            violations.append(Violation(path, first, message))
        else:
            used.add(mark)
    for line, reason in marks.items():
        if line not in used:
            violations.append(Violation(path, line, "there is no unscoped statement here any more: take the mark away"))
        elif len(reason) < SHORTEST_REASON:
            violations.append(Violation(path, line, "say why it may be unscoped"))
    return sorted(violations)


def _lines(node: ast.expr, parents: Mapping[ast.AST, ast.AST]) -> tuple[int, int]:
    """The lines of the Python statement that a node is in: the first and the last."""
    whole: ast.AST = node
    while not isinstance(whole, ast.stmt):
        whole = parents[whole]
    last = node.end_lineno or node.lineno
    # Of a function or a loop only what stands before its body.
    return min(whole.lineno, node.lineno), last if hasattr(whole, "body") else whole.end_lineno or last


def _in_strings(tree: ast.Module, parents: Mapping[ast.AST, ast.AST], tables: Tables) -> Iterator[tuple[ast.expr, str]]:
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    read = re.compile(rf"\b(FROM|JOIN|UPDATE)\s+(ONLY\s+)?(\S+\.)?({'|'.join(sorted(tables.names))})\b")
    for node in ast.walk(tree):
        parent = parents.get(node)
        if not isinstance(node, ast.Constant | ast.JoinedStr | ast.BinOp):
            continue
        if isinstance(parent, ast.JoinedStr | ast.FormattedValue | ast.BinOp | ast.Expr):
            continue  # a part of a text, or a docstring
        text = _text(node, constants)
        if not _STATEMENT.match(text):
            continue
        found = read.search(text)
        if found and not _COMPARED.search(text):
            yield node, f"a statement on {found[4]}"


def _in_sqlalchemy(
    tree: ast.Module, parents: Mapping[ast.AST, ast.AST], tables: Tables
) -> Iterator[tuple[ast.expr, str]]:
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if not (_is_call(node, _BUILDERS) or _is_method(node, _BUILDERS, tables.variables)):
            continue
        whole = _outermost(node, parents)
        parts = [whole, *_later(whole, parents)]
        named = {each.id for part in parts for each in ast.walk(part) if isinstance(each, ast.Name)}
        # `select(*_SHOWN)`: what the constant names counts.
        named |= {
            each.id
            for name in named & constants.keys()
            for each in ast.walk(constants[name])
            if isinstance(each, ast.Name)
        }
        of = sorted(named & tables.variables)
        if of and not any(_compares(part) for part in parts) and not _is_call(parents[whole], _SCOPES):
            yield whole, f"a statement on {', '.join(of)}"


def _outermost(node: ast.AST, parents: Mapping[ast.AST, ast.AST]) -> ast.expr:
    """`select(...)` with all that is called on it."""
    whole = node
    while True:
        parent = parents.get(whole)
        chained = isinstance(parent, ast.Attribute) or (isinstance(parent, ast.Call) and parent.func is whole)
        if not chained or parent is None:
            assert isinstance(whole, ast.expr)
            return whole
        whole = parent


def _later(whole: ast.AST, parents: Mapping[ast.AST, ast.AST]) -> Iterator[ast.AST]:
    """What is added to the variable that the statement goes into, in the same function."""
    parent = parents.get(whole)
    if not (isinstance(parent, ast.Assign) and isinstance(parent.targets[0], ast.Name)):
        return
    name = parent.targets[0].id
    function: ast.AST | None = parent
    while function is not None and not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
        function = parents.get(function)
    for node in ast.walk(function) if function is not None else ():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _AGAIN:
            roots = [each for each in ast.walk(node.func.value) if isinstance(each, ast.Name) and each.id == name]
            if roots:
                yield node


def _compares(part: ast.AST) -> bool:
    """Whether `org_id` of a table is compared in it: `==`, `.in_`, or as a part of a tuple that is."""

    def is_scope(node: ast.AST) -> bool:
        return isinstance(node, ast.Attribute) and node.attr == SCOPE

    for node in ast.walk(part):
        compared: Iterable[ast.AST] = ()
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq):
            compared = (node.left, *node.comparators)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "in_":
            compared = ast.walk(node.func.value)
        if any(is_scope(each) for each in compared):
            return True
    return False


def _text(node: ast.AST, constants: Mapping[str, ast.expr]) -> str:
    """The text of an expression, as far as it stands in the file; what does not is `?`."""
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.JoinedStr(values=values):
            return "".join(_text(each, constants) for each in values)
        case ast.FormattedValue(value=ast.Name(id=name)) if name in constants:
            return _text(constants[name], constants)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _text(left, constants) + _text(right, constants)
        case _:
            return "?"


def _is_call(node: ast.AST, names: set[str]) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names


def _is_method(node: ast.AST, names: set[str], of: frozenset[str]) -> bool:
    """`orders.delete()`, as another spelling of `delete(orders)`."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in names
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in of
    )


def _first_text(call: ast.expr) -> str | None:
    first = call.args[0] if isinstance(call, ast.Call) and call.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None


def main(folders: list[str]) -> int:
    """Print what is at fault; 1 if anything is."""
    roots = [Path(each) for each in folders] or [*sorted(Path("services").glob("*/src")), Path("libs/common/src")]
    files = {
        path: path.read_text()
        for root in roots
        for path in sorted(root.rglob("*.py"))
        if not set(LEFT_OUT) & set(path.parts)
    }
    tables = tables_of(files.values())
    if not tables.names:
        print("no table with org_id was found: is this the checkout?", file=sys.stderr)
        return 1
    violations = [each for path, source in files.items() for each in check(source, str(path), tables)]
    for each in violations:
        print(each)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
