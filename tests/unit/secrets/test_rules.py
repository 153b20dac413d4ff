"""Pins what is taken for a secret, and what only looks like one."""

import hashlib
import json
import time

import pytest
from distillgate.secrets.known import scrubbed
from distillgate.secrets.rules import RULES
from distillgate.secrets.scrub import Scrubber

from tests.planted import KINDS, PRIVATE_KEY, drawn

DIGEST = hashlib.sha256(b"news").hexdigest()
planted = pytest.mark.parametrize("one", KINDS.values(), ids=KINDS)


@planted
def test_a_secret_is_replaced_by_its_kind(one):
    assert scrubbed(one.text) == one.text.replace(scrub_span(one), f"[secret:{one.rule}]"), "the text around it stays"


def scrub_span(one):
    """What of a text goes: a cookie goes with its attributes, a person with the whole name."""
    if one.rule == "cookie":
        return one.text.partition(": ")[2]
    return "Maria Kowalczyk" if "Maria Kowalczyk" in one.text else one.secret


@planted
def test_a_scrubbed_text_stays_as_it_is(one):
    once = scrubbed(one.text)
    assert scrubbed(once) == once


@planted
@pytest.mark.parametrize("times", [1, 2, 3])
def test_no_depth_of_json_hides_it(one, times):
    text = f"first\n{one.text}\nlast"
    for _ in range(times):
        text = json.dumps({"text": text})
    assert not one.survives(scrubbed(text))


@planted
def test_it_is_found_behind_an_escape_in_what_is_no_whole_json(one):
    assert not one.survives(scrubbed(f'… "said": {json.dumps(f"a{chr(10)}{one.text}")}'))


def test_json_stays_json():
    lines = [scrubbed(json.dumps({"kind": kind, "text": one.text})) for kind, one in KINDS.items()]
    assert [json.loads(line)["kind"] for line in lines] == list(KINDS)


def test_a_private_key_goes_with_all_its_lines():
    assert scrubbed(f"a\n{PRIVATE_KEY}\nb") == "a\n[secret:private-key]\nb"


def test_a_private_key_that_is_cut_off_goes_too():
    assert scrubbed(PRIVATE_KEY.rpartition("\n")[0]) == "[secret:private-key]"


def test_only_a_private_key_cannot_be_replaced_in_a_recording():
    assert {rule.name for rule in RULES if not rule.replaceable} == {"private-key"}


