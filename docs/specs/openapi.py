"""The OpenAPI document of the whole public interface."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from longshore_gateway.openapi import join

Json = dict[str, Any]

DESCRIPTION = (
    "One HTTP API for orders, stock and stores. Routes below /api need `Authorization: Bearer <API key "
    "or access token>`, and `security` names the scope that it must have. "
    "Errors are RFC 9457 problem documents. Lists take `limit` and `cursor` and answer `items` and `next_cursor`."
)

_PROBLEM: Json = {
    "title": "Problem",
    "description": "An error (RFC 9457): `type` names its kind, `detail` says what to do.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "examples": ["/problems/invalid-input"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}

# Of routes that need no key, but another proof.
_NO_PROOF = {
    "401": "What was shown is wrong, was used, or is too old",
    "429": "Too many failures; wait as Retry-After says",
}
_FLOW = _NO_PROOF | {
    "400": "It does not come from the store, or not unchanged",
    "403": "It was begun in another browser",
    "409": "It was used already, or took too long",
    "502": "The store did not answer as it should",
    "503": "A part of the hub does not answer; try again",
}
_SSO = _FLOW | {
    "400": "The provider has not let them in, or it is not its answer",
    "403": "It was begun in another browser, or nobody here is this person",
    "404": "This hub has no provider",
    "429": "Too many requests; the next one may come after Retry-After seconds",
    "502": "The provider refuses this hub",
}
_NAMED_IN_BODY = {"404": "There is no such thing in the caller's organisation"}
_STILL_CONNECTED = {"409": "The store is connected: disconnect it first"}
# Beside what `_causes` sees.
_OPEN_CAUSES = {
    "/api/v1/integrations/{id}/data": _STILL_CONNECTED,
    "/api/v1/inventory/adjustments": _NAMED_IN_BODY,
    "/api/v1/privacy/erasures": _NAMED_IN_BODY,
    "/api/v1/privacy/exports": _NAMED_IN_BODY,
    "/api/v1/products/{product_id}/publish/{integration_id}": {
        "409": "The product is another store's, or stores of its platform cannot be asked this"
    },
    "/api/v1/auth/login": _NO_PROOF,
    "/api/v1/auth/refresh": _NO_PROOF,
    "/api/v1/auth/accept": _NO_PROOF,
    "/api/v1/auth/methods": {"429": _SSO["429"]},
    "/api/v1/auth/oidc/start": {code: _SSO[code] for code in ("404", "429", "502", "503")},
    "/api/v1/auth/oidc/callback": _SSO,
    "/oauth/shopify/start": _FLOW,
    "/oauth/shopify/callback": _FLOW,
    "/oauth/woocommerce/start": _FLOW,
    "/oauth/woocommerce/callback": _FLOW,
    "/oauth/woocommerce/return": _FLOW,
}

_STORE_ID: Json = {
    "name": "integration_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "format": "uuid"},
}

_IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key and body again give the same answer, and one effect, for 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}


def openapi_document(apps: dict[str, FastAPI]) -> Json:
    """The gateway's own routes, those that it forwards, and those in front of it (deliveries, operations)."""
    # The class's own method: the gateway's app answers with the published document, which this makes.
    documents = {name: FastAPI.openapi(app) for name, app in apps.items()}
    own = documents.pop("gateway")
    joined = join(own, [each for each in documents.values() if each["paths"]])
    joined["info"] = {
        "title": "Longshore",
        "version": own["info"]["version"],
        "description": DESCRIPTION,
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    }
    joined["paths"] = {**joined["paths"], **_deliveries(), **_operations()}
    return _with_problems(joined)


