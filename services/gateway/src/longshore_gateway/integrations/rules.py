"""What a request to connect or change a store must hold, and what we make of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from longshore.contracts import Platform
from longshore.platforms.addresses import BadStoreUrl
from longshore.platforms.declaration import Declaration, StoreAddress
from longshore.problems import Problem


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, str_strip_whitespace=True)


class StockSettings(_Strict):
    """How a store's stock is kept; `buffer` in pieces is held back from it."""

    mode: Literal["shared", "follower", "off"] = "shared"
    buffer: int = Field(default=0, ge=0, le=1_000_000)


class IntegrationSettings(_Strict):
    """What can be set per store. `backfill`: read the orders and customers that it has when it is connected."""

    manage_webhooks: bool = True
    backfill: bool = True
    poll_interval_s: int | None = Field(default=None, ge=10, le=7 * 24 * 3600)
    stock: StockSettings = StockSettings()


class IntegrationCreate(_Strict):
    """A store to connect."""

    platform: Platform
    name: str = Field(min_length=1, max_length=200)
    store_url: str = Field(default="", max_length=2_000)
    credentials: dict[str, SecretStr] = {}
    settings: IntegrationSettings = IntegrationSettings()


class IntegrationPatch(_Strict):
    """What to change of a connected store; what is left out stays (RFC 7396, JSON merge patch).

    `settings` and `credentials` are merged member by member: null puts a setting back to its default, and takes an
    optional credential away. The platform and the address are the store's identity: they cannot be changed.
    """

    name: str | None = Field(default=None, min_length=1, max_length=200)
    settings: dict[str, Any] | None = Field(default=None, max_length=50)
    credentials: dict[str, SecretStr | None] | None = Field(default=None, max_length=50)


@dataclass(frozen=True, slots=True)
class Changed:
    """A store as it is to be. `credentials`: None where they stay. `recheck`: its connector has to look at it anew."""

    name: str
    settings: dict[str, Any]
    credentials: dict[str, str] | None
    recheck: bool


def read_credentials(platform: Declaration, given: Mapping[str, SecretStr]) -> dict[str, str]:
    """The credentials to keep. Raises Problem 422 that names the fields and shows no value."""
    return _credentials(platform, {name: value.get_secret_value() for name, value in given.items()})


def read_store(platform: Declaration, request: IntegrationCreate, *, allow_private: bool) -> StoreAddress:
    """The store's URL and its key (one spelling of its address). Raises Problem 422."""
    if platform.read_store is None:
        raise Problem(422, f"/platform: {platform.name} is not available yet.", type="invalid-input")
    try:
        return platform.read_store(request.store_url, request.name, allow_private)
    except BadStoreUrl as error:
        errors = [{"pointer": "/store_url", "detail": error.detail}]
        raise Problem(422, f"/store_url: {error.detail}.", type="invalid-input", errors=errors) from None


def change(
    platform: Declaration,
    patch: IntegrationPatch,
    *,
    name: str,
    settings: Mapping[str, Any],
    credentials: Mapping[str, str],
) -> Changed:
    """A store (`name`, `settings`, `credentials`) with a patch applied, checked as a new one is. Raises Problem 422."""
    merged = dict(settings) if patch.settings is None else _merged(settings, patch.settings)
    try:
        parsed = IntegrationSettings.model_validate(merged).model_dump()
    except ValidationError as error:
        raise _invalid("/settings", error) from None
    kept: dict[str, str] | None = None
    if patch.credentials:
        given = {
            field: None if value is None else value.get_secret_value() for field, value in patch.credentials.items()
        }
        # What a grant has left there goes with what is typed in instead of it.
        known = {field: credentials[field] for field in platform.credentials.model_fields if field in credentials}
        kept = _credentials(platform, _merged(known, given))
        if kept == known:
            kept = None
    registers = parsed["manage_webhooks"] and not settings.get("manage_webhooks", True)
    # Sent again on purpose: credentials are checked once more even if they are the same.
    recheck = platform.service is not None and (patch.credentials is not None or registers)
    return Changed(patch.name or name, parsed, kept, recheck)


def _credentials(platform: Declaration, given: Mapping[str, Any]) -> dict[str, str]:
    try:
        return platform.credentials.model_validate(given).to_keep()
    except ValidationError as error:
        raise _invalid("/credentials", error) from None


def _merged(before: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """RFC 7396."""
    result = dict(before)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            inner = result.get(name)
            result[name] = _merged(inner if isinstance(inner, Mapping) else {}, value)
        else:
            result[name] = value
    return result


def _invalid(at: str, error: ValidationError) -> Problem:
    errors = [
        {"pointer": "/".join([at, *(str(part) for part in each["loc"])]), "detail": each["msg"]}
        for each in error.errors(include_input=False, include_url=False, include_context=False)
    ]
    detail = "; ".join(f"{each['pointer']}: {each['detail']}" for each in errors)
    return Problem(422, detail, type="invalid-input", errors=errors)
