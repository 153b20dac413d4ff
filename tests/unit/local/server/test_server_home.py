"""The home folder: one endpoint at a time, damage costs what is damaged, nothing half done stays."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest
from distillgate.errors import LocalEndpointError
from distillgate.local import home
from distillgate.local.settings import LocalSettings

HOLDS = "from pathlib import Path; import sys, time\nfrom distillgate.local import home\n" + (
    "held = home.lock(Path(sys.argv[1])); print(flush=True); time.sleep(60)"
)


def test_a_second_endpoint_on_the_same_home_is_refused(
    run: Callable[..., Any], settings: LocalSettings, endpoint: Any
) -> None:
    job = endpoint.tune("hang")
    endpoint.wait(job.id, "running")
    with pytest.raises(LocalEndpointError, match=r"in use by another local endpoint \(process \d+\)"), run(settings):
        pass
    assert endpoint.openai.fine_tuning.jobs.retrieve(job.id).status == "running"


def test_a_killed_process_leaves_no_lock(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(LocalEndpointError, match=f"process {holder.pid}"):
            home.lock(tmp_path)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    home.lock(tmp_path).close()


DAMAGE = [
    pytest.param(b"", id="empty"),
    pytest.param(b"\x00" * 40, id="zeros"),
    pytest.param(b'{"id": "x', id="cut"),
    pytest.param(b"[" * 100_000, id="deep"),
    pytest.param(b"\xff\xfe", id="no-utf8"),
    pytest.param(b"[1]", id="list"),
    pytest.param(b"{}", id="no-keys"),
    pytest.param(b'{"id": 5, "created_at": "now", "status": "asleep"}', id="wrong-types"),
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_record_is_skipped_with_a_warning(
    run: Callable[..., Any], settings: LocalSettings, caplog: pytest.LogCaptureFixture, damage: bytes
) -> None:
    with run(settings) as endpoint:
        good, bad = (endpoint.wait(endpoint.tune("ok").id, "succeeded") for _ in range(2))
    folder = settings.home
    damaged = [
        folder / "jobs" / bad.id / "job.json",
        folder / "files" / f"{bad.training_file}.json",
        folder / "models" / f"{bad.id}.json",
    ]
    for path in damaged:
        path.write_bytes(damage)
    with caplog.at_level(logging.WARNING), run(settings) as endpoint:
        assert [job.id for job in endpoint.openai.fine_tuning.jobs.list()] == [good.id]
        assert [file.id for file in endpoint.openai.files.list()] == [good.training_file]
        names = [model.id for model in endpoint.openai.models.list()]
        assert names == ["small", "large", good.fine_tuned_model]
    warnings = [record.getMessage() for record in caplog.records if record.name == "distillgate.local"]
    assert len(warnings) == len(damaged)
    for path in damaged:
        assert any(f"{path} is damaged and skipped" in warning for warning in warnings)
        assert path.read_bytes() == damage, "what is damaged may still be mended"
    assert (folder / "models" / f"{bad.id}.gguf").exists()
    assert (folder / "files" / f"{bad.training_file}.jsonl").exists()


def test_a_record_under_another_id_is_damaged(
    run: Callable[..., Any], settings: LocalSettings, caplog: pytest.LogCaptureFixture
) -> None:
    with run(settings) as endpoint:
        job = endpoint.wait(endpoint.tune("ok").id, "succeeded")
    for kind, name in (("jobs", job.id), ("files", job.training_file)):
        path = settings.home / kind / name / "job.json" if kind == "jobs" else settings.home / kind / f"{name}.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "id": "../../elsewhere"}))
    with run(settings) as endpoint:
        assert list(endpoint.openai.fine_tuning.jobs.list()) == list(endpoint.openai.files.list()) == []
    assert caplog.text.count("it is the record of ../../elsewhere") == 2


def test_damaged_events_leave_the_others(run: Callable[..., Any], settings: LocalSettings) -> None:
    with run(settings) as endpoint:
        job = endpoint.wait(endpoint.tune("ok").id, "succeeded")
        before = [event.id for event in endpoint.openai.fine_tuning.jobs.list_events(job.id)]
    with (settings.home / "jobs" / job.id / "events.jsonl").open("ab") as file:
        file.write(b'\x00\x00\n[]\n5\n{}\n{"id": "half')
    with run(settings) as endpoint:
        assert [event.id for event in endpoint.openai.fine_tuning.jobs.list_events(job.id)] == before


def test_what_a_killed_endpoint_left_half_done_is_removed(run: Callable[..., Any], settings: LocalSettings) -> None:
    with run(settings) as endpoint:
        job = endpoint.wait(endpoint.tune("ok").id, "succeeded")
    folder = settings.home
    kept = {path for path in folder.rglob("*") if path.is_file()}
    leftovers = [
        folder / "files/.file-1.jsonl.abc",
        folder / "files/.file-1.json.abc",
        folder / "files/file-1.jsonl",
        folder / "models/.ftjob-1.json.abc",
        folder / "models/ftjob-1.gguf",
        folder / "jobs" / job.id / ".job.json.abc",
        folder / "jobs" / job.id / "training/.result.json.abc",
        folder / "jobs" / job.id / "training/tuned.gguf",
        folder / "jobs" / job.id / "training/trl/checkpoint",
        folder / "engines/small/prefix.bin",
    ]
    for path in leftovers:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    own = folder / "models/mine.gguf"
    own.write_bytes(b"not the endpoint's")
    with run(settings):
        assert {path for path in folder.rglob("*") if path.is_file()} == kept | {own}


def test_a_tuned_model_can_be_deleted(run: Callable[..., Any], settings: LocalSettings) -> None:
    with run(settings) as endpoint:
        name = endpoint.wait(endpoint.tune("ok").id, "succeeded").fine_tuned_model
        assert endpoint.chat("hi", name).model == name
        journal = (settings.home / "models" / "journal.jsonl").read_text()  # the stand-in's, beside its model
        process = json.loads(journal.splitlines()[0])["process"]
        os.kill(process, 0)
        deleted = endpoint.openai.models.delete(name)
        assert (deleted.id, deleted.object, deleted.deleted) == (name, "model", True)
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
        for ask in (
            endpoint.openai.models.retrieve,
            endpoint.openai.models.delete,
            lambda model: endpoint.chat("hi", model),
        ):
            with pytest.raises(openai.NotFoundError, match="No such model"):
                ask(name)
        assert list((settings.home / "models").glob("ftjob-*")) == []
    with run(settings) as endpoint:
        assert [model.id for model in endpoint.openai.models.list()] == ["small", "large"]


def test_a_configured_model_cannot_be_deleted(refusing: Any) -> None:
    with pytest.raises(openai.PermissionDeniedError, match="only fine-tuned models"):
        refusing.openai.models.delete("small")
    with pytest.raises(openai.NotFoundError):
        refusing.openai.models.delete("ft:nothing")
    assert refusing.openai.models.retrieve("small").id == "small"


def test_a_model_that_a_job_starts_from_is_kept(endpoint: Any) -> None:
    name = endpoint.wait(endpoint.tune("ok").id, "succeeded").fine_tuned_model
    file = endpoint.upload('{"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": "hang"}]}')
    job = endpoint.openai.fine_tuning.jobs.create(model=name, training_file=file.id)
    endpoint.wait(job.id, "running")
    with pytest.raises(openai.ConflictError, match=f"Job {job.id} starts from"):
        endpoint.openai.models.delete(name)
    endpoint.openai.fine_tuning.jobs.cancel(job.id)
    assert endpoint.openai.models.delete(name).deleted
