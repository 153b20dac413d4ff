"""The local endpoint as a web application: routes to models, chat completions, files and fine-tuning jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from distillgate.errors import LocalEndpointError
from distillgate.local import home
from distillgate.local.catalog import Catalogue, ServedModel
from distillgate.local.chat import ChatCompletions
from distillgate.local.engines import WORKER_COMMAND, Engines
from distillgate.local.jobs import Jobs
from distillgate.local.responses import ApiError, api_error, not_found
from distillgate.local.settings import LocalSettings
from distillgate.local.uploads import Files

LOOPBACK = ("127.0.0.1", "localhost", "::1")
Handler = Callable[[Request], Awaitable[Response]]


def create_app(
    settings: LocalSettings,
    *,
    worker_command: Sequence[str] = WORKER_COMMAND,
    trainer_command: Sequence[str] | None = None,
) -> Starlette:
    """The endpoint over `settings.home`; no model is loaded before a request needs it.

    The commands start a model's process and a training job; tests pass small stand-ins. The home is locked until the
    application has shut down. Raises LocalEndpointError where another endpoint holds it.
    """
    with ExitStack() as failed:
        held = failed.enter_context(home.lock(settings.home))
        home.remove_leftovers(settings.home)
        catalogue = Catalogue(settings)
        engines = Engines(settings, catalogue, worker_command)
        chat = ChatCompletions(settings, catalogue, engines)
        files = Files(settings)
        jobs = Jobs(settings, catalogue, engines, files, trainer_command)
        failed.pop_all()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await jobs.close()
        await engines.close()
        await chat.close()
        held.close()

    def named(request: Request) -> ServedModel:
        name = request.path_params["name"]
        if (found := catalogue.get(name)) is None:
            raise not_found("model", name, param="model")
        return found

    async def list_models(request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [_model(model) for model in catalogue]})

    async def model(request: Request) -> Response:
        return JSONResponse(_model(named(request)))

    async def delete_model(request: Request) -> Response:
        name = (found := named(request)).name
        if found.tuned_from is None:
            message = (
                f"{name!r} is configured in [tool.distillgate.local.models]; only fine-tuned models can be deleted."
            )
            raise ApiError(message, status=403, param="model", code="model_not_deletable")
        if (job := jobs.training_from(name)) is not None:
            raise ApiError(f"Job {job} starts from {name!r}; cancel it first.", status=409, param="model")
        async with engines.removing(name):
            catalogue.remove_tuned(named(request).name)
        return JSONResponse({"id": name, "object": "model", "deleted": True})

    return Starlette(
        routes=[
            _route("/v1/models", GET=list_models),
            _route("/v1/models/{name:path}", GET=model, DELETE=delete_model),
            _route("/v1/chat/completions", POST=chat.create),
            _route("/v1/files", GET=files.list, POST=files.create),
            _route("/v1/files/{id}", GET=files.retrieve, DELETE=files.delete),
            _route("/v1/files/{id}/content", GET=files.content),
            _route("/v1/fine_tuning/jobs", GET=jobs.list, POST=jobs.create),
            _route("/v1/fine_tuning/jobs/{id}", GET=jobs.retrieve),
            _route("/v1/fine_tuning/jobs/{id}/events", GET=jobs.events),
            _route("/v1/fine_tuning/jobs/{id}/cancel", POST=jobs.cancel),
        ],
        middleware=[Middleware(_NoForeignPages, loopback=settings.host in LOOPBACK)],
        exception_handlers=dict.fromkeys((ApiError, LocalEndpointError, HTTPException, Exception), api_error),
        lifespan=lifespan,
    )


def _route(path: str, **handlers: Handler) -> Route:
    """One route for all methods of a path, so that a 405's `Allow` names them all."""

    async def handle(request: Request) -> Response:
        return await handlers["GET" if request.method == "HEAD" else request.method](request)

    return Route(path, handle, methods=list(handlers))


def _model(model: ServedModel) -> dict[str, object]:
    owner = "distillgate" if model.tuned_from is not None else "local"
    return {"id": model.name, "object": "model", "created": model.created, "owned_by": owner}


class _NoForeignPages:
    """Keep web pages of other sites away from the models: a browser sends what they ask for to loopback, too.

    `Origin` and `Sec-Fetch-Site` tell that a page asks (Fetch Metadata, w3.org/TR/fetch-metadata); `Host` that a page
    pointed its own name at loopback.
    """

    def __init__(self, app: ASGIApp, loopback: bool) -> None:
        self._app = app
        self._loopback = loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (refusal := self._refusal(request := Request(scope))):
            await (await api_error(request, refusal))(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, request: Request) -> ApiError | None:
        host, origin = request.headers.get("host", ""), request.headers.get("origin")
        if self._loopback and _hostname(f"//{host}") not in LOOPBACK:
            return ApiError(f"Host {host!r} is not this endpoint; ask it as one of {', '.join(LOOPBACK)}.")
        foreign = origin is not None and origin not in (f"http://{host}", f"https://{host}")
        if foreign or request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return ApiError("Requests of web pages of other origins are refused.", status=403, code="foreign_origin")
        return None


def _hostname(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def serve(settings: LocalSettings) -> None:
    """Serve until SIGINT or SIGTERM. Raises LocalEndpointError where another endpoint holds the home."""
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        timeout_graceful_shutdown=5,
    )
