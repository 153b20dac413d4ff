"""Files: a broken line is named on arrival, a good file survives restarts, ids are never paths."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import openai
import pytest
from distillgate.local.settings import LocalSettings

GOOD = json.dumps({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]})


def row(*messages: tuple[Any, Any]) -> str:
    return json.dumps({"messages": [{"role": role, "content": content} for role, content in messages]})


def test_file_is_kept_and_found_again_after_a_restart(run: Callable[..., Any], settings: LocalSettings) -> None:
    content = f"{GOOD}\n{GOOD}\n"
    with run(settings) as endpoint:
        file = endpoint.upload(content)
        assert (file.bytes, file.filename, file.purpose, file.status) == (
            len(content),
            "data.jsonl",
            "fine-tune",
            "processed",
        )
    with run(settings) as endpoint:
        assert endpoint.openai.files.retrieve(file.id) == file
        assert endpoint.openai.files.content(file.id).text == content
        assert list(endpoint.openai.files.list()) == [file]


def test_deleted_file_is_gone(endpoint: Any) -> None:
    file = endpoint.upload(GOOD)
    assert endpoint.openai.files.delete(file.id).deleted
    with pytest.raises(openai.NotFoundError):
        endpoint.openai.files.retrieve(file.id)
    assert list(endpoint.openai.files.list()) == []
    assert list((endpoint.settings.home / "files").iterdir()) == []


def test_list_is_paged(endpoint: Any) -> None:
    ids = {endpoint.upload(GOOD).id for _ in range(3)}
    page = endpoint.openai.files.list(limit=2)
    assert (len(page.data), page.has_more) == (2, True)
    assert {file.id for file in page} == ids


BROKEN = [
    pytest.param("", "empty", id="empty-file"),
    pytest.param(f"{GOOD}\n{{\n", "line 2 is not JSON", id="malformed"),
    pytest.param(f"{GOOD}\n\n{GOOD}\n", "line 2 is empty", id="empty-line"),
    pytest.param(f"{GOOD}\n[]", "line 2 has no messages", id="no-object"),
    pytest.param('{"messages": []}', "line 1 has no messages", id="no-messages"),
    pytest.param(row(("robot", "x")), "line 1 has a message whose role", id="role"),
    pytest.param(row(("user", None)), "line 1 has a user message whose content", id="content"),
    pytest.param(row(("user", "q")), "line 1 does not end with an assistant", id="no-answer"),
    pytest.param(b"\xff", "line 1 is not UTF-8", id="encoding"),
    pytest.param(GOOD.replace('"q"', r'"\ud800"'), "line 1 is not JSON", id="lone-surrogate"),
    pytest.param(GOOD[:-1] + ', "weight": NaN}', "line 1 is not JSON", id="nan"),
    pytest.param("[" * 9_000, "line 1 is not JSON", id="deep"),
]


@pytest.mark.parametrize(("content", "message"), BROKEN)
def test_broken_training_file_is_refused_by_line(refusing: Any, content: bytes | str, message: str) -> None:
    with pytest.raises(openai.BadRequestError, match=message) as caught:
        refusing.upload(content)
    assert caught.value.code == "invalid_file_format"
    assert list(refusing.openai.files.list()) == []


def test_other_purpose_is_refused(refusing: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="purpose must be 'fine-tune', not 'batch'"):
        refusing.openai.files.create(file=("a.jsonl", GOOD.encode()), purpose="batch")


def test_upload_over_the_limit_is_refused(refusing: Any) -> None:
    line = row(("user", "q" * 1_000), ("assistant", "a"))
    with pytest.raises(openai.APIStatusError, match="larger than 20000 bytes") as caught:
        refusing.upload(f"{line}\n" * 21)
    assert caught.value.status_code == 413


def test_upload_without_a_file_is_refused(refusing: Any) -> None:
    assert refusing.http.post("/files", data={"purpose": "fine-tune"}).status_code == 400
    assert refusing.http.post("/files", json={"purpose": "fine-tune"}).status_code == 400
    broken = {"content-type": "multipart/form-data"}
    assert refusing.http.post("/files", content=b"x", headers=broken).status_code == 400


@pytest.mark.parametrize("id", ["file-" + "0" * 24, "nothing", "..%2F..%2Fsecret", "%2e%2e"])
def test_unknown_id_is_not_found(refusing: Any, id: str) -> None:
    (refusing.settings.home.parent / "secret.json").write_text('{"id": "secret"}')
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/content")):
        assert refusing.http.request(method, f"/files/{id}{path}").status_code == 404