def test_every_rule_stands_for_a_kind_of_its_own():
    twice = {"home-path", "named-secret", "organization", "project"}
    names = [rule.name for rule in RULES]
    assert {name for name in names if names.count(name) > 1} == twice


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Her secret? She grew up skiing there.", id="secret-in-the-news"),
        pytest.param('The firmware answered to the password "1234".', id="password-in-the-news"),
        pytest.param("Password: required. Token: none", id="names-without-values"),
        pytest.param("The flag bearer, 24-year-old Ana, is a bearer of responsibilities", id="bearer-in-the-news"),
        pytest.param("He explained the basic principles and basic instructions", id="basic-in-the-news"),
        pytest.param("A cookie: the best of 2024", id="cookie-in-the-news"),
        pytest.param("mask-based, risk-averse task-oriented desk-research-for-the-long-run", id="words-with-sk"),
        pytest.param("sk-learn-contrib-extensions-for-pipelines", id="sk-learn"),
        pytest.param("an org-chart, org-mode-agenda-configuration-files", id="org-words"),
        pytest.param("org-local", id="the-local-endpoints-organisation"),
        pytest.param("ftjob-abc123DEF456ghi789JKL012", id="job"),
        pytest.param("file-abc123DEF456ghi789JKL012mn", id="file"),
        pytest.param("chatcmpl-9abc123DEF456ghi789JKL012mno", id="completion"),
        pytest.param("ftevent-abc123DEF456ghi789JKL012", id="event"),
        pytest.param("req_0123456789abcdef0123456789abcdef", id="request"),
        pytest.param("fp_50cad350e4", id="fingerprint"),
        pytest.param(f"sha256:{DIGEST} {DIGEST.upper()} {DIGEST[:40]} {DIGEST[:32]}", id="digests"),
        pytest.param("123e4567-e89b-12d3-a456-426614174000", id="uuid"),
        pytest.param("ft:gpt-4o-mini-2024-07-18:personal::Ab12Cd34", id="tuned-model-of-no-organisation"),
        pytest.param("ft:smollm2-135m-instruct:distillgate:news:1a2b3c4d", id="tuned-model-of-the-local-endpoint"),
        pytest.param("ft:student:test", id="tuned-model-with-three-parts"),
        pytest.param("openai/gpt-4o-mini-2024-07-18", id="model"),
        pytest.param('{"max_tokens": 300, "prompt_tokens": 12345678}', id="tokens"),
        pytest.param('{"token": "Hello", "logprob": -0.1}', id="log-probabilities"),
        pytest.param(f"next_page_token={drawn(30)}", id="page-token"),
        pytest.param("https://news.example/home/sports?page=2&limit=1&after=ftevent-12", id="url"),
        pytest.param("http://127.0.0.1:8017/v1/files", id="host-and-port"),
        pytest.param("https://medium.example/@maria/2024", id="handle-in-a-url"),
        pytest.param("thanks to @maria and a@b", id="handle"),
        pytest.param("@pytest.fixture", id="decorator"),
        pytest.param("git@github.com:stanfordnlp/dspy.git", id="git-remote"),
        pytest.param("dspy@3.4.1", id="version"),
        pytest.param("src/home/index.py, /srv/users/7, ~/work", id="paths"),
        pytest.param(r"C:\Users\Public\x /Users/Shared/x", id="nobodys-home"),
        pytest.param("Example({'id': 'news-train-001'}) (input_keys={'article'})", id="example"),
        pytest.param("-----BEGIN PUBLIC KEY-----", id="public-key"),
        pytest.param("np.dot(a, b) @ c; x = key % 20", id="code"),
        pytest.param("50%ab and 100%25", id="percent"),
        pytest.param("const apiKey = process.env.KEY2;", id="javascript"),
        pytest.param('api_key = os.environ["TOKEN_2"]', id="python"),
        pytest.param("secret = hashlib.sha256(text).hexdigest()", id="digest-of-code"),
        pytest.param("password = get_password_v2(user)", id="call"),
        pytest.param("access_token: OAuth2Token | None = None", id="type"),
        pytest.param("export API_KEY=$API_KEY_2", id="variable-of-a-shell"),
        pytest.param("api_key: settings.openai_key_2, token: self.token2", id="attribute"),
        pytest.param("https://docs.example/webhooks/webhook-events-and-payloads-2024", id="page-about-webhooks"),
        pytest.param("https://git.example/src/hooks/useAbortController2024Signal.ts", id="hook-of-react"),
        pytest.param(f"cache-key-{DIGEST[:32]} layer-{DIGEST[:32]}", id="key-of-a-cache"),
        pytest.param(f"main.{DIGEST[:20]}.js app-{drawn(8)}.min.js", id="minified"),
        pytest.param(f'"integrity": "sha512-{drawn(86)}=="', id="integrity"),
        pytest.param(f"https://git.example/a/b/commit/{DIGEST[:40]}", id="commit"),
        pytest.param(
            "FAQ.html, AQ.test, pa-rameter and a pa-per-clip-factory-for-the-long-run", id="words-with-prefixes"
        ),
        pytest.param("MTA.station.platform-of-the-long-line-number-seven-in-the-morning", id="words-like-discord"),
        pytest.param("curl -u https://api.example && curl --user $NAME:$PASS https://x", id="curl-with-variables"),
        pytest.param('{"arguments": "{\\"city\\": \\"Umeå\\"}"}', id="json-in-json"),
    ],
)
def test_what_only_looks_like_a_secret_stays(text):
    assert scrubbed(text) == text


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        pytest.param("password", "correcthorse", id="password"),
        pytest.param("api_key", "not-needed", id="api-key"),
        pytest.param("X-Api-Key", "abc", id="header"),
        pytest.param("clientSecret", "letmein", id="camel-case"),
        pytest.param("OPENAI_API_KEY", "letmein", id="variable"),
        pytest.param("Authorization", "letmein", id="authorization"),
        pytest.param("set-cookie", "sid=x", id="cookie"),
    ],
)
def test_a_key_of_json_tells_that_its_value_is_a_secret(key, secret):
    cleaned, found = Scrubber().value({"a": [{key: secret}]})
    assert secret not in json.dumps(cleaned)
    assert [finding.place for finding in found] == [f".a[0].{key}"]


def test_a_key_of_json_may_be_a_secret_itself():
    one = KINDS["e-mail"]
    cleaned, _ = Scrubber().value({one.secret: 1})
    assert cleaned == {"[secret:email]": 1}


def test_a_value_without_secrets_comes_back_equal():
    value = {"messages": [{"role": "user", "content": "a"}], "temperature": 0.5, "stop": None, "stream": False}
    assert Scrubber().value(value) == (value, [])


@pytest.mark.parametrize("length", [10_000, pytest.param(100_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("tail", ["", "-", "a1-", "=1a:", "/", "\\", "%25"])
def test_no_line_takes_longer_than_its_length_says(length, tail):
    """A pattern that is tried at every place and fails at the end takes the square: minutes for such a line."""
    scrubber = Scrubber({"A": "sword-fish-4711"})
    hints = {hint for rule in scrubber.rules for hint in rule.hints}
    for hint in sorted(hints) if length > 10_000 else ("sk-", "eyJ", "/home/", "key", "token", "://", "%25", "YC", "@"):
        line = ((hint + tail) * length)[:length]
        began = time.process_time()
        scrubber.text(line)
        assert time.process_time() - began < 20e-6 * length, hint
