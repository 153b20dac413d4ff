"""The local endpoint as a web application: routes to models, chat completions, files and fine-tuning jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from distillgate.errors import LocalEndpointError
from distillgate.local.catalog import Catalogue, ServedModel
from distillgate.local.chat import ChatCompletions
from distillgate.local.engines import WORKER_COMMAND, Engines
from distillgate.local.jobs import Jobs
from distillgate.local.responses import ApiError, api_error, not_found
from distillgate.local.settings import LocalSettings
from distillgate.local.uploads import Files

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def create_app(
    settings: LocalSettings,
    *,
    worker_command: Sequence[str] = WORKER_COMMAND,
    trainer_command: Sequence[str] | None = None,
) -> Starlette:
    """The endpoint over `settings.home`; no model is loaded before a request needs it.

    The commands start a model's process and a training job; tests pass small stand-ins.
    """
    catalogue = Catalogue(settings)
    engines = Engines(settings, catalogue, worker_command)
    chat = ChatCompletions(settings, catalogue, engines)
    files = Files(settings)
    jobs = Jobs(settings, catalogue, engines, files, trainer_command)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await jobs.close()
        await engines.close()
        await chat.close()

    async def models(request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [_model(model) for model in catalogue]})

    async def model(request: Request) -> Response:
        name = request.path_params["name"]
        if (found := catalogue.get(name)) is None:
            raise not_found("model", name, param="model", code="model_not_found")
        return JSONResponse(_model(found))

    # a web page that points its own name at loopback must not get at the models
    hosts = [*LOOPBACK, "[::1]", settings.host] if settings.host in LOOPBACK else ["*"]
    return Starlette(
        routes=[
            Route("/v1/models", models),
            Route("/v1/models/{name:path}", model),
            Route("/v1/chat/completions", chat.create, methods=["POST"]),
            Route("/v1/files", files.create, methods=["POST"]),
            Route("/v1/files", files.list),
            Route("/v1/files/{id}", files.retrieve),
            Route("/v1/files/{id}", files.delete, methods=["DELETE"]),
            Route("/v1/files/{id}/content", files.content),
            Route("/v1/fine_tuning/jobs", jobs.create, methods=["POST"]),
            Route("/v1/fine_tuning/jobs", jobs.list),
            Route("/v1/fine_tuning/jobs/{id}", jobs.retrieve),
            Route("/v1/fine_tuning/jobs/{id}/events", jobs.events),
            Route("/v1/fine_tuning/jobs/{id}/cancel", jobs.cancel, methods=["POST"]),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts)],
        exception_handlers=dict.fromkeys((ApiError, LocalEndpointError, HTTPException, Exception), api_error),
        lifespan=lifespan,
    )


def _model(model: ServedModel) -> dict[str, object]:
    owner = "distillgate" if model.tuned_from is not None else "local"
    return {"id": model.name, "object": "model", "created": model.created, "owned_by": owner}


def serve(settings: LocalSettings) -> None:
    """Serve until SIGINT or SIGTERM."""
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        timeout_graceful_shutdown=5,
    )
