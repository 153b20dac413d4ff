"""OpenAI's shapes for errors and lists, and request bodies that are read within a limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import orjson
from pydantic import TypeAdapter, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message

from distillgate.errors import LocalEndpointError
from distillgate.parsing import explain

T = TypeVar("T")

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
    ) -> None:
        super().__init__(message)
        self.status = status
        kind = "invalid_request_error" if status < 500 else "server_error"
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
        self.headers = {"retry-after": str(RETRY_AFTER)} if status == 503 else {}


def busy(reason: str) -> ApiError:
    """The 503 for a request that can be made again later."""
    return ApiError(reason, status=503, code="model_unavailable")


def not_found(kind: str, name: str, *, param: str | None = None) -> ApiError:
    """The 404 for an unknown id or name."""
    code = "model_not_found" if kind == "model" else "not_found"
    return ApiError(f"No such {kind}: {name!r}", status=404, param=param, code=code)


async def api_error(request: Request, error: Exception) -> Response:
    """Answer every exception of the app with OpenAI's error JSON."""
    headers = error.headers if isinstance(error, HTTPException | ApiError) else None
    if isinstance(error, HTTPException):
        error = ApiError(f"{request.method} {request.url.path}: {error.detail}", status=error.status_code)
    elif not isinstance(error, ApiError):
        error = ApiError(str(error) or type(error).__name__, status=500)
    return JSONResponse(error.body, status_code=error.status, headers=headers)


def limited(request: Request, limit: int) -> Request:
    """`request` with a body that raises ApiError (413) beyond `limit` bytes, whatever length was announced."""
    read = 0

    async def receive() -> Message:
        nonlocal read
        message = await request.receive()
        read += len(message.get("body", b""))
        if read > limit:
            raise ApiError(f"The body is larger than {limit} bytes.", status=413, code="request_too_large")
        return message

    return Request(request.scope, receive)


async def json_object(request: Request, limit: int) -> dict[str, Any]:
    """The request's body. Raises ApiError: 400 unless it is a JSON object, 413 beyond `limit` bytes.

    NaN, Infinity and lone surrogates are no JSON. What is nested too deeply to be written again is refused too.
    """
    try:
        body = orjson.loads(await limited(request, limit).body())
        orjson.dumps(body)
    except (ValueError, TypeError) as error:  # orjson.JSONEncodeError is a TypeError
        raise ApiError(f"The body is not valid JSON: {error}.") from error
    if not isinstance(body, dict):
        raise ApiError("The body must be a JSON object.")
    return body


def checked(kind: type[T], value: Mapping[str, Any], path: str = "") -> T:
    """`value` as a `kind`. Raises ApiError (400) naming the parameter, below `path`, that is missing or not valid."""
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        key, message = explain(error, path)
        raise ApiError(f"{message}.", param=key) from None


def page(request: Request, items: Sequence[Mapping[str, Any]]) -> Response:
    """One page of `items` (newest first) for the SDK's cursors; the query has `after` and `limit`."""
    after, limit = request.query_params.get("after"), request.query_params.get("limit", "20")
    if not (limit.isascii() and limit.isdigit() and len(limit) <= 5 and 1 <= int(limit) <= 10_000):
        raise ApiError(f"limit must be a whole number from 1 to 10000, not {limit!r}", param="limit")
    ids = [item["id"] for item in items]
    if after is not None and after not in ids:
        raise not_found("item to start after", after, param="after")
    start = ids.index(after) + 1 if after is not None else 0
    end = start + int(limit)
    return JSONResponse({"object": "list", "data": items[start:end], "has_more": end < len(items)})
