"""Pins that DSPy's calls pass through the recorder, and that a DSPy whose calls do not is refused."""

import asyncio

import orjson
import pytest
from distillgate.cassette.guard import guarded
from distillgate.cassette.transports.interception import prove, prove_hook, transport_patches
from distillgate.errors import InterceptionError

USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
MESSAGE = {"role": "assistant", "content": "The team."}
ANSWER = {
    "id": "recorded",
    "object": "chat.completion",
    "created": 0,
    "model": "teacher",
    "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}],
    "usage": USAGE,
}


class Recorder:
    """Notes what it is told; answers everything, or nothing."""

    def __init__(self, answers):
        self.answers = answers
        self.seen, self.appended, self.abandoned = [], [], []

    def can_play_response_for(self, request):
        self.seen.append(request)
        return self.answers

    async def acan_play_response_for(self, request):
        return self.can_play_response_for(request)

    def play_response(self, request):
        headers = {"content-type": ["application/json"]}
        return {"status": {"code": 200, "message": "OK"}, "headers": headers, "body": {"string": orjson.dumps(ANSWER)}}

    def append(self, request, response):
        self.appended.append(response)

    def abandon(self, request):
        self.abandoned.append(request)


@pytest.fixture
def recorder(monkeypatch):
    """Put a recorder into DSPy."""

    def install(answers):
        made = Recorder(answers)
        for target, name, replacement in transport_patches(made):
            monkeypatch.setattr(target, name, replacement)
        return made

    return install


def sync_call(lm):
    try:
        return lm("Who won?")
    finally:
        lm.close()


def async_call(lm):
    async def call():
        try:
            return await lm.acall("Who won?")
        finally:
            await lm.aclose()

    return asyncio.run(call())


both = pytest.mark.parametrize("call", [pytest.param(sync_call, id="sync"), pytest.param(async_call, id="async")])


@both
def test_a_call_is_seen(recorder, teacher, call):
    made = recorder(answers=True)
    call(teacher("http://endpoint.invalid/v1"))
    (seen,) = made.seen
    assert (seen.method, seen.uri) == ("POST", "http://endpoint.invalid/v1/chat/completions")
    assert orjson.loads(seen.body)["messages"] == [{"role": "user", "content": "Who won?"}]


@both
def test_a_recorded_call_needs_no_network(recorder, teacher, call):
    recorder(answers=True)
    with guarded():
        assert call(teacher()) == ["The team."]


@both
def test_a_recorded_call_keeps_its_usage(recorder, teacher, call):
    recorder(answers=True)
    lm = teacher()
    call(lm)
    assert lm.history[0]["usage"].items() >= USAGE.items()


@both
def test_a_call_that_is_not_recorded_is_sent(recorder, teacher, endpoint, call):
    recorder(answers=False)
    call(teacher(endpoint.url))
    assert endpoint.requests == {"POST /v1/chat/completions": 1}


@both
def test_the_answer_to_a_sent_call_is_handed_to_the_recorder(recorder, teacher, endpoint, call):
    made = recorder(answers=False)
    lm = teacher(endpoint.url)
    call(lm)
    (response,) = made.appended
    assert response["status"] == {"code": 200, "message": "OK"}
    assert response["headers"]["content-type"] == ["application/json"]
    assert orjson.loads(response["body"]["string"])["id"] == lm.history[0]["response"].id


@both
def test_a_call_that_did_not_come_back_is_abandoned(recorder, teacher, refused, call):
    made = recorder(answers=False)
    with pytest.raises(Exception, match="failed to connect"):
        call(teacher(refused))
    assert (made.abandoned, made.appended) == (made.seen, [])


@pytest.fixture
def unproved():
    """Nothing is proved yet in this process, nor afterwards."""
    prove.cache_clear()
    yield
    prove.cache_clear()


def elsewhere(base):
    """A transport of DSPy's that the patches do not reach."""

    class Elsewhere(base):
        def stream(self, request):
            raise ConnectionError("sent past the recorder")

    return lambda router: Elsewhere()


def test_the_installed_dspy_is_proved_without_network(unproved):
    with guarded():
        prove()


def test_a_dspy_that_sends_over_another_transport_is_refused(unproved, monkeypatch):
    from dspy._vendor.lm15 import router, transports

    monkeypatch.setattr(router.LMRouter, "_shared_transport", elsewhere(transports.StdlibTransport))
    with pytest.raises(InterceptionError, match=r"not intercepted .*sent past the recorder.* dspy>=3\.4\.1,<3\.5"):
        prove()


def test_a_dspy_whose_async_calls_go_over_another_transport_is_refused(unproved, monkeypatch):
    from dspy._vendor.lm15 import router, transports

    monkeypatch.setattr(router.AsyncLMRouter, "_shared_transport", elsewhere(transports.StdlibAsyncTransport))
    with pytest.raises(InterceptionError, match=r"async call: .*sent past the recorder"):
        prove()


def test_a_dspy_that_is_not_intercepted_reaches_no_host(unproved, monkeypatch):
    from dspy._vendor.lm15 import router, transports

    class Unpatched(transports.StdlibTransport):
        stream = transports.StdlibTransport.stream

    monkeypatch.setattr(router.LMRouter, "_shared_transport", lambda router: Unpatched())
    with pytest.raises(InterceptionError, match="tried to reach"):
        prove()


def test_it_is_proved_where_an_event_loop_runs(unproved):
    async def start():
        prove()

    asyncio.run(start())


def test_a_dspy_without_the_patched_path_is_refused(unproved, monkeypatch):
    from dspy._vendor.lm15 import transports

    monkeypatch.delattr(transports.StdlibAsyncTransport, "_do_stream")
    with pytest.raises(InterceptionError, match=r"not intercepted .*_do_stream"):
        prove()


def test_a_private_hook_that_is_reached_is_proved():
    prove_hook("Adapter._hook", lambda: True)


@pytest.mark.parametrize(
    ("works", "reason"),
    [
        pytest.param(lambda: False, "it is not reached", id="not-reached"),
        pytest.param(lambda: getattr(object(), "_hook"), "AttributeError: ", id="renamed"),  # noqa: B009
    ],
)
def test_a_private_hook_that_is_not_reached_is_named_with_the_versions_that_reach_it(works, reason):
    with pytest.raises(InterceptionError, match=rf"Adapter\._hook: {reason}.* dspy>=3\.4\.1,<3\.5"):
        prove_hook("Adapter._hook", works)
