"""The OpenAPI document of the whole public interface: the gateway's own routes and those that it forwards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_INTERNAL = ("/internal/",)


def join(own: dict[str, Any], others: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """One document of several. Raises ValueError where two describe one route, or one schema name differently."""
    joined = {**own, "paths": dict(own["paths"])}
    components: dict[str, dict[str, Any]] = {kind: dict(each) for kind, each in own.get("components", {}).items()}
    security: list[dict[str, list[str]]] = [{name: []} for name in components.get("securitySchemes", {})]
    for other in others:
        for path, operations in other["paths"].items():
            if path.startswith(_INTERNAL):
                continue
            if path in joined["paths"]:
                # The gateway's own route joins what several services answer.
                continue
            joined["paths"][path] = {method: _public(operation, security) for method, operation in operations.items()}
        for kind, each in other.get("components", {}).items():
            for name, schema in each.items():
                known = components.setdefault(kind, {}).setdefault(name, schema)
                if known != schema:
                    raise ValueError(f"two services describe {kind}/{name} differently")
    joined["components"] = components
    return joined


def _public(operation: dict[str, Any], security: list[dict[str, list[str]]]) -> dict[str, Any]:
    """As the public sees it: authenticated by the gateway, without the headers between services."""
    parameters = [
        each
        for each in operation.get("parameters", [])
        if not (each["in"] == "header" and each["name"].lower().startswith("x-longshore-"))
    ]
    public = {**operation, "security": security}
    if parameters:
        public["parameters"] = parameters
    else:
        public.pop("parameters", None)
    return public
