"""Uploaded training files: checked line by line on arrival, kept in home under random ids."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from distillgate.local.responses import ApiError, not_found, page
from distillgate.local.settings import LocalSettings
from distillgate.local.storage import is_id, new_id, read_json, write_atomically, write_json

PURPOSE = "fine-tune"
ROLES = ("system", "user", "assistant")


class Files:
    """`/v1/files`. A file is `home/files/<id>.jsonl`; its record is written last, removed first."""

    def __init__(self, settings: LocalSettings) -> None:
        self._folder = settings.home / "files"
        self._limit = settings.max_upload_bytes

    async def create(self, request: Request) -> Response:
        """Keep an upload whose every line can be trained on."""
        await request.body()  # whole before it is parsed: a limit met halfway would leave temporary files open
        try:
            form = await request.form(max_files=1, max_fields=20)
        except HTTPException as error:
            raise ApiError(f"The body is no multipart form with one file: {error.detail}") from error
        try:
            upload, purpose = form.get("file"), form.get("purpose")
            if not isinstance(upload, UploadFile):
                raise ApiError("file is required, as a part of a multipart form.", param="file")
            if purpose != PURPOSE:
                raise ApiError(f"purpose must be {PURPOSE!r}, not {purpose!r}.", param="purpose")
            content = await upload.read()
        finally:
            await form.close()
        if len(content) > self._limit:
            message = f"The file is larger than {self._limit} bytes."
            raise ApiError(message, status=413, param="file", code="file_too_large")
        check_training_data(content)
        record = {
            "id": new_id("file"),
            "object": "file",
            "bytes": len(content),
            "created_at": int(time.time()),
            "filename": upload.filename or "upload.jsonl",
            "purpose": PURPOSE,
            "status": "processed",
            "status_details": None,
        }
        write_atomically(self._folder / f"{record['id']}.jsonl", content)
        write_json(self._folder / f"{record['id']}.json", record)
        return JSONResponse(record)

    async def list(self, request: Request) -> Response:
        """Newest first, unless `order=asc`."""
        records = [record for path in self._folder.glob("*.json") if (record := read_json(path))]
        records.sort(key=lambda record: (record["created_at"], record["id"]))
        if request.query_params.get("order", "desc") != "asc":
            records.reverse()
        purpose = request.query_params.get("purpose", PURPOSE)
        return page(request, [record for record in records if record["purpose"] == purpose])

    async def retrieve(self, request: Request) -> Response:
        """One file's record."""
        return JSONResponse(self._record(request.path_params["id"]))

    async def content(self, request: Request) -> Response:
        """The bytes as they were uploaded."""
        record = self._record(request.path_params["id"])
        return Response(self.path(record["id"]).read_bytes(), media_type="application/jsonl")

    async def delete(self, request: Request) -> Response:
        """Remove a file; a job that already trains on it keeps its own copy."""
        id = request.path_params["id"]
        path = self.path(id)
        path.with_suffix(".json").unlink()
        path.unlink(missing_ok=True)
        return JSONResponse({"id": id, "object": "file", "deleted": True})

    def path(self, id: str) -> Path:
        """Where an uploaded file is. Raises ApiError (404) for an id that is not one of them."""
        self._record(id)
        return self._folder / f"{id}.jsonl"

    def _record(self, id: str) -> dict[str, Any]:
        record = read_json(self._folder / f"{id}.json") if is_id(id, "file") else None
        if record is None:
            raise not_found("file", id, param="file_id")
        return dict(record)


def check_training_data(content: bytes) -> None:
    """Raise ApiError (400), naming the line, unless `content` is chat JSONL to train a model on."""
    try:
        lines = content.decode("utf-8").split("\n")  # splitlines() also splits at U+2028, inside a string
    except UnicodeDecodeError as error:
        number = content[: error.start].count(b"\n") + 1
        raise _invalid(f"line {number} is not UTF-8") from error
    if lines[-1] == "":
        lines.pop()
    if not lines:
        raise _invalid("it is empty")
    for number, line in enumerate(lines, 1):
        if (fault := _fault(line)) is not None:
            raise _invalid(f"line {number} {fault}")


def _invalid(fault: str) -> ApiError:
    shape = '{"messages": [{"role": …, "content": …}, …]}'
    return ApiError(
        f"Invalid training file: {fault}. Each line reads {shape}.", param="file", code="invalid_file_format"
    )


def _fault(line: str) -> str | None:
    if not line.strip():
        return "is empty"
    try:
        row = json.loads(line)
    except ValueError as error:
        return f"is not JSON ({error})"
    messages = row.get("messages") if isinstance(row, dict) else None
    if not isinstance(messages, list) or not messages:
        return "has no messages"
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            return f"has a message whose role is none of {', '.join(ROLES)}"
        if not isinstance(message.get("content"), str):
            return f"has a {message['role']} message whose content is no string"
    if messages[-1]["role"] != "assistant" or len(messages) == 1:
        return "does not end with an assistant message that answers the turns before it"
    return None
