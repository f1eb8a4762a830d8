"""What a query costs, and the bucket it is paid from.

Model: scalars 0, objects 1, a mutation 10, a connection 2 plus a quarter of its page times the node's cost. Shopify
publishes the principle, not the figures per field: costs here are of the right order, not equal to the real ones.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)

MAX_QUERY_COST = 1000
MUTATION_COST = 10


class QueryCost:
    """Costs of one operation: of what it asks for, and of what it got."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: Mapping[str, Any],
    ) -> None:
        self._schema = schema
        self._operation = operation
        defaults = {
            node.variable.name.value: int(node.default_value.value)
            for node in operation.variable_definitions or ()
            if isinstance(node.default_value, IntValueNode)
        }
        self._variables = {**defaults, **variables}
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }

    def requested(self) -> int:
        """Before it runs: pages are taken to be full."""
        return self._total(None)

    def actual(self, data: Mapping[str, Any] | None) -> int:
        """After it ran: pages count what they hold. Never more than requested."""
        return min(self.requested(), self._total(data)) if data is not None else self.requested()

    def _total(self, data: Mapping[str, Any] | None) -> int:
        root = self._schema.get_root_type(self._operation.operation)
        if root is None:
            return 0
        cost = self._selections(self._operation.selection_set, root.name, data)
        if self._operation.operation is OperationType.MUTATION:
            fields = [node for node in self._operation.selection_set.selections if isinstance(node, FieldNode)]
            cost += (MUTATION_COST - 1) * len(fields)
        return max(cost, 1)

    def _selections(self, selections: SelectionSetNode | None, type_name: str, data: Any) -> int:
        cost = 0
        for node in selections.selections if selections else ():
            if isinstance(node, FieldNode):
                cost += self._field(node, type_name, data)
            elif isinstance(node, FragmentSpreadNode):
                fragment = self._fragments[node.name.value]
                cost += self._selections(fragment.selection_set, fragment.type_condition.name.value, data)
            elif isinstance(node, InlineFragmentNode):
                on = node.type_condition.name.value if node.type_condition else type_name
                cost += self._selections(node.selection_set, on, data)
        return cost

    def _field(self, node: FieldNode, type_name: str, data: Any) -> int:
        parent = self._schema.type_map.get(type_name)
        if not isinstance(parent, GraphQLObjectType | GraphQLInterfaceType) or node.name.value not in parent.fields:
            return 0
        if node.selection_set is None:
            return 0
        named = get_named_type(parent.fields[node.name.value].type)
        value = data.get((node.alias or node.name).value) if isinstance(data, Mapping) else None
        if data is not None and value is None:
            return 1
        if named.name.endswith("Connection"):
            return self._connection(node, named.name, value)
        if isinstance(value, list):
            return sum(1 + self._selections(node.selection_set, named.name, item) for item in value)
        return 1 + self._selections(node.selection_set, named.name, value)

    def _connection(self, node: FieldNode, type_name: str, value: Any) -> int:
        inside = self._selections(node.selection_set, type_name, value)
        return 2 + math.ceil(inside * (self._page(node) if value is None else 1) / 4)

    def _page(self, node: FieldNode) -> int:
        for argument in node.arguments or ():
            if argument.name.value in {"first", "last"}:
                if isinstance(argument.value, IntValueNode):
                    return int(argument.value.value)
                if isinstance(argument.value, VariableNode):
                    given = self._variables.get(argument.value.name.value)
                    return given if isinstance(given, int) else 0
        return 10


@dataclass
class Bucket:
    """A leaky bucket of points per app and shop: `rate` per second, up to `capacity`."""

    rate: float
    capacity: float
    clock: Callable[[], float] = time.monotonic
    _level: float = field(init=False)
    _at: float = field(init=False)

    def __post_init__(self) -> None:
        self._level = self.capacity
        self._at = self.clock()

    @property
    def available(self) -> float:
        """Points that can be spent now."""
        now = self.clock()
        self._level = min(self.capacity, self._level + (now - self._at) * self.rate)
        self._at = now
        return self._level

    def spend(self, points: float) -> None:
        """Take points; the caller has looked whether there are enough."""
        self._level = self.available - points

    def status(self) -> dict[str, float]:
        """`throttleStatus` of an answer."""
        return {
            "maximumAvailable": float(self.capacity),
            "currentlyAvailable": float(math.floor(self.available)),
            "restoreRate": float(self.rate),
        }
