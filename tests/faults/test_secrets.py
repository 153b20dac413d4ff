"""Pins that a secret planted in any place of a recording survives in no file of it, and replays all the same."""

import dataclasses
import json
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from distillgate.cassette.format import Recording, read, write
from distillgate.cassette.redact import Redactor
from distillgate.cassette.session import journal_path, recording, replaying
from distillgate.errors import CassetteError, CassetteMissError
from distillgate.secrets.scrub import Scrubber
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from tests.endpoint import Endpoint, served
from tests.planted import KINDS, PRIVATE_KEY

ROOT = Path(__file__).parents[2]
TEXTS = [one.text for one in KINDS.values()]
CHAT = {"model": "teacher", "temperature": 0}
NOWHERE = "http://endpoint.invalid/v1"
VALUE = 'pa"ss wörd\\1'
"""Of a variable of the environment, with all that a JSON text escapes."""


class Planting(Endpoint):
    """Says what it is told to say."""

    def __init__(self):
        super().__init__()
        self.reply = JSONResponse({})

    def app(self):
        app = super().app()
        app.router.routes.insert(0, Route("/v1/{rest:path}", self._say, methods=["GET", "POST"]))
        return app

    async def _say(self, request):
        await request.body()
        return self.reply


@pytest.fixture(scope="module")
def endpoint():
    with served(Planting()) as running:
        yield running


@pytest.fixture
def path(tmp_path):
    return tmp_path / "teacher.jsonl"


@pytest.fixture
def record(path, endpoint):
    """Make a call, `(method, path, arguments)`, that gets a reply; returns the answer and all that is on disk."""

    def record(call, reply=None, known=None):
        endpoint.reply = reply or JSONResponse({"ok": True})
        with recording(path, {}, Redactor(known)):
            answer = sent(endpoint.url, call)
            journal = journal_path(path).read_text("utf-8")
        return answer, journal + path.read_text("utf-8")

    return record


def sent(url, call):
    method, target, arguments = call
    with httpx.Client(trust_env=False) as client:
        return client.request(method, f"{url}{target}", **arguments)


def chat(*contents):
    return ("POST", "/chat/completions", {"json": CHAT | {"messages": [{"content": one} for one in contents]}})


def upload(content, *names):
    files = [("file", (name, content)) for name in names or ("training.jsonl",)]
    return ("POST", "/files", {"files": files, "data": {"purpose": "fine-tune"}})


def survivors(content):
    return [kind for kind, one in KINDS.items() if one.survives(content)]


ASKED = {
    "message": chat(*TEXTS),
    "one-message-with-all": chat("\n".join(TEXTS)),
    "message-in-json": chat(*[json.dumps({"said": text}) for text in TEXTS]),
    "arguments-of-a-tool": chat(*[json.dumps({"arguments": json.dumps({"said": f"a\n{text}"})}) for text in TEXTS]),
    "key-of-json": ("POST", "/x", {"json": dict.fromkeys(TEXTS, 1)}),
    "value-of-a-query": ("GET", "/models", {"params": {"q": TEXTS}}),
    "path": ("GET", "/models/" + "/".join(quote(text, safe="") for text in TEXTS), {}),
    "form": ("POST", "/x", {"data": {"q": TEXTS}}),
    "text": ("POST", "/x", {"content": "\n".join(TEXTS)}),
    "uploaded-rows": upload("".join(json.dumps({"said": text}) + "\n" for text in TEXTS)),
    "uploaded-text": upload("\n".join(TEXTS)),
    "name-of-an-uploaded-file": upload("a", *TEXTS),
}


@pytest.mark.parametrize("call", ASKED.values(), ids=ASKED)
def test_no_secret_of_a_request_is_on_tape_or_journal(record, call):
    _, written = record(call)
    assert survivors(written) == []


@pytest.mark.parametrize("call", ASKED.values(), ids=ASKED)
def test_a_request_with_secrets_finds_its_recording(path, record, call):
    record(call)
    with replaying(path, ""):
        assert sent(NOWHERE, call).json() == {"ok": True}


def test_the_headers_of_a_request_are_not_recorded(record):
    headers = {f"X-{number}": text for number, text in enumerate(TEXTS)}
    _, written = record(("GET", "/models", {"headers": headers}))
    assert survivors(written) == []


def replies():
    headers = {f"x-{number}": text for number, text in enumerate(TEXTS)}
    cookie = KINDS["set-cookie"].text.partition(": ")[2]
    return {
        "content": JSONResponse({"choices": [{"message": {"content": "\n".join(TEXTS)}}]}),
        "each-of-many": JSONResponse(TEXTS),
        "arguments-of-a-tool": JSONResponse([json.dumps({"said": f"a\n{text}"}) for text in TEXTS]),
        "key-of-json": JSONResponse(dict.fromkeys(TEXTS, 1)),
        "text": PlainTextResponse("\n".join(TEXTS)),
        "stream": Response(
            "".join(f"data: {json.dumps({'said': text})}\n\n" for text in TEXTS), media_type="text/event-stream"
        ),
        "headers": JSONResponse({}, headers=headers | {"set-cookie": cookie}),
        "content-type": Response("{}", media_type=KINDS["openai"].secret),
    }


@pytest.mark.parametrize("place", replies())
def test_no_secret_of_an_answer_is_on_tape_or_journal(record, place):
    _, written = record(chat("Who won?"), reply=replies()[place])
    assert survivors(written) == []


