"""Answers in OpenAI's shapes: lists, errors, and requests that are read within limits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from distillgate.errors import LocalEndpointError
from distillgate.local.turns import BusyError

RETRY_AFTER = 30
"""Seconds after which a refused client may ask again; the openai SDK waits up to 60 when told to."""


class ApiError(LocalEndpointError):
    """A request that is answered with OpenAI's error JSON."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        param: str | None = None,
        code: str | None = None,
        type: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": type, "param": param, "code": code}}


def not_found(kind: str, name: str, *, param: str | None = None, code: str = "not_found") -> ApiError:
    """The 404 for an id or name that nothing here has."""
    return ApiError(f"No such {kind}: {name!r}", status=404, param=param, code=code)


async def api_error(request: Request, error: Exception) -> Response:
    """Exception handler of the app: whatever is raised, the client reads OpenAI's error JSON."""
    headers: dict[str, str] = {}
    if isinstance(error, BusyError):
        headers["retry-after"] = str(RETRY_AFTER)
        error = ApiError(str(error), status=503, type="server_error", code="model_unavailable")
    elif isinstance(error, HTTPException):
        error = ApiError(f"{request.method} {request.url.path}: {error.detail}", status=error.status_code)
    elif not isinstance(error, ApiError):
        error = ApiError(str(error) or type(error).__name__, status=500, type="server_error")
    return JSONResponse(error.body, status_code=error.status, headers=headers)


async def json_object(request: Request) -> dict[str, Any]:
    """The request's body. Raises ApiError (400) unless it is a JSON object."""
    try:
        body = json.loads(await request.body())
    except ValueError as error:
        raise ApiError(f"The body is not valid JSON: {error}") from error
    if not isinstance(body, dict):
        raise ApiError("The body must be a JSON object.")
    return body


def page(request: Request, items: Sequence[Mapping[str, Any]]) -> Response:
    """One page of `items` (newest first), as the SDK's cursors read it; the query has `after` and `limit`."""
    after, limit = request.query_params.get("after"), request.query_params.get("limit", "20")
    if not limit.isdigit() or not 1 <= int(limit) <= 10_000:
        raise ApiError(f"limit must be a whole number from 1 to 10000, not {limit!r}", param="limit")
    ids = [item["id"] for item in items]
    if after is not None and after not in ids:
        raise ApiError(f"No such item to start after: {after!r}", param="after")
    start = ids.index(after) + 1 if after is not None else 0
    data = items[start : start + int(limit)]
    return JSONResponse(
        {
            "object": "list",
            "data": data,
            "has_more": start + len(data) < len(items),
            "first_id": data[0]["id"] if data else None,
            "last_id": data[-1]["id"] if data else None,
        }
    )


class BodyLimit:
    """ASGI middleware that ends reading a body at its limit, whatever length the client announced."""

    def __init__(self, app: ASGIApp, *, body: int, upload: int) -> None:
        self._app = app
        self._limits = (body, upload)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request with a `receive` that raises ApiError (413) at the limit."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        limit = self._limits[scope["path"].rstrip("/") == "/v1/files"]
        read = 0

        async def limited() -> Message:
            nonlocal read
            received = await receive()
            read += len(received.get("body", b""))
            if read > limit:
                message = f"The body is larger than {limit} bytes."
                raise ApiError(message, status=413, code="request_too_large")
            return received

        await self._app(scope, limited, send)
