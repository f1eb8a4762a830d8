"""The error bodies of WooCommerce's REST API, with the codes and words of the recorded ones."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class RestError(Exception):
    """An answer `{"code", "message", "data"}`; `data` is `{"status": n}` unless given."""

    def __init__(self, status: int, code: str, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.data = {"status": status} if data is None else data

    def body(self) -> Json:
        """What is sent."""
        return {"code": self.code, "message": self.message, "data": self.data}


def no_route() -> RestError:
    """No such path or method."""
    return RestError(404, "rest_no_route", "No route was found matching the URL and request method.")


def invalid_id(resource: str, status: int = 404, message: str = "Invalid ID.") -> RestError:
    """No such order, product, ...: 404 when read, 400 when written."""
    return RestError(status, f"woocommerce_rest_{resource}_invalid_id", message)


def invalid_param(name: str, problem: str, code: str = "rest_invalid_param") -> RestError:
    """A parameter that the schema refuses."""
    data = {
        "status": 400,
        "params": {name: problem},
        "details": {name: {"code": code, "message": problem, "data": None}},
    }
    return RestError(400, "rest_invalid_param", f"Invalid parameter(s): {name}", data)


def missing_param(name: str) -> RestError:
    """A parameter that must be there."""
    return RestError(
        400,
        "rest_missing_callback_param",
        f"Missing parameter(s): {name}",
        {"status": 400, "params": [name]},
    )


def not_in_enum(name: str, allowed: list[str]) -> RestError:
    """A value that is none of the allowed ones."""
    choices = ", ".join(allowed[:-1]) + f", and {allowed[-1]}"
    return invalid_param(name, f"{name} is not one of {choices}.", "rest_not_in_enum")


def authentication_error(message: str) -> RestError:
    """The keys were looked at and refused."""
    return RestError(401, "woocommerce_rest_authentication_error", message)
