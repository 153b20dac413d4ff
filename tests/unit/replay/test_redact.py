"""Pins that a secret the recorder knows of reaches no file."""

from contextlib import closing

import pytest

from pipeline.replay.journal import Journal
from pipeline.replay.matching import Canonical
from pipeline.replay.redact import SHORTEST, Redactor
from pipeline.replay.storage import Interaction, Recording, read, write

KEY = "sk-live-0123456789"
ARGUMENTS = r'{"arguments":"{\"key\":\"[secret]\"}"}'


def said(secret):
    asked = Canonical("POST", f"/v1/models?key={secret}", {"prompt": f"My key is {secret}. " * 20})
    return Interaction(asked, 200, "application/json", {"echo": secret}, 0.25, 1)


@pytest.mark.parametrize(
    ("secrets", "content", "cleaned"),
    [
        pytest.param([KEY], f"a {KEY} b {KEY}", "a [secret] b [secret]", id="every-time"),
        pytest.param([KEY, "token-two"], f"{KEY} token-two", "[secret] [secret]", id="every-secret"),
        pytest.param(["é-schlüssel"], "a é-schlüssel", "a [secret]", id="unicode"),
        pytest.param(["x" * SHORTEST], "x" * SHORTEST, "[secret]", id="shortest"),
        pytest.param(["x" * (SHORTEST - 1)], "x" * SHORTEST, "x" * SHORTEST, id="word"),
        pytest.param([""], "ab", "ab", id="empty"),
        pytest.param([], KEY, KEY, id="none-known"),
        pytest.param(["secret", "secret-longer"], "secret-longer", "[secret]", id="one-begins-another"),
        pytest.param(['pass"word'], r'{"arguments":"{\"key\":\"pass\\\"word\"}"}', ARGUMENTS, id="json-in-json"),
    ],
)
def test_content_is_cleaned(secrets, content, cleaned):
    assert Redactor(secrets).clean(content.encode()) == cleaned.encode()


SECRETS = [
    pytest.param(KEY, id="key"),
    pytest.param('pass"word\\1', id="quoted-in-json"),
]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_tape_holds_no_secret(path, secret):
    write(path, Recording({"key": secret}, [said(secret), said(secret)]), Redactor([secret]))
    assert read(path) == Recording({"key": "[secret]"}, [said("[secret]"), said("[secret]")])


@pytest.mark.parametrize("secret", SECRETS)
def test_a_journal_holds_no_secret(path, secret):
    with closing(Journal(path, {"key": secret}, Redactor([secret]))) as journal:
        journal.append(said(secret))
    assert read(path) == Recording({"key": "[secret]"}, [said("[secret]")])


@pytest.mark.parametrize("secret", SECRETS)
def test_a_rewritten_journal_holds_no_secret(path, secret):
    with closing(Journal(path, {"key": secret}, Redactor([secret]))) as journal:
        journal.rewrite([said(secret)])
    assert read(path) == Recording({"key": "[secret]"}, [said("[secret]")])
