"""The OpenAPI document of the whole public interface: the gateway's own routes and those that it forwards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from longshore_gateway.accounts.api import SCHEME
from longshore_gateway.accounts.rules import Scope
from longshore_gateway.forwarding.rules import forwarded

_INTERNAL = ("/internal/",)


def join(own: dict[str, Any], others: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """One document of several. Raises ValueError where two describe one schema name differently, and for a route of a
    service that the gateway does not forward: it has to say there which scope the route needs."""
    joined = {**own, "paths": dict(own["paths"])}
    components: dict[str, dict[str, Any]] = {kind: dict(each) for kind, each in own.get("components", {}).items()}
    for other in others:
        for path, operations in other["paths"].items():
            if path.startswith(_INTERNAL):
                continue
            if path in joined["paths"]:
                # The gateway's own route joins what several services answer.
                continue
            joined["paths"][path] = {
                method: _public(operation, forwarded(method.upper(), path).scope)
                for method, operation in operations.items()
            }
        for kind, each in other.get("components", {}).items():
            for name, schema in each.items():
                known = components.setdefault(kind, {}).setdefault(name, schema)
                if known != schema:
                    raise ValueError(f"two services describe {kind}/{name} differently")
    joined["components"] = components
    return joined


def _public(operation: dict[str, Any], scope: Scope) -> dict[str, Any]:
    """As the public sees it: authenticated by the gateway, without the headers between services."""
    parameters = [
        each
        for each in operation.get("parameters", [])
        if not (each["in"] == "header" and each["name"].lower().startswith("x-longshore-"))
    ]
    public = {**operation, "security": [{SCHEME: [scope.value]}]}
    if parameters:
        public["parameters"] = parameters
    else:
        public.pop("parameters", None)
    return public
