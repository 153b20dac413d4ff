"""Pins that the digest of a cassette's content follows what it holds, and neither its header nor its line ends."""

import re

import pytest
from distillgate.cassette.format import Recording, read, write
from distillgate.cassette.interaction import Interaction
from distillgate.cassette.redact import Redactor
from distillgate.cassette.request import Canonical


def said(answer):
    asked = Canonical("POST", "/v1/chat/completions", {"prompt": "Who won?"})
    return Interaction(asked, 200, "application/json", {"content": answer}, seconds=0.25, in_flight=1)


@pytest.fixture
def written(path):
    """Write a tape and return its content's digest."""

    def write_and_look(*answers, secrets=None, **header):
        write(path, Recording(header, [said(answer) for answer in answers]), Redactor(secrets))
        return content(path)

    return write_and_look


def test_a_digest_names_its_algorithm_and_has_sixteen_digits(written):
    assert re.fullmatch(r"sha256:[0-9a-f]{16}", written("The team."))


def test_the_header_does_not_change_it(written):
    assert written("The team.", seed=9) == written("The team.", seed=10)


def test_another_answer_changes_it(written):
    assert written("The team.") != written("The coach.")


def test_a_checkout_that_ends_lines_otherwise_does_not_change_it(path, written):
    before = written("The team.", "The coach.")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert content(path) == before


@pytest.mark.parametrize("secrets", [{}, {"HOUSE": "sk-1234567"}], ids=["plain", "redacted"])
def test_a_tape_notes_the_digest_of_what_was_written(path, written, secrets):
    assert written("It is sk-1234567.", secrets=secrets) == read(path).content


def test_the_order_of_repeatable_answers_does_not_change_it(path):
    def asked(number, temperature):
        body = {"messages": [{"role": "user", "content": f"Item {number}"}], "temperature": temperature}
        return Interaction(Canonical("POST", "/v1/chat/completions", body), 200, "application/json", number, 0.1, 1)

    def digest(*interactions):
        write(path, Recording({}, list(interactions)), Redactor())
        return content(path)

    assert digest(asked(1, 0.0), asked(2, 0.0)) == digest(asked(2, 0.0), asked(1, 0.0))
    one, two = said("The team."), said("The coach.")
    assert digest(one, two) != digest(two, one)
