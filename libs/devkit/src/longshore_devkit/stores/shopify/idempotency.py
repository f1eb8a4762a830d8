"""`@idempotent(key:)`: one effect per key, the same answer again, and Shopify's three refusals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from graphql import GraphQLError, GraphQLResolveInfo, get_directive_values

Payload = dict[str, Any]


@dataclass
class _Attempt:
    arguments: bytes
    answer: Payload | None


class IdempotencyKeys:
    """Remembers what each key of one shop was used for."""

    def __init__(self, required: frozenset[str]) -> None:
        self._required = required
        self._attempts: dict[tuple[str, str], _Attempt] = {}

    def run(self, info: GraphQLResolveInfo[Any], args: Payload, act: Callable[[], Payload]) -> Payload:
        """Run a mutation under its key. GraphQLError BAD_REQUEST when a key is missing or not supported.

        An attempt that ended in user errors has failed: its key then answers IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED.
        """
        key = _key(info)
        if info.field_name not in self._required:
            if key is not None:
                raise _bad("The @idempotent directive is not supported for this mutation.")
            return act()
        if key is None:
            raise _bad("The @idempotent directive is required for this mutation but was not provided.")
        if not key.strip():
            raise _bad("The idempotency key cannot be an empty string or whitespace only.")
        arguments = orjson.dumps(args, option=orjson.OPT_SORT_KEYS)
        before = self._attempts.get((info.field_name, key))
        if before is None:
            answer = act()
            failed = bool(answer.get("userErrors"))
            self._attempts[info.field_name, key] = _Attempt(arguments, None if failed else answer)
            return answer
        if before.arguments != arguments:
            return _refusal(
                "IDEMPOTENCY_KEY_PARAMETER_MISMATCH",
                "The same idempotency key cannot be used with different operation parameters.",
            )
        if before.answer is None:
            return _refusal(
                "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED",
                "A previous request with this idempotency key failed. Retry with a new idempotency key.",
            )
        return before.answer


def _key(info: GraphQLResolveInfo[Any]) -> str | None:
    directive = info.schema.get_directive("idempotent")
    if directive is None:
        return None
    for node in info.field_nodes:
        values = get_directive_values(directive, node, info.variable_values)
        if values is not None:
            return str(values["key"])
    return None


def _bad(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": "BAD_REQUEST"})


def _refusal(code: str, message: str) -> Payload:
    return {"userErrors": [{"field": None, "message": message, "code": code}]}
