"""The typed client of Longshore's HTTP API; how to use it stands in docs/guides/client.md."""

from longshore_client.aio import AsyncLongshore, AsyncPages
from longshore_client.errors import (
    ApiError,
    Conflict,
    InvalidInput,
    LongshoreError,
    Mistake,
    NoAnswer,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    RateLimited,
    ServerFailure,
    Unavailable,
    UnexpectedAnswer,
)
from longshore_client.models import Page
from longshore_client.retries import NO_RETRIES, Retries
from longshore_client.sync import Longshore, Pages

__all__ = [
    "NO_RETRIES",
    "ApiError",
    "AsyncLongshore",
    "AsyncPages",
    "Conflict",
    "InvalidInput",
    "Longshore",
    "LongshoreError",
    "Mistake",
    "NoAnswer",
    "NotAllowed",
    "NotAuthenticated",
    "NotFound",
    "Page",
    "Pages",
    "RateLimited",
    "Retries",
    "ServerFailure",
    "Unavailable",
    "UnexpectedAnswer",
]
