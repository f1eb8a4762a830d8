"""The published documents: /openapi.json of the whole interface and /asyncapi.json of the stream.

The files beside this one are written by docs/generate.py (`make docs`); `make check` compares them with the code.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse

_HERE = Path(__file__).parent


def publish(app: FastAPI) -> None:
    """Serve both documents on `app`, to anyone. FastAPI by itself would know the gateway's own routes only."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = json.loads((_HERE / "openapi.json").read_bytes())
        return app.openapi_schema

    async def asyncapi() -> FileResponse:
        return FileResponse(_HERE / "asyncapi.json", media_type="application/json")

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to answer with another document
    app.add_api_route("/asyncapi.json", asyncapi, include_in_schema=False, response_class=FileResponse)