@pytest.mark.parametrize("place", replies())
def test_no_secret_of_an_answer_is_in_its_replay(path, record, place):
    record(chat("Who won?"), reply=replies()[place])
    with replaying(path, ""):
        replayed = sent(NOWHERE, chat("Who won?"))
    assert survivors(replayed.text + str(replayed.headers)) == []


@pytest.mark.parametrize("place", ["content", "each-of-many", "text", "stream"])
def test_a_recording_run_goes_on_with_what_a_replay_gives(path, record, place):
    """But for the name of a tuned model, by which the endpoint is asked for it."""
    recorded, _ = record(chat("Who won?"), reply=replies()[place])
    with replaying(path, ""):
        replayed = sent(NOWHERE, chat("Who won?"))
    assert recorded.text.replace(KINDS["tuned-model"].secret, "[secret:organization]") == replayed.text


def test_the_error_of_an_endpoint_is_not_recorded(record):
    _, written = record(chat("Who won?"), reply=JSONResponse({"error": {"message": "\n".join(TEXTS)}}, 401))
    assert survivors(written) == []


def test_a_miss_tells_no_secret(path, record):
    record(chat("Who won?"))
    with pytest.raises(CassetteMissError) as miss, replaying(path, "", redactor=Redactor({"SERVICE": VALUE})):
        sent(NOWHERE, chat("\n".join([*TEXTS, PRIVATE_KEY, VALUE])))
    assert survivors(str(miss.value)) == []
    assert not [text for text in (*PRIVATE_KEY.split("\n"), VALUE) if text in str(miss.value)]


class Lenient(Redactor):
    """Of a version that knew no rule."""

    rules = "none"

    def interaction(self, one):
        return one


def test_a_tape_from_before_a_rule_is_replayed(path, record):
    """What it holds without a mark is looked up as it would be stored today."""
    one = KINDS["e-mail"]
    record(chat(f"so {one.text}"))
    (kept,) = read(path).interactions
    assert one.secret not in path.read_text("utf-8")
    body = json.loads(json.dumps(kept.request.body).replace("[secret:email]", one.secret))
    old = dataclasses.replace(kept, request=dataclasses.replace(kept.request, body=body))
    write(path, Recording({}, [old]), Lenient())
    assert one.secret in path.read_text("utf-8")
    with replaying(path, ""):
        assert sent(NOWHERE, chat(f"so {one.text}")).json() == {"ok": True}


@pytest.mark.parametrize(
    ("call", "place"),
    [
        pytest.param(chat(f"so:\n{PRIVATE_KEY}"), r"its body\.messages\[0\]\.content", id="message"),
        pytest.param(upload(json.dumps({"said": PRIVATE_KEY})), r"its body\.multipart\[\d\]\.content", id="upload"),
        pytest.param(("GET", f"/x/{quote(PRIVATE_KEY)}", {}), "its path", id="path"),
    ],
)
def test_a_request_with_a_private_key_is_not_sent(path, endpoint, call, place):
    refused = pytest.raises(CassetteError, match=rf"{place}.* holds a secret \(rule 'private-key'\)")
    with refused, recording(path, {}, Redactor()) as tape, suppress(CassetteError):
        sent(endpoint.url, call)
    assert tape.sent == 0
    assert not path.exists()


def test_an_answer_with_a_private_key_is_not_written(path, endpoint):
    endpoint.reply = JSONResponse({"text": PRIVATE_KEY})
    refused = pytest.raises(CassetteError, match=r"its answer's body\.text holds a secret \(rule 'private-key'\)")
    with refused as error, recording(path, {}, Redactor()), suppress(CassetteError):
        sent(endpoint.url, chat("Who won?"))
    written = journal_path(path).read_text("utf-8")
    assert not [line for line in PRIVATE_KEY.split("\n") if line in written + str(error.value)]


def test_nothing_is_sent_after_a_refusal(path, endpoint):
    with pytest.raises(CassetteError, match="private-key"), recording(path, {}, Redactor()) as tape:
        for content in (PRIVATE_KEY, "Who won?"):
            with suppress(CassetteError):
                sent(endpoint.url, chat(content))
    assert tape.sent == 0


FORMS = {"as-it-is": VALUE, "in-json": json.dumps(VALUE), "in-json-in-json": json.dumps(json.dumps(VALUE))}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_no_value_of_the_environment_in_an_answer_is_recorded(record, form):
    _, written = record(chat("Who won?"), reply=JSONResponse({"said": f"it is {form}."}), known={"SERVICE": VALUE})
    assert "[secret:env:SERVICE]" in written
    assert "wörd" not in written


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_value_of_the_environment_in_a_request_is_refused_by_its_name(path, endpoint, form):
    """A replay without that environment would ask with the value and could not find the mark."""
    with (
        pytest.raises(CassetteError, match="'env:SERVICE'") as error,
        recording(path, {}, Redactor({"SERVICE": VALUE})),
    ):
        sent(endpoint.url, chat(f"it is {form}."))
    assert "wörd" not in str(error.value) + journal_path(path).read_text("utf-8")


def committed():
    files = [*(ROOT / "cassettes").rglob("[!.]*.jsonl"), *(ROOT / "golden").rglob("*.json*")]
    return {str(file.relative_to(ROOT)): file for file in sorted(files)}


@pytest.mark.parametrize("name", committed())
def test_what_is_committed_holds_no_secret(name):
    lines = committed()[name].read_text("utf-8").splitlines()
    rules = Scrubber()
    assert [number for number, line in enumerate(lines, 1) if rules.text(line) != line] == []
