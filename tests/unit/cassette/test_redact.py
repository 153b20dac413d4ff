"""Pins that no secret reaches a file of the recorder, and that a request still finds its recording."""

from contextlib import closing

import pytest
from distillgate.cassette.format import Recording, read, write
from distillgate.cassette.interaction import Interaction
from distillgate.cassette.journal import Journal
from distillgate.cassette.redact import Redactor
from distillgate.cassette.request import Canonical
from distillgate.errors import CassetteError

from tests.journals import unfinished
from tests.planted import KINDS, PRIVATE_KEY

VALUES = [
    pytest.param("swordfish-0123456789", id="plain"),
    pytest.param('pass"word\\1', id="quoted-in-json"),
]
MARK = "[secret:env:SERVICE]"


def said(secret):
    asked = Canonical("POST", f"/v1/models?which={secret}", {"prompt": f"My key is {secret}. " * 20})
    return Interaction(asked, 200, "application/json", {"echo": secret}, 0.25, 1)


@pytest.mark.parametrize("secret", VALUES)
def test_a_tape_holds_no_value_of_the_environment(path, secret):
    write(path, Recording({"by": secret}, [said(secret), said(secret)]), Redactor({"SERVICE": secret}))
    assert read(path) == Recording({"by": MARK}, [said(MARK), said(MARK)])


@pytest.mark.parametrize("secret", VALUES)
def test_a_journal_holds_no_value_of_the_environment(path, secret):
    with closing(Journal(path, {"by": secret}, Redactor({"SERVICE": secret}))) as journal:
        journal.append(said(secret))
    assert unfinished(path) == Recording({"by": MARK}, [said(MARK)])


@pytest.mark.parametrize("secret", VALUES)
def test_a_rewritten_journal_holds_no_value_of_the_environment(path, secret):
    with closing(Journal(path, {"by": secret}, Redactor({"SERVICE": secret}))) as journal:
        journal.rewrite([said(secret)])
    assert unfinished(path) == Recording({"by": MARK}, [said(MARK)])


def test_a_tape_with_a_private_key_is_not_written(path):
    with pytest.raises(CassetteError, match="'private-key'"):
        write(path, Recording({}, [said(PRIVATE_KEY)]), Redactor())
    assert not path.exists()


def asked(text):
    return Canonical("POST", "/v1/chat/completions", {"messages": [{"content": text}], "temperature": 0})


@pytest.mark.parametrize("one", KINDS.values(), ids=KINDS)
def test_a_request_has_one_key_with_and_without_its_secret(one):
    redactor = Redactor()
    once = redactor.request(asked(f"so {one.text}"))
    assert redactor.request(once).key == once.key != asked(f"so {one.text}").key


def test_a_request_without_secrets_keeps_its_key():
    assert Redactor().request(asked("Who won?")).key == asked("Who won?").key


def test_requests_that_differ_in_more_than_a_secret_stay_apart():
    text = KINDS["e-mail"].text
    keys = {Redactor().request(asked(each)).key for each in (text, f"{text} And you?")}
    assert len(keys) == 2


def test_a_key_in_a_query_is_no_part_of_a_request():
    """A recording sends one, a replay has none."""
    paths = {Redactor().request(Canonical("GET", f"/v1/models?key={key}", None)).path for key in ("abc", "not-needed")}
    assert paths == {"/v1/models?key=[secret:url-query]"}


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        pytest.param(PRIVATE_KEY, "private-key", id="private-key"),
        pytest.param("so swordfish-1 it is", "env:SERVICE", id="value-of-the-environment"),
    ],
)
def test_a_request_is_refused_where_a_mark_would_spoil_the_recording(text, rule):
    error = Redactor({"SERVICE": "swordfish-1"}).refusal(asked(text))
    assert f"POST /v1/chat/completions: its body.messages[0].content holds a secret (rule '{rule}')" in str(error)
    assert text not in str(error)


@pytest.mark.parametrize("one", KINDS.values(), ids=KINDS)
def test_a_request_whose_secrets_can_be_replaced_is_not_refused(one):
    assert Redactor().refusal(asked(one.text)) is None


def test_a_tuned_models_name_reaches_its_caller_as_it_came():
    name = KINDS["tuned-model"].text
    answer = Interaction(asked(""), 200, "application/json", {"fine_tuned_model": name, "by": "m@mail.example"}, 0.1, 1)
    redactor = Redactor()
    assert redactor.for_caller(answer).body == {"fine_tuned_model": name, "by": "[secret:email]"}
    kept = "ft:gpt-4o-mini-2024-07-18:[secret:organization]:news:Ab12Cd34"
    assert redactor.answer(answer).body == {"fine_tuned_model": kept, "by": "[secret:email]"}


def test_a_tuned_model_whose_organisation_is_replaced_has_its_price():
    from distillgate.money.prices import token_dollars

    kept = "ft:gpt-4o-mini-2024-07-18:[secret:organization]:news:Ab12Cd34"
    assert token_dollars(kept, 1000, 1000) == token_dollars(KINDS["tuned-model"].text, 1000, 1000) > 0
