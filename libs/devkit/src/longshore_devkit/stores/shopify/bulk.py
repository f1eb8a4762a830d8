"""Bulk operations of a simulated shop: a query runs in the background and its result is a JSONL file.

What the real one refuses is refused here: a connection inside a list, more than five connections or two levels of
them, a parent without its id, more operations at a time than the API version allows. Knobs hold an operation back or
let it fail in the middle, with what it had by then as its partial data.
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    OperationType,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    get_operation_ast,
    parse,
    validate,
    visit,
)

from longshore_devkit.stores.shopify.nodes import Args, Node, iso, number_of
from longshore_devkit.stores.shopify.rest import gid
from longshore_devkit.stores.shopify.search import Slices, connection

AT_A_TIME = 5
"""Bulk queries of one app and shop that run at a time: one before 2026-01."""

MOST_CONNECTIONS = 5
DEEPEST = 2
ROOTS_AT_ONCE = 25

Execute = Callable[[DocumentNode, Slices], ExecutionResult]


@dataclass
class Operation:
    """One bulk query. `path`: its file, `token` what makes its address one that nobody guesses."""

    id: int
    query: str
    grouped: bool
    created_at: datetime
    path: Path
    status: str = "CREATED"
    error_code: str | None = None
    completed_at: datetime | None = None
    roots: int = 0
    objects: int = 0
    size: int = 0
    token: str = field(default_factory=lambda: secrets.token_urlsafe(16))


class BulkOperations:
    """The bulk operations of one shop. Knobs: `hold`, `fail_after` (root objects) with `fail_code`, `at_a_time`."""

    def __init__(
        self, schema: GraphQLSchema, execute: Execute, next_id: Callable[[], int], now: Callable[[], datetime]
    ) -> None:
        self._schema = schema
        self._execute = execute
        self._next_id = next_id
        self._now = now
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._go = asyncio.Event()
        self._go.set()
        self.operations: dict[int, Operation] = {}
        # Where the files are served; the server sets it.
        self.origin = "http://127.0.0.1"
        self.at_a_time = AT_A_TIME
        self.fail_after: int | None = None
        self.fail_code = "INTERNAL_SERVER_ERROR"

    @property
    def hold(self) -> bool:
        """Whether operations wait before they begin."""
        return not self._go.is_set()

    @hold.setter
    def hold(self, held: bool) -> None:
        (self._go.clear if held else self._go.set)()

    def run_query(self, args: Args) -> Node:
        """`bulkOperationRunQuery`."""
        problem, document = self._checked(args["query"])
        if problem or document is None:
            return {"bulkOperation": None, "userErrors": [_error(["query"], problem, "INVALID")]}
        running = [each for each in self.operations.values() if each.status in {"CREATED", "RUNNING"}]
        if len(running) >= self.at_a_time:
            message = f"A bulk query operation for this app and shop is already in progress: {running[0].id}."
            code = "OPERATION_IN_PROGRESS" if self.at_a_time == 1 else "LIMIT_REACHED"
            return {"bulkOperation": None, "userErrors": [_error(None, message, code)]}
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="longshore-bulk-")
        number = self._next_id()
        made = Operation(
            number, args["query"], bool(args.get("groupObjects")), self._now(), Path(self._folder.name) / f"{number}"
        )
        self.operations[made.id] = made
        self._start(made, document)
        return {"bulkOperation": self.node(made), "userErrors": []}

    def cancel(self, args: Args) -> Node:
        """`bulkOperationCancel`."""
        found = self.operations.get(number_of(args["id"]))
        if found is None or found.status not in {"CREATED", "RUNNING"}:
            return {"bulkOperation": None, "userErrors": [{"field": ["id"], "message": "It cannot be canceled."}]}
        found.status = "CANCELED"
        return {"bulkOperation": self.node(found), "userErrors": []}

    def by_id(self, args: Args) -> Node | None:
        """`bulkOperation(id:)`."""
        found = self.operations.get(number_of(args["id"]))
        return self.node(found) if found else None

    def list(self, args: Args) -> Node:
        """`bulkOperations`, newest first."""
        return connection(
            self.operations.values(),
            {**args, "reverse": not args.get("reverse")},
            lambda each: (each.created_at, each.id),
            self.node,
        )

    def current(self, _: Args) -> Node | None:
        """`currentBulkOperation`: the newest."""
        return self.node(max(self.operations.values(), key=lambda each: each.id)) if self.operations else None

    def node(self, operation: Operation) -> Node:
        """A BulkOperation."""
        address = f"{self.origin}/bulk/{operation.id}-{operation.token}.jsonl"
        return {
            "__typename": "BulkOperation",
            "id": gid("BulkOperation", operation.id),
            "status": operation.status,
            "errorCode": operation.error_code,
            "createdAt": iso(operation.created_at),
            "completedAt": iso(operation.completed_at),
            "rootObjectCount": str(operation.roots),
            "objectCount": str(operation.objects),
            "fileSize": str(operation.size) if operation.status == "COMPLETED" else None,
            "query": operation.query,
            "type": "QUERY",
            "url": address if operation.status == "COMPLETED" and operation.roots else None,
            "partialDataUrl": address if operation.status == "FAILED" and operation.roots else None,
        }

    def file(self, name: str) -> Path | None:
        """The file behind an address, while it lives."""
        number, _, token = name.removesuffix(".jsonl").partition("-")
        found = self.operations.get(int(number)) if number.isdigit() else None
        if found is None or token != found.token or found.status not in {"COMPLETED", "FAILED"}:
            return None
        return found.path

    def expire(self) -> None:
        """A week has passed: files are gone."""
        for each in self.operations.values():
            if each.status == "COMPLETED":
                each.status = "EXPIRED"

    async def close(self) -> None:
        """Stop what runs and remove the files."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    # Running

    def _start(self, operation: Operation, document: DocumentNode) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            for _ in self._steps(operation, document):
                pass
            return
        task = loop.create_task(self._run(operation, document))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, operation: Operation, document: DocumentNode) -> None:
        await self._go.wait()
        for _ in self._steps(operation, document):
            await asyncio.sleep(0)

    def _steps(self, operation: Operation, document: DocumentNode) -> Iterator[None]:
        """Some root objects at a time. Ends with the operation done, failed or cancelled."""
        slices = Slices(ROOTS_AT_ONCE)
        if operation.status != "CREATED":
            return  # cancelled before it began
        operation.status = "RUNNING"
        with operation.path.open("wb") as file:
            while operation.status == "RUNNING":
                if self.fail_after is not None:
                    slices.size = min(ROOTS_AT_ONCE, self.fail_after - operation.roots)
                    if slices.size <= 0:
                        self._fail(operation, self.fail_code)
                        break
                result = self._execute(document, slices)
                roots = _nodes(next(iter((result.data or {}).values()), None))
                if result.errors:
                    denied = any((each.extensions or {}).get("code") == "ACCESS_DENIED" for each in result.errors)
                    self._fail(operation, "ACCESS_DENIED" if denied else "INTERNAL_SERVER_ERROR")
                    break
                _write(operation, roots, file)
                operation.size = file.tell()
                if not slices.more:
                    operation.status, operation.completed_at = "COMPLETED", self._now()
                yield

    def _fail(self, operation: Operation, code: str) -> None:
        operation.status, operation.error_code = "FAILED", code

    def _checked(self, query: str) -> tuple[str, DocumentNode | None]:
        """What Shopify would say against a query; "" and the document if nothing."""
        try:
            document = parse(query)
        except GraphQLError as error:
            return f"Invalid bulk query: {error.message}", None
        errors = validate(self._schema, document)
        if errors:
            return f"Invalid bulk query: {errors[0].message}", None
        operation = get_operation_ast(document)
        if operation is None or operation.operation is not OperationType.QUERY:
            return "Only one query is allowed.", None
        if operation.variable_definitions:
            return "Variables are not supported in bulk queries.", None
        if len(operation.selection_set.selections) != 1:
            return "Bulk queries can only contain a single top-level field.", None
        info = TypeInfo(self._schema)
        rules = _Restrictions(info)
        visit(document, TypeInfoVisitor(info, rules))
        if not rules.connections and not rules.problem:
            rules.problem = "Bulk queries must contain at least one connection."
        return rules.problem, document


