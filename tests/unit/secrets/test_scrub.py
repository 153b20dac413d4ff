"""Pins that the values of the environment are secrets too, in every form in which they can be written."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from distillgate.secrets.known import remember, remembered, scrubbed, without_known
from distillgate.secrets.scrub import SHORTEST, Scrubber

VALUE = 'pa"ss wörd\\1'
TWICE = json.dumps(json.dumps(VALUE))


@pytest.mark.parametrize(
    ("known", "text", "cleaned"),
    [
        pytest.param(
            {"A": "swordfish"}, "a swordfish b swordfish", "a [secret:env:A] b [secret:env:A]", id="every-time"
        ),
        pytest.param(
            {"A": "swordfish", "B": "herring"}, "swordfish herring", "[secret:env:A] [secret:env:B]", id="all"
        ),
        pytest.param({"A": "secret", "B": "secret-longer"}, "secret-longer", "[secret:env:B]", id="one-begins-another"),
        pytest.param({"A": "url-query"}, "?key=a", "?key=[secret:url-query]", id="a-word-of-a-mark"),
        pytest.param({"A": "x" * SHORTEST}, "x" * SHORTEST, "[secret:env:A]", id="shortest"),
        pytest.param({"A": "x" * (SHORTEST - 1)}, "x" * SHORTEST, "x" * SHORTEST, id="word"),
        pytest.param({"A": VALUE}, f"<{VALUE}>", "<[secret:env:A]>", id="as-it-is"),
        pytest.param({"A": VALUE}, f"<{json.dumps(VALUE)}>", '<"[secret:env:A]">', id="in-json"),
        pytest.param({"A": VALUE}, f"<{TWICE}>", '<"\\"[secret:env:A]\\"">', id="in-json-in-json"),
        pytest.param({"A": VALUE}, f"?a={quote(VALUE)}", "?a=[secret:env:A]", id="in-a-url"),
        pytest.param({"A": VALUE}, f"?a={quote_plus(VALUE)}", "?a=[secret:env:A]", id="in-a-form"),
        pytest.param({}, "swordfish", "swordfish", id="none"),
        pytest.param({"A": "4711"}, "4711, 14711, x4711.", "[secret:env:A], 14711, x4711.", id="pin"),
    ],
)
def test_a_known_value_is_replaced_by_its_name(known, text, cleaned):
    assert Scrubber(known).text(text) == cleaned


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode], ids=["standard", "urls"])
@pytest.mark.parametrize("before", ["", "m", "ma", "maria:"])
@pytest.mark.parametrize("after", ["", "x", "xy", "\n> and on"])
def test_a_known_value_is_found_in_base64_wherever_it_begins(encode, before, after):
    value = "sword~~fish>>?4711"
    text = encode(f"{before}{value}{after}".encode()).decode()
    cleaned = Scrubber({"A": value}).text(f"it was {text}.")
    assert "[secret:env:A]" in cleaned
    kept = cleaned.removeprefix("it was ").removesuffix(".").replace("[secret:env:A]", "")
    assert len(kept) <= len(encode((before + after).encode())) + 6


def test_only_known_values_leave_what_is_not_ours():
    remember({"SCRUB_ONLY_KEY": "only-this-4711"})
    text = 'only-this-4711, maria@mail.example, {"password": "hunter2-\\u0041"}'
    assert without_known(text) == text.replace("only-this-4711", "[secret:env:SCRUB_ONLY_KEY]")
    assert without_known(json.dumps({"password": "a\\n1"})) == json.dumps({"password": "a\\n1"})


def test_what_is_encoded_many_times_over_does_not_end_the_run():
    text = "%" + "25" * 5000 + "41"
    assert Scrubber().text(text) == text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("SCRUB_KEY", "qwzxjk", id="called-a-key"),
        pytest.param("SCRUB_PASSWORD", "correcthorse", id="called-a-password"),
        pytest.param("SCRUB_A", "half-a-word-7", id="no-word"),
        pytest.param("SCRUB_PGPASSWORD", "qz-41", id="short-password"),
        pytest.param("SCRUB_PIN", "5290", id="pin"),
        pytest.param("PGPASSWORD", "letmein", id="name-that-ends-so"),
        pytest.param("SCRUB_DIGITS", "83917264", id="long-number"),
        pytest.param("SCRUB_HOOK", "https://chat.example/in/aB3dE5gH7jK9mN1pQ2rS", id="url-with-a-token"),
        pytest.param("SCRUB_B", "https://maria:herring@db.example", id="url-with-a-password"),
    ],
)
def test_a_value_that_can_be_a_secret_is_remembered(name, value):
    remember({name: value})
    assert scrubbed(f"<{value}>") == f"<[secret:env:{name}]>"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("SCRUB_LEVEL", "WARNING", id="word"),
        pytest.param("SCRUB_MONKEY", "qwzxjk", id="name-that-only-ends-like-one"),
        pytest.param("SCRUB_LONG_WORD", "entertainment", id="long-word"),
        pytest.param("SCRUB_PORT", "8017", id="number"),
        pytest.param("SCRUB_URL", "http://127.0.0.1:8017/v1", id="url"),
        pytest.param("SCRUB_OTHER_KEY", "abc", id="too-short"),
        pytest.param("SCRUB_TEST_KEY", "none", id="short-word"),
        pytest.param("SCRUB_MAX_TOKENS", "409600", id="number-of-tokens"),
        pytest.param("SCRUB_TOKEN_SECONDS", "864000", id="seconds-of-a-token"),
        pytest.param("SCRUB_ADDRESS", "127.0.0.1:8017", id="address"),
        pytest.param("SCRUB_DAY", "2026-01-31", id="date"),
        pytest.param("SCRUB_FOLDER", "/usr/bin/env", id="file"),
        pytest.param("SCRUB_PAGE", "https://chat.example/guide-to-webhooks-2024", id="url-of-a-page"),
        pytest.param("SCRUB_EMPTY_KEY", "", id="empty"),
        pytest.param("SCRUB_NONE_KEY", None, id="none"),
        pytest.param("DISTILLGATE_MODELS", "/srv/models-7", id="setting-of-this-project"),
    ],
)
def test_a_value_that_is_no_secret_is_not_remembered(name, value):
    remember({name: value})
    assert name not in remembered()


def test_settings_remember_the_values_of_the_dotenv_file(tmp_path):
    from distillgate.config import load_config

    (tmp_path / "pyproject.toml").write_text(
        '[tool.distillgate]\ntask = "tickets:task"\nprofile = "p"\n'
        '[tool.distillgate.profiles.p]\nteacher = { model = "openai/a" }\nstudent = { model = "openai/b" }\n'
    )
    (tmp_path / ".env").write_text(
        "PLAIN_SECRET=from-dotenv-1\nQUOTED_SECRET=\"from dotenv 2\"\nexport E_SECRET='from-dotenv-3'\n"
    )
    load_config(tmp_path)
    text = "from-dotenv-1, from dotenv 2, from-dotenv-3"
    assert scrubbed(text) == "[secret:env:PLAIN_SECRET], [secret:env:QUOTED_SECRET], [secret:env:E_SECRET]"


def test_settings_remember_both_values_of_a_key(tmp_path, monkeypatch):
    from distillgate.config import load_config

    monkeypatch.setenv("SCRUB_TWO_KEY", "two-from-environment")
    (tmp_path / ".env").write_text("SCRUB_TWO_KEY=two-from-dotenv\n")
    (tmp_path / "pyproject.toml").write_text(
        '[tool.distillgate]\ntask = "tickets:task"\nprofile = "p"\n[tool.distillgate.profiles.p]\n'
        'api_key_env = "SCRUB_TWO_KEY"\nteacher = { model = "openai/a" }\nstudent = { model = "openai/b" }\n'
    )
    load_config(tmp_path)
    text = "two-from-dotenv two-from-environment"
    assert scrubbed(text) == "[secret:env:SCRUB_TWO_KEY] [secret:env:SCRUB_TWO_KEY.2]"


def test_a_key_from_the_environment_is_remembered_when_it_is_read(tmp_path, monkeypatch):
    from distillgate.models import Model
    from distillgate.run.recordings import api_key

    monkeypatch.setenv("SCRUB_READ_KEY", "read-from-environment")
    api_key(Model("openai/gpt-4o", api_key_env="SCRUB_READ_KEY"), tmp_path)
    assert scrubbed("read-from-environment") == "[secret:env:SCRUB_READ_KEY]"
