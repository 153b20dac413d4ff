"""Which models there are, and where: configured sources as verified files, and the tuned models."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from distillgate.errors import LocalEndpointError, MissingExtraError
from distillgate.local.home import read_records, skipped, write_json
from distillgate.local.settings import HUB_PREFIX, LocalModel, LocalSettings

FOLDER_VARIABLE = "DISTILLGATE_MODELS"


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model as `/v1/models` lists it."""

    name: str
    created: int
    """Seconds since the epoch."""
    tuned_from: str | None = None
    """Name of the base model, if a fine-tuning job made this one."""
    file: str | None = None
    """File name below `home/models`, if a fine-tuning job made this one."""


class Catalogue:
    """Configured and fine-tuned models by name. Listing touches no model file."""

    def __init__(self, settings: LocalSettings) -> None:
        self._configured = {model.name: model for model in settings.models}
        self.folder = settings.home / "models"
        started = int(time.time())
        self._served = {name: ServedModel(name, started) for name in self._configured}
        for path, model in read_records(ServedModel, self.folder.glob("*.json")):
            if model.file != f"{path.stem}.gguf" or not (self.folder / model.file).is_file():
                skipped(path, f"its model {model.file} is not beside it")
            elif not model.name.startswith("ft:") or model.tuned_from is None:
                skipped(path, f"{model.name!r} is no fine-tuned model")
            else:
                self._served[model.name] = model

    def __iter__(self) -> Iterator[ServedModel]:
        """Configured models first, then tuned ones."""
        return iter(self._served.values())

    def get(self, name: str) -> ServedModel | None:
        """The model that is served as `name`, if there is one."""
        return self._served.get(name)

    def add_tuned(self, name: str, base: str, file: str) -> None:
        """Serve `home/models/<file>` as `name` from now on, also after a restart."""
        model = ServedModel(name, int(time.time()), tuned_from=base, file=file)
        write_json(self.folder / f"{Path(file).stem}.json", asdict(model))
        self._served[name] = model

    def remove_tuned(self, name: str) -> None:
        """Serve a fine-tuned model no longer, and remove its files."""
        path = self.folder / str(self._served.pop(name).file)
        path.with_suffix(".json").unlink(missing_ok=True)
        path.unlink(missing_ok=True)

    def path(self, name: str) -> Path:
        """The verified GGUF file of a model; may download or hash it, so call it off the event loop.

        Raises LocalEndpointError if the model has been removed, or its file is missing or not the one configured.
        """
        if (served := self._served.get(name)) is None:
            raise LocalEndpointError(f"model {name!r} has been removed.")
        if served.file is not None:
            return self.folder / served.file
        model = self._configured[name]
        path = locate(model)
        status = path.stat()
        if model.sha256 is not None and (found := _sha256(path, status.st_size, status.st_mtime_ns)) != model.sha256:
            raise LocalEndpointError(
                f"{path} is not the file configured for {name!r}: its sha256 is {found}, "
                f"expected {model.sha256}. Fetch it again, or correct sha256."
            )
        return path


@lru_cache
def _sha256(path: Path, size: int, mtime_ns: int) -> str:
    """The file's digest, computed again only when size or mtime changed: 1 GB takes seconds."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def locate(model: LocalModel) -> Path:
    """The file that `model.source` names, downloaded if it is on Hugging Face.

    Raises LocalEndpointError where there is no such file, MissingExtraError without huggingface_hub.
    """
    if model.source.startswith(HUB_PREFIX):
        return _download(model)
    path = Path(model.source)
    if not path.is_absolute():
        folder = os.environ.get(FOLDER_VARIABLE)
        if not folder:
            raise LocalEndpointError(
                f"model {model.name!r} is the file {model.source!r}, to be found in the folder that "
                f"{FOLDER_VARIABLE} names; set {FOLDER_VARIABLE}, or give source as a path."
            )
        path = Path(folder).expanduser() / path
    if not path.is_file():
        raise LocalEndpointError(
            f"model {model.name!r} is not at {path}; put the file there, or change its source "
            f"in [tool.distillgate.local.models]."
        )
    return path


def _download(model: LocalModel) -> Path:
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise MissingExtraError("huggingface_hub", "local") from error
    owner, repository, file = model.source.removeprefix(HUB_PREFIX).split("/", 2)
    try:
        return Path(hf_hub_download(f"{owner}/{repository}", file))
    except Exception as error:  # the hub client raises errors of several libraries
        raise LocalEndpointError(
            f"model {model.name!r} could not be fetched from {model.source!r}: {error}. Check the name and "
            f"the network, or give source as the path of a file that you have."
        ) from error
