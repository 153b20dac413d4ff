import pytest
from distillgate.collect.personal import Mask
from distillgate.errors import CollectError

FOUND = [
    ("card-number", "4111 1111 1111 1111"),
    ("card-number", "5500-0000-0000-0004"),
    ("card-number", "378282246310005"),
    ("iban", "DE89 3704 0044 0532 0130 00"),
    ("iban", "GB29NWBK60161331926819"),
    ("phone", "+49 (170) 123-4567"),
    ("phone", "0044 20 7946 0958"),
    ("phone", "(415) 555-2671"),
    ("phone", "415-555-2671"),
    ("social-security", "123-45-6789"),
    ("ip-address", "8.8.8.8"),
    ("email", "ada@example.com"),
]
PLAIN = [
    "4111 1111 1111 1112",  # its check digit is wrong
    "0000000000000000",
    "1700000000000000004",  # nanoseconds, with a check digit that happens to be right
    "GB29 NWBK 6016 1331 9268 18",
    "order 2026-11-27",
    "version 1.2.3.4.5",
    "127.0.0.1 and 10.0.0.8",
    "1 + 1 = 2, 00 7",
    "000-45-6789",
    "call 12345",
    "9007199254740993",
    "from 1914-1918 to 1939-1945",
]


@pytest.mark.parametrize(("kind", "text"), FOUND, ids=[text for _, text in FOUND])
@pytest.mark.parametrize("around", ["{}", "reach me at {}.", "({})", '{{"a": "\\n{}"', "one\n{}\ntwo"])
def test_what_identifies_a_person_is_masked(kind, text, around):
    mask = Mask()
    masked = mask.row({"id": "x", "said": [around.format(text)]})
    assert masked == {"id": "x", "said": [around.format(f"[secret:{kind}]")]}
    assert mask.found == {kind: 1}


@pytest.mark.parametrize("text", PLAIN)
def test_other_numbers_stay(text):
    assert Mask().row({"said": text}) == {"said": text}


def test_presidio_masks_too_where_it_is_asked_for(tmp_path):
    pytest.importorskip("presidio_analyzer", reason="the extra presidio is not installed")
    import spacy

    model = spacy.blank("en")
    model.add_pipe("entity_ruler").add_patterns([{"label": "PERSON", "pattern": "Ada Lovelace"}])
    model.to_disk(tmp_path / "model")
    mask = Mask(str(tmp_path / "model"))
    masked = mask.row({"id": "Ada Lovelace", "said": "Ada Lovelace, ada@example.com, of London", "more": [1, None]})
    assert masked == {"id": "Ada Lovelace", "said": "[secret:person], [secret:email], of London", "more": [1, None]}
    assert mask.found == {"person": 1, "email": 1}


def test_a_model_that_is_not_installed_is_not_downloaded():
    pytest.importorskip("presidio_analyzer", reason="the extra presidio is not installed")
    with pytest.raises(CollectError, match="'en_core_web_huge' is no spaCy model that is installed"):
        Mask("en_core_web_huge")
