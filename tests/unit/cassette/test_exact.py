"""What a tape cannot hold exactly is refused while it is recorded; a truncated answer is asked for again."""

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
import httpx
from distillgate.cassette.interaction import JSON, Interaction, judged
from distillgate.cassette.redact import Redactor
from distillgate.cassette.request import Canonical
from distillgate.cassette.session import recording
from distillgate.errors import CassetteError

from tests.serving import serving

CHAT = {"model": "teacher", "messages": [{"role": "user", "content": "Hello"}], "temperature": 0.0}
INEXACT = [
    pytest.param(200, "application/octet-stream", b"\x89PNG\xff\x00", "is not UTF-8", id="binary"),
    pytest.param(200, JSON, b'{"text": "caf\xe9"}', "is not UTF-8", id="another encoding"),
    pytest.param(307, JSON, b"{}", r"is a redirect \(307\)", id="redirect"),
    pytest.param(200, JSON, b'{"n": 18446744073709551616}', "more than 64 bits", id="large integer"),
    pytest.param(200, JSON, b'{"n": [-9223372036854775809]}', "more than 64 bits", id="large negative integer"),
]
EXACT = [
    pytest.param(b'{"n": 18446744073709551615, "m": -9223372036854775808}', id="the largest integers"),
    pytest.param(b'{"n": "18446744073709551616"}', id="digits in a text"),
    pytest.param(b'{"n": 1.8446744073709551616e19}', id="a fraction"),
    pytest.param(b"[" * 2000 + b"]" * 2000, id="deep"),
    pytest.param("„häufig“ 😀".encode(), id="text"),
]


def post(status, content_type, body):
    """What comes of asking an endpoint that answers so."""

    async def app(scope, receive, send):
        headers = [(b"content-type", content_type.encode()), (b"location", b"/elsewhere")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    with serving(app, log_level="error", lifespan="off") as url:
        return httpx.post(f"{url.rstrip('/')}/search", json={"q": "x"})


@pytest.mark.parametrize(("status", "content_type", "body", "why"), INEXACT)
def test_an_inexact_answer_ends_the_recording_and_is_on_no_tape(tmp_path, status, content_type, body, why):
    tape = tmp_path / "tape.jsonl"
    with pytest.raises(CassetteError, match=f"{why}.*which no tape can hold exactly"), recording(tape, {}, Redactor()):
        post(status, content_type, body)
    assert not tape.exists()


@pytest.mark.parametrize("body", EXACT)
def test_an_answer_that_it_can_hold_is_recorded(tmp_path, body):
    with recording(tmp_path / "tape.jsonl", {}, Redactor()) as recorder:
        assert post(200, JSON, body).status_code == 200
        assert len(recorder) == 1


ANTHROPIC = Canonical("POST", "/v1/messages", {"model": "claude", "messages": [], "max_tokens": 9})
GEMINI = Canonical("POST", "/v1beta/models/gemini:generateContent", {"contents": []})
WHOLE = {"content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn", "usage": {}}
FAULTS = [
    pytest.param(ANTHROPIC, WHOLE, None, id="anthropic, whole"),
    pytest.param(ANTHROPIC, WHOLE | {"stop_reason": None}, "without stop_reason", id="anthropic, cut off"),
    pytest.param(ANTHROPIC, WHOLE | {"content": []}, "without content", id="anthropic, nothing said"),
    pytest.param(ANTHROPIC, {"text": '{"content": ['}, "not the JSON of a completion", id="anthropic, cut JSON"),
    pytest.param(
        ANTHROPIC, {"type": "error", "error": {"message": "Overloaded"}}, "an error: Overloaded", id="anthropic, error"
    ),
    pytest.param(GEMINI, {"candidates": [{"content": {}}]}, None, id="gemini, whole"),
    pytest.param(GEMINI, {"usageMetadata": {}}, "without candidates", id="gemini, nothing said"),
    pytest.param(GEMINI, {"error": {"message": "quota"}}, "an error: quota", id="gemini, error"),
]


@pytest.mark.parametrize(("asked", "body", "why"), FAULTS)
def test_a_200_of_other_apis_without_a_completion_is_asked_for_again(asked, body, why):
    response = {}
    came = judged(Interaction(asked, 200, JSON, body, 1.0, 1), response)
    assert came.status == (200 if why is None else 502)
    assert (why or "") in str(came.body if why else "")
