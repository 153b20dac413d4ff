"""Uploaded training files, checked line by line on arrival and kept in home as JSON records with their content."""

from __future__ import annotations

import time
from pathlib import Path

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from typing_extensions import TypedDict

from distillgate.errors import LocalEndpointError
from distillgate.files import write_atomically
from distillgate.local.home import new_id, read_records, skipped, write_json
from distillgate.local.responses import ApiError, limited, not_found, page
from distillgate.local.settings import LocalSettings
from distillgate.local.traces import parse_rows

PURPOSE = "fine-tune"
UPLOAD_OVERHEAD = 64 * 2**10
"""Bytes of a multipart body beside the file itself."""


class FileRecord(TypedDict):
    """A file as the API shows it."""

    id: str
    object: str
    bytes: int
    created_at: int
    filename: str
    purpose: str
    status: str


class Files:
    """`/v1/files`. A file is `home/files/<id>.jsonl`; its record is written last and removed first."""

    def __init__(self, settings: LocalSettings) -> None:
        self._folder = settings.home / "files"
        self._limit = settings.max_upload_bytes
        records = []
        for path, record in read_records(FileRecord, self._folder.glob("*.json")):
            if record["id"] != path.stem:
                skipped(path, f"it is the record of {record['id']}")
            elif not path.with_suffix(".jsonl").is_file():
                skipped(path, "its content is not beside it")
            else:
                records.append(record)
        self._records = {record["id"]: record for record in sorted(records, key=lambda record: record["created_at"])}

    async def create(self, request: Request) -> Response:
        """Keep an upload whose every line can be trained on."""
        request = limited(request, self._limit + UPLOAD_OVERHEAD)
        await request.body()  # whole before it is parsed: a limit met halfway would leave temporary files open
        try:
            form = await request.form(max_files=1, max_fields=20)
        except HTTPException as error:
            raise ApiError(f"The body is not a multipart form with one file: {error.detail}") from error
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
        try:
            parse_rows(content)
        except LocalEndpointError as error:
            raise ApiError(f"Invalid training file: {error}", param="file", code="invalid_file_format") from error
        record: FileRecord = {
            "id": new_id("file"),
            "object": "file",
            "bytes": len(content),
            "created_at": int(time.time()),
            "filename": upload.filename or "upload.jsonl",
            "purpose": PURPOSE,
            "status": "processed",
        }
        write_atomically(self._folder / f"{record['id']}.jsonl", content)
        write_json(self._folder / f"{record['id']}.json", record)
        self._records[record["id"]] = record
        return JSONResponse(record)

    async def list(self, request: Request) -> Response:
        """Newest first."""
        return page(request, list(self._records.values())[::-1])

    async def retrieve(self, request: Request) -> Response:
        """One file's record."""
        id = request.path_params["id"]
        self.path(id)
        return JSONResponse(self._records[id])

    async def content(self, request: Request) -> Response:
        """The bytes as they were uploaded."""
        return Response(self.path(request.path_params["id"]).read_bytes(), media_type="application/jsonl")

    async def delete(self, request: Request) -> Response:
        """Remove a file; a job that already trains on it keeps its own copy."""
        id = request.path_params["id"]
        path = self.path(id)
        del self._records[id]
        path.with_suffix(".json").unlink()
        path.unlink(missing_ok=True)
        return JSONResponse({"id": id, "object": "file", "deleted": True})

    def path(self, id: str, param: str = "file_id") -> Path:
        """Where an uploaded file is. Raises ApiError (404), naming `param`, for an id that is not one of them."""
        if id not in self._records:
            raise not_found("file", id, param=param)
        return self._folder / f"{id}.jsonl"
