"""Pins that what an endpoint's answers have in common is written once, and that each comes back to the byte."""

import orjson
import pytest
from distillgate.cassette import packing
from distillgate.cassette.lines import Interaction
from distillgate.cassette.redact import Redactor
from distillgate.cassette.request import Canonical
from distillgate.cassette.storage import Recording, read, write
from hypothesis import given, settings
from hypothesis import strategies as st

LONG = "fp_" * 80


def said(body):
    asked = Canonical("POST", "/v1/chat/completions", {"prompt": "Who won?"})
    return Interaction(asked, 200, "application/json", body, seconds=0.25, in_flight=1)


def answer(content, tokens, system=LONG):
    message = {"role": "assistant", "content": content}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    return {"id": f"chatcmpl-{content}", "choices": choices, "usage": {"tokens": tokens}, "system": system}


def written(path, *bodies):
    """The lines below the header, after they were read again and found to be the same to the byte."""
    write(path, Recording({}, [said(body) for body in bodies]), Redactor())
    assert [orjson.dumps(one.body) for one in read(path).interactions] == [orjson.dumps(body) for body in bodies]
    return [orjson.loads(line) for line in path.read_bytes().splitlines()[1:]]


def test_a_line_holds_what_is_its_own_in_order(path):
    form, first, second = written(path, answer("A", 7), answer("B", 9))
    assert form["value"]["choices"] == [
        {"index": 0, "message": {"role": "assistant", "content": {"$at": 1}}, "finish_reason": "stop"}
    ]
    assert form["value"]["system"] == LONG
    assert first["response"]["body"] == {"$form": form["form"], "of": ["chatcmpl-A", "A", 7]}
    assert second["response"]["body"] == {"$form": form["form"], "of": ["chatcmpl-B", "B", 9]}


def test_requests_keep_their_keys(path):
    bodies = [answer("A", 7), answer("B", 9)]
    held = [Interaction(Canonical("POST", "/", body), 200, "application/json", {}, 0.25, 1) for body in bodies]
    write(path, Recording({}, held), Redactor())
    assert b"$form" not in path.read_bytes()
    assert read(path).interactions == held


def test_what_is_long_and_recurs_in_some_is_a_reference_in_its_place(path):
    shown = "x" * packing.LONG
    bodies = [answer(shown, 1), answer(shown, 2), answer("B", 3)]
    name = next(line["text"] for line in written(path, *bodies) if line.get("value") == shown)
    assert written(path, *bodies)[-3]["response"]["body"]["of"][1] == {"$text": name}


@pytest.mark.parametrize(
    "bodies",
    [
        pytest.param([answer("A", 0), answer("A", 0.0), answer("A", False), answer("A", -0.0)], id="kinds-of-nothing"),
        pytest.param([answer("A", 1), answer("A", True), answer("A", 1.0), answer("A", "1")], id="kinds-of-one"),
        pytest.param([answer("A", 1), dict(reversed(answer("A", 1).items()))], id="other-order-of-keys"),
        pytest.param([answer("A", [1]), answer("A", [1, 2]), answer("A", [])], id="other-lengths"),
        pytest.param([answer("A", {}), answer("A", {}), answer("A", None)], id="empty-objects"),
        pytest.param([answer({"$at": 0}, 1), answer({"$at": 1}, 2)], id="hole-look-alike"),
        pytest.param([answer({"$at": 0}, 1), answer({"$at": 0}, 2)], id="hole-look-alike-in-all"),
        pytest.param([answer({"$form": "a", "of": []}, 1), answer({"$form": "b", "of": []}, 2)], id="form-look-alike"),
        pytest.param([{"$form": LONG, "of": [n]} for n in range(3)], id="form-look-alike-on-top"),
        pytest.param([[LONG, 1], [LONG, 2]], id="lists"),
        pytest.param([answer("A", 1), answer("B", 2), {"error": LONG}, {"error": LONG}], id="two-forms"),
    ],
)
def test_answers_come_back_to_the_byte(path, bodies):
    written(path, *bodies)


def test_an_answer_that_differs_where_the_form_is_fixed_is_written_without_it():
    pack = packing.Pack()
    pack.add("form", "ab12", {"model": "teacher", "said": {"$at": 0}})
    assert pack.packed_answer({"model": "teacher", "said": "A"}) == {"$form": "ab12", "of": ["A"]}
    assert pack.packed_answer({"model": "student", "said": "A"}) == {"model": "student", "said": "A"}


def test_what_is_short_has_no_form(path):
    assert written(path, {"n": 1}, {"n": 2})[0]["response"]["body"] == {"n": 1}


def test_one_answer_has_no_form(path):
    assert written(path, answer("A", 7))[-1]["response"]["body"] == answer("A", 7)


leaves = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-2, 2) | st.text(max_size=3) | st.just(LONG)
shapes = st.recursive(
    st.just(leaves),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda parts: st.tuples(*parts).map(list))
        | st.dictionaries(st.text(max_size=2) | st.sampled_from(["$at", "$form", "of"]), inner, max_size=3).map(
            st.fixed_dictionaries
        )
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, database=None)
@given(bodies=shapes.flatmap(lambda shape: st.lists(shape, min_size=2, max_size=5)))
def test_answers_of_any_shape_come_back_to_the_byte(tmp_path_factory, bodies):
    written(tmp_path_factory.getbasetemp() / "shapes.jsonl", *[{"kept": LONG, "answer": body} for body in bodies])


@pytest.mark.parametrize("own", ['["A"]', '["A",1,2]', "null", "7"])
def test_a_line_that_does_not_fit_its_form_is_a_broken_line(path, own):
    form = orjson.dumps({"form": "ab12", "value": {"a": {"$at": 0}, "b": {"$at": 1}}}).decode()
    line = orjson.dumps(said({"$form": "ab12"}).line(packing.Pack())).decode()
    assert '{"$form":"ab12"}' in line
    line = line.replace('{"$form":"ab12"}', f'{{"$form":"ab12","of":{own}}}')
    path.write_text(f'{{"distillgate":{{"format":3}}}}\n{form}\n{line}\n', "utf-8")
    with pytest.raises(Exception, match=r"teacher\.jsonl:3: not a cassette line"):
        read(path)
