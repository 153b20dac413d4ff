"""A profile's model becomes an LM that is really asked, at its own endpoint, with a key that shows up nowhere."""

import traceback

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from distillgate.config import load_config
from distillgate.errors import ConfigError
from distillgate.models import Model
from distillgate.run.recordings import api_key
from distillgate.stages.context import NO_KEY, make_lm
from dspy.utils.exceptions import LMAuthError, LMServerError
from news.task import NewsClassifier

from tests.endpoint import Endpoint

KEY = "sk-not-to-be-seen"
SETTINGS = """
[tool.distillgate]
task = "news.task:task"
profile = "hosted"

[tool.distillgate.profiles.hosted]
api_key_env = "NEWS_KEY"
teacher = { model = "openai/teacher" }
student = { model = "openai/student" }
"""


class Doorkeeper(Endpoint):
    """Also keeps the credentials that chat requests come with."""

    def __init__(self):
        super().__init__()
        self.credentials = []

    async def _chat(self, request):
        self.credentials.append(request.headers["authorization"])
        return await super()._chat(request)


@pytest.fixture(scope="module")
def endpoint(connect):
    return connect(Doorkeeper())


@pytest.fixture
def spec(endpoint):
    return Model("openai/teacher", api_base=endpoint.url, api_key_env="NEWS_KEY")


def test_the_same_question_is_asked_again(endpoint, spec):
    lm, before = make_lm(spec, KEY), len(endpoint.credentials)
    lm("ping")
    lm("ping")
    assert len(endpoint.credentials) - before == 2


def test_the_endpoint_of_the_profile_is_asked_whatever_the_environment_says(endpoint, spec, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    before = len(endpoint.credentials)
    make_lm(spec, KEY, retries=0)("ping")
    assert len(endpoint.credentials) - before == 1


def test_the_key_is_sent_to_the_endpoint(endpoint, spec):
    make_lm(spec, KEY)("ping")
    assert endpoint.credentials[-1] == f"Bearer {KEY}"


def test_temperature_and_length_are_those_of_the_profile(endpoint):
    make_lm(Model("openai/teacher", api_base=endpoint.url, temperature=0.25, max_tokens=77), KEY)("ping")
    body = endpoint.bodies[-1]
    assert (body["temperature"], body.get("max_tokens", body.get("max_completion_tokens"))) == (0.25, 77)


def test_an_lm_without_retries_asks_once(endpoint, spec):
    endpoint.fail_next, before = [500], len(endpoint.credentials)
    with pytest.raises(LMServerError, match="ordered 500"):
        make_lm(spec, KEY, retries=0)("ping")
    assert len(endpoint.credentials) - before == 1


def test_engine_and_cache_are_named_and_not_left_to_chance(spec):
    lm = make_lm(spec, KEY)
    assert (lm.engine, lm.cache, lm.num_retries) == ("lm15", False, 5)


def test_a_model_without_an_endpoint_of_its_own_goes_to_its_provider():
    assert "api_base" not in make_lm(Model("openai/teacher"), KEY).kwargs


@pytest.mark.parametrize(
    ("environment", "dotenv", "found"),
    [
        pytest.param("from-env", None, "from-env", id="environment"),
        pytest.param(None, "from-file", "from-file", id="file"),
        pytest.param("from-env", "from-file", "from-env", id="environment before file"),
        pytest.param("", "from-file", "from-file", id="file where the environment is empty"),
    ],
)
def test_where_a_key_comes_from(environment, dotenv, found, tmp_path, monkeypatch):
    monkeypatch.delenv("NEWS_KEY", raising=False)
    if environment is not None:
        monkeypatch.setenv("NEWS_KEY", environment)
    if dotenv is not None:
        (tmp_path / ".env").write_text(f"NEWS_KEY={dotenv}\n", "utf-8")
    assert api_key(Model("openai/teacher", api_key_env="NEWS_KEY"), tmp_path) == found


def test_an_endpoint_without_keys_gets_none_of_yours(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert api_key(Model("openai/teacher"), tmp_path) == NO_KEY


def test_a_missing_key_is_an_error_that_names_model_variable_and_file(tmp_path, monkeypatch):
    monkeypatch.delenv("NEWS_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(ConfigError, match=r"openai/teacher needs a key, but NEWS_KEY is not set; .* \.env"):
        api_key(Model("openai/teacher", api_key_env="NEWS_KEY"), tmp_path)


@pytest.mark.parametrize("show", [repr, str])
def test_settings_do_not_show_the_key(show, tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text(SETTINGS, "utf-8")
    (tmp_path / ".env").write_text(f"NEWS_KEY={KEY}\n", "utf-8")
    monkeypatch.delenv("DISTILLGATE_PROFILE", raising=False)
    settings = load_config(tmp_path)
    assert api_key(settings.profile.model("teacher"), tmp_path) == KEY
    assert KEY not in show(settings)


def test_a_refused_key_is_not_shown_in_the_error_and_what_led_to_it(endpoint, spec):
    endpoint.fail_next = [401]
    with pytest.raises(LMAuthError) as caught:
        make_lm(spec, KEY, retries=0)("ping")
    assert KEY not in "".join(traceback.format_exception(caught.value))


def test_the_key_is_in_no_representation_of_the_lm(spec):
    lm = make_lm(spec, KEY)
    assert KEY not in f"{lm!r} {lm} {lm.dump_state()}"


def test_a_saved_program_holds_no_key(spec, tmp_path):
    program = NewsClassifier()
    program.set_lm(make_lm(spec, KEY))
    program.save(tmp_path / "program.json")
    assert KEY not in (tmp_path / "program.json").read_text("utf-8")