def _with_problems(document: Json) -> Json:
    """Say how errors really look: problem documents, not FastAPI's own."""
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = _PROBLEM
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            responses = operation["responses"]
            if method == "post" and operation.get("security"):
                _may_be_repeated(operation)
            for status, description in _causes(path, operation).items():
                responses.setdefault(status, _problem(description))
            if "422" in responses:
                responses["422"] = _problem("The input is wrong; `errors` says where")
            if operation.get("security"):
                responses.setdefault("401", _problem("No or a wrong API key or access token"))
                responses.setdefault("403", _problem("The caller lacks the scope that `scope` names"))
                responses.setdefault(
                    "429", _problem("Too many requests; the next one may come after Retry-After seconds")
                )
                responses.setdefault("503", _problem("A part of the hub does not answer; try again"))
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    return document


def _causes(path: str, operation: Json) -> dict[str, str]:
    """What a request can do wrong, by what it holds: no route has to say so itself."""
    parameters = operation.get("parameters", [])
    names = {each["name"] for each in parameters if each["in"] == "query"}
    causes: dict[str, str] = {}
    if "cursor" in names:
        causes["400"] = "The cursor is not one that this list gave out"
    if "requestBody" in operation:
        causes |= {"400": "The body is not what its media type says", "413": "The body is too large"}
    if any(each["in"] == "path" for each in parameters):
        causes |= _NAMED_IN_BODY
    return causes | _OPEN_CAUSES.get(path, {})


def _may_be_repeated(operation: Json) -> None:
    """The gateway itself sees to the Idempotency-Key of every POST; some services do, too."""
    parameters = [each for each in operation.get("parameters", []) if each["name"].lower() != "idempotency-key"]
    operation["parameters"] = [*parameters, _IDEMPOTENCY_KEY]
    operation["responses"].setdefault("409", _problem("The first request with this Idempotency-Key is under way"))
    operation["responses"].setdefault("422", _problem("This Idempotency-Key was used for another request"))


def _problem(description: str) -> Json:
    reference = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {"application/problem+json": {"schema": reference}}}


def _deliveries() -> Json:
    """The hot route: a plain ASGI application in front of FastAPI, which therefore does not know it."""
    answers = {
        "200": {"description": "The delivery is safe: Kafka has acknowledged its exact bytes"},
        "400": _problem("Malformed: no topic, no shop, or a body that is not a JSON object"),
        "401": _problem("The signature does not fit"),
        "404": _problem("No such store is connected"),
        "413": _problem("More than 8 MiB"),
        "503": _problem("It could not be stored; send it again after Retry-After seconds"),
    }
    body = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
    common: Json = {"tags": ["deliveries"], "requestBody": body, "responses": answers, "security": []}
    return {
        "/webhooks/shopify": {
            "post": {
                **common,
                "summary": "A delivery of a Shopify store",
                "description": "Signed in X-Shopify-Hmac-Sha256; X-Shopify-Shop-Domain names the store.",
                "operationId": "deliver_shopify",
            }
        },
        "/webhooks/woocommerce/{integration_id}": {
            "post": {
                **common,
                "parameters": [_STORE_ID],
                "summary": "A delivery of a WooCommerce store",
                "description": "Signed in X-WC-Webhook-Signature. The unsigned ping on creation is answered 200.",
                "operationId": "deliver_woocommerce",
            }
        },
    }


def _operations() -> Json:
    """Routes that every service has."""

    def get(name: str, summary: str, answers: Json) -> Json:
        operation = {"tags": ["operations"], "summary": summary, "operationId": name, "security": []}
        return {"get": {**operation, "responses": answers}}

    def answer(description: str, media_type: str = "application/json") -> Json:
        return {"description": description, "content": {media_type: {}}}

    return {
        "/livez": get("livez", "Whether this process runs", {"200": answer("It runs")}),
        "/readyz": get(
            "readyz",
            "Whether this process can work",
            {"200": answer("It can"), "503": answer("It cannot; `missing` says why")},
        ),
        "/metrics": get("metrics", "Prometheus metrics", {"200": answer("Metrics", "text/plain")}),
        "/openapi.json": get("openapi", "This document", {"200": answer("OpenAPI 3.1")}),
        "/asyncapi.json": get("asyncapi", "The topics and their events", {"200": answer("AsyncAPI 3.0")}),
    }