class _Restrictions(Visitor):
    """What bulk queries may not hold."""

    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self._info = info
        self._stack: list[str] = []
        self.connections = 0
        self.problem = ""

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        type_ = self._info.get_type()
        named = get_named_type(type_).name if type_ else ""
        inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        kind = "" if node.name.value in {"edges", "nodes"} else "list" if isinstance(inner, GraphQLList) else ""
        if named.endswith("Connection"):
            kind = "connection"
            self.connections += 1
            if "list" in self._stack:
                self.problem = "Queries that contain a connection field within a list field are not supported."
            if self._stack.count("connection") > DEEPEST:
                self.problem = f"Bulk queries cannot nest connections deeper than {DEEPEST} levels."
            if self.connections > MOST_CONNECTIONS:
                self.problem = f"Bulk queries cannot contain more than {MOST_CONNECTIONS} connections."
        if node.selection_set and isinstance(self._info.get_type() and get_named_type(type_), GraphQLObjectType):
            fields = {each.name.value for each in node.selection_set.selections if isinstance(each, FieldNode)}
            nested = any(
                isinstance(each, FieldNode) and each.selection_set and _pages(each)
                for each in node.selection_set.selections
            )
            if node.name.value in {"node", "nodes"} and nested and "id" not in fields:
                self.problem = "The parent 'node' field for a nested connection must select the 'id' field."
        self._stack.append(kind)

    def leave_field(self, *_: Any) -> None:
        self._stack.pop()


def _pages(node: FieldNode) -> bool:
    """Whether a field is asked for as a connection."""
    selections = node.selection_set.selections if node.selection_set else ()
    return any(isinstance(each, FieldNode) and each.name.value in {"edges", "nodes"} for each in selections)


def _nodes(value: Any) -> list[Node]:
    if not isinstance(value, dict):
        return []
    if "edges" in value:
        return [edge["node"] for edge in value["edges"]]
    return list(value.get("nodes") or [])


def _write(operation: Operation, roots: list[Node], file: Any) -> None:
    """Children right behind their parents, or (ungrouped) behind all parents of the step."""
    late: list[bytes] = []
    for root in roots:
        own, *children = _lines(root, None)
        file.write(own)
        if operation.grouped:
            file.writelines(children)
        else:
            late += children
        operation.roots += 1
        operation.objects += 1 + len(children)
    file.writelines(late)


def _lines(node: Node, parent: str | None) -> Iterator[bytes]:
    children: list[Node] = []
    own = _without_connections(node, children)
    yield orjson.dumps(own if parent is None else {**own, "__parentId": parent}) + b"\n"
    for child in children:
        yield from _lines(child, node.get("id"))


def _without_connections(node: Node, children: list[Node]) -> Node:
    own: Node = {}
    for name, value in node.items():
        if isinstance(value, dict) and value.keys() & {"edges", "nodes"}:
            children.extend(_nodes(value))
        elif isinstance(value, dict):
            own[name] = _without_connections(value, children)
        else:
            own[name] = value
    return own


def _error(path: list[str] | None, message: str, code: str) -> Node:
    return {"field": path, "message": message, "code": code}
