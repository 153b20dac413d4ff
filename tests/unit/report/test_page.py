"""The page: it stands alone, shows what is known, and takes what models and data say for text."""

import importlib.util
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import parse_qsl

import pytest

pytest.importorskip("matplotlib", reason="the page's plots come with the extra 'report'")
pytest.importorskip("jinja2", reason="the page's templates come with the extra 'report'")
from distillgate.config import Gate
from distillgate.errors import MissingExtraError
from distillgate.money.ledger import Economics
from distillgate.report import page as page_module
from distillgate.report.page import render, sections
from distillgate.report.page.bullets import bullet, tally
from distillgate.report.page.facets import facets
from distillgate.report.page.sections import judged
from distillgate.report.page.svg import look_of
from distillgate.report.run import Place, Run
from distillgate.results.comparison import Comparison
from distillgate.results.verdicts import Verdict
from distillgate.secrets import known as environment
from distillgate.stages.spec import Graph, Stage

from tests.reports import GRAPH, HOSTILE, made_up

SECTIONS = ("gates", "stages", "saving", "plots", "slices", "confusion", "prompt", "items", "provenance")
PLOTS = {
    "Accuracy against cost", "Retention", "Accuracy by difficulty", "Latency", "Cost over items", "Fine-tuning loss",
}  # fmt: skip


class Seen(HTMLParser):
    """What a browser makes of a page: its elements, its text, its scripts."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.texts, self.scripts, self._open = [], [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self._open = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self._open = ""

    def handle_data(self, data):
        if self._open == "script":
            self.scripts[-1] += data
        elif self._open != "style":
            self.texts.append(data)

    def every(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())

    @property
    def data(self):
        return json.loads(self.scripts[0])

    @property
    def items(self):
        """With texts and facets as people see them."""
        data = self.data

        def whole(value):
            if isinstance(value, dict):
                return {
                    name: whole(child) if name not in ("facets", "numbers") else child for name, child in value.items()
                }
            if isinstance(value, list) and value and all(type(one) is int for one in value):
                return "\n".join(data["lines"][place] for place in value)
            return [whole(child) for child in value] if isinstance(value, list) else value

        return [{**whole(item), "outcome": data["facets"][0][2][item["facets"][0]]} for item in data["items"]]


@pytest.fixture(scope="module")
def page():
    return render(made_up(240))


@pytest.fixture(scope="module")
def seen(page):
    return Seen(page)


@pytest.fixture(scope="module")
def hostile():
    return Seen(render(made_up(30, HOSTILE)))


def test_two_hundred_and_forty_items_take_less_than_two_megabytes(page):
    assert len(page.encode()) < 2_000_000


def test_the_same_run_gives_the_same_bytes(page):
    assert render(made_up(240)) == page


def test_it_loads_nothing(seen, page):
    assert not [attributes for tag, attributes in seen.elements if "src" in attributes or tag == "link"]
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)


def test_its_policy_allows_its_own_script_and_no_request(seen):
    (policy,) = [one["content"] for one in seen.every("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'sha256-[\w+/=]{44}'", policy)


def test_the_verdict_comes_first(seen):
    order = [attributes.get("id") for tag, attributes in seen.elements if tag in ("h1", "section")]
    assert order == [None, *SECTIONS]
    assert seen.text.index("Not decided: 1 of 4 gates not measured") < seen.text.index("95.0 %")


def test_every_plot_says_in_words_what_it_shows(seen):
    drawn = seen.every("svg")
    assert len(drawn) == len(PLOTS)
    assert all(one["role"] == "img" and len(one["aria-label"]) > 20 for one in drawn)
    assert {title for title in PLOTS if title in seen.text} == PLOTS


def test_no_id_is_given_twice(seen):
    given = [attributes["id"] for _, attributes in seen.elements if "id" in attributes]
    assert sorted(given) == sorted(set(given))


def test_plots_take_their_colours_from_the_page(page):
    assert not re.findall(r"#010[12][0-9a-f]{2}\b|#000000", page)
    assert "stroke: var(--stage-3)" in page


def test_every_item_stands_in_it_and_what_flipped_first(seen):
    outcomes = [item["outcome"] for item in seen.items]
    assert len(outcomes) == 240
    assert list(dict.fromkeys(outcomes)) == ["lost", "gained", "both wrong", "both right"]


def test_an_item_has_both_answers_with_all_their_fields_and_its_recording(seen):
    item = next(item for item in seen.items if item["outcome"] == "both right")
    for answer in item["answers"]:
        assert [name for name, _ in answer["fields"]] == ["reasoning", "category", "entities", "summary"]
    assert seen.data["tapes"][1] == ["tapes/distilled.jsonl", "../tapes/distilled.jsonl"]
    assert [call["line"] for call in item["answers"][1]["calls"]] == [int(item["id"][-5:]) + 2]
    assert item["inputs"][0][0] == "article"


def test_an_answer_that_did_not_parse_is_shown_as_it_came(seen):
    unparsed = [one for item in seen.items for one in item["answers"] if one["answer"] == "unparsed"]
    assert unparsed
    assert all(one["fields"] == [["answer as it came", "I would say"]] for one in unparsed)


def test_the_prompts_difference_is_marked(seen, page):
    assert "<ins>Read twice. </ins>" in page
    assert "3 demonstrations" in seen.text


def test_what_models_and_data_say_is_text_and_no_markup(hostile):
    assert [name for name, _ in hostile.elements].count("script") == 2
    assert not hostile.every("img")
    assert "alert(1)" not in hostile.scripts[1]
    assert HOSTILE in hostile.text


def test_what_models_and_data_say_survives_the_embedding(hostile):
    assert all(item["inputs"][0][1].endswith(HOSTILE) for item in hostile.items)
    assert hostile.items[0]["answers"][0]["fields"]


def test_an_article_with_a_script_is_text():
    run = made_up(6, "<script>alert(1)</script>")
    assert "<script>alert(1)" not in render(run)


def test_a_secret_of_the_environment_is_replaced_wherever_it_stands(monkeypatch):
    monkeypatch.setattr(environment, "_remembered", {"HOUSE_TOKEN": "o'p&n-s<s"})
    seen = Seen(render(made_up(6, "o'p&n-s<s")))
    assert "[secret:env:HOUSE_TOKEN]" in seen.text
    assert "o'p&n-s<s" not in seen.text
    assert "o'p&n-s<s" not in json.dumps(seen.items)


@pytest.mark.parametrize("stages", [["student"], ["teacher", "student"], ["optimized"]])
def test_a_run_of_some_stages_shows_those(stages):
    whole = made_up(12)
    cards = {stage: whole.scorecards[stage] for stage in stages}
    seen = Seen(render(Run(GRAPH, "news", "local", cards, whole.costs, labels=("politics",))))
    assert "Not decided: this run compares no student with its teacher" in seen.text
    assert len(seen.items) == 12


def test_a_run_of_nothing_has_a_page_too():
    assert "No stage was evaluated" in render(Run(GRAPH))


def test_costs_that_are_not_known_are_not_plotted():
    run = made_up(12)
    costs = dict.fromkeys(run.scorecards, float("nan"))
    seen = Seen(render(replace(run, costs=costs, economics=None, unpriced="no price of big")))
    assert "no price of big" in seen.text
    assert len(seen.every("svg")) == len(PLOTS) - 2


def test_without_its_extra_it_names_the_extra(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="extra 'report'"):
        render(Run(GRAPH))


@pytest.mark.parametrize(
    ("share", "seconds"),
    [
        pytest.param(0.0, 0.0, id="never right, no time"),
        pytest.param(0.0, 400.0, id="never right, minutes"),
        pytest.param(0.5, 0.002, id="half, milliseconds"),
        pytest.param(1.0, 0.0, id="always right, no time"),
    ],
)
def test_figures_at_the_edge_are_drawn_too(share, seconds):
    run = made_up(8)
    cards = {}
    for stage, card in run.scorecards.items():
        items = [
            replace(item, correct=place < share * card.n, seconds=seconds * (place + 1), alone=place < 2)
            for place, item in enumerate(card.items)
        ]
        cards[stage] = replace(card, items=tuple(items))
    costs = dict.fromkeys(cards, 0.0)
    compared = Comparison(cards["optimized"], cards["distilled"], 0.0, 0.0)
    free = replace(run, scorecards=cards, costs=costs, comparison=compared, economics=Economics(0.0, 0.0, 0.0))
    seen = Seen(render(replace(free, losses=((1, 0.5),))))
    drawn = " ".join(chart["aria-label"] for chart in seen.every("svg"))
    assert "Accuracy against cost" in drawn
    assert ("The student keeps" in drawn) is (share > 0)
    assert ("Distribution of the seconds" in drawn) is (seconds > 0)


def test_a_plot_over_less_than_a_decade_has_labels(page):
    latency = page[page.index('id="plot-latency"') :]
    labels = re.findall(r">([\d.]+ m?s)</text>", latency[: latency.index("</svg>")])
    assert len(labels) >= 3
    assert len(labels) == len(set(labels))


def test_graded_answers_show_their_scores_and_have_no_confusion():
    run = made_up(12)

    def graded(card, scores):
        items = [replace(item, correct=None, score=score) for item, score in zip(card.items, scores * 3, strict=True)]
        return replace(card, items=tuple(items))

    cards = {stage: graded(card, [0.0, 0.25, 0.5, 0.75]) for stage, card in run.scorecards.items()}
    cards["distilled"] = graded(cards["distilled"], [0.5] * 4)
    compared = Comparison(cards["optimized"], cards["distilled"], 1.0, 0.5)
    seen = Seen(render(replace(run, scorecards=cards, comparison=compared, metric_costs={"distilled": 0.4})))
    assert {item["outcome"] for item in seen.items} == {"lost", "gained", "as good"}
    assert {answer["verdict"] for answer in seen.items[0]["answers"]} == {"score 0.75", "score 0.50"}
    assert not {one.get("id") for one in seen.every("section")} & {"confusion", "slices"}
    assert "Score against cost" in seen.text
    assert "The metric's own calls cost, per 1,000 items and not counted above: distilled student: $0.40" in seen.text


def test_a_call_is_told_from_its_system_prompt_to_its_answer(seen):
    item = next(item for item in seen.items if item["outcome"] == "both right")
    (call,) = item["answers"][1]["calls"]
    assert [role for role, _ in seen.data["prompts"][call["prompt"]]] == ["system", "user", "assistant"]
    ((role, question),) = call["asked"]
    assert role == "user"
    assert question == f"[[ ## article ## ]]\n{item['inputs'][0][1]}"
    assert call["answer"].startswith("[[ ## category ## ]]\n")
    told = dict(call["told"])
    assert told["tokens"] == "540 (40 cached) in, 90 out"
    assert told["model"] == "openai/distilled"


def test_what_all_calls_have_in_common_is_stored_once(seen):
    assert len(seen.data["prompts"]) == 1
    lines = seen.data["lines"]
    assert len(lines) == len(set(lines))


def with_retention(value, limits, **bound):
    run = made_up(240)
    measured = {"value": value, "limits": limits, "gate": Gate("retention", 0.9, **bound)}
    verdicts = tuple(replace(one, **measured) if one.gate.name == "retention" else one for one in run.verdicts)
    return replace(run, verdicts=verdicts, unmeasured={})


@pytest.mark.parametrize(
    ("value", "limits", "bound", "state", "said", "told"),
    [
        pytest.param(0.97, (0.94, 0.99), {}, "yes", "holds", "3 of 3 hold", id="holds"),
        pytest.param(
            0.91, (0.88, 0.94), {}, "open", "holds, not certain",
            "3 of 3 hold, 1 not certain: about 2,160 items would decide", id="not-certain",
        ),
        pytest.param(
            0.91, (0.88, 0.94), {"sure": True}, "open", "too few items",
            "3 of 3 hold, 1 not certain: about 2,160 items would decide", id="underpowered",
        ),
        pytest.param(0.85, (0.82, 0.88), {}, "no", "missed", "2 of 3 hold", id="missed"),
    ],
)  # fmt: skip
def test_a_gate_has_the_colour_of_its_state(value, limits, bound, state, said, told):
    run = with_retention(value, limits, **bound)
    gate = next(one for one in judged(run) if one.name == "retention")
    assert (gate.state, gate.said) == (state, said)
    assert tally(judged(run)) == told
    seen = Seen(render(run))
    cards = [one["class"] for tag, one in seen.elements if tag == "li" and "class" in one]
    assert cards == sorted(cards, key=("no", "open", "yes").index)
    assert cards.count(state) == (3 if state == "yes" else 1)


def test_a_gate_that_does_not_hold_is_open_and_one_that_holds_is_folded():
    seen = Seen(render(with_retention(0.85, (0.82, 0.88))))
    story = next(attributes for tag, attributes in seen.elements if tag == "details")
    assert "open" in story
    assert "next: distil from more data" in seen.text


@pytest.mark.parametrize(
    ("value", "limits", "minimum", "maximum"),
    [
        pytest.param(0.97, (0.94, 0.99), 0.9, None, id="above a minimum"),
        pytest.param(0.004, (0.001, 0.023), None, 0.01, id="below a maximum"),
        pytest.param(-0.02, (-0.05, 0.01), -0.03, None, id="a margin below nought"),
        pytest.param(5.5, None, 5, None, id="a ratio without an interval"),
        pytest.param(0.9, (0.9, 0.9), 0.9, None, id="all the same"),
        pytest.param(0.0, None, 0.0, None, id="all nought"),
        pytest.param(0.5, (0.4, 0.6), 0.3, 0.7, id="between two bounds"),
    ],
)
def test_a_bar_keeps_the_order_of_its_numbers(value, limits, minimum, maximum):
    bar = bullet(Verdict(Gate("any", minimum, maximum), value, 10, "", limits))
    ends = limits or ()
    bounds = [bound for bound in (minimum, maximum) if bound is not None]
    numbers = [value, *ends, *bounds]
    places = [bar.value, *(bar.limits or ()), *(place for place, _ in bar.bounds)]
    assert all(0 <= place <= 100 for place in places)
    for one, here in zip(numbers, places, strict=True):
        for other, there in zip(numbers, places, strict=True):
            assert (one < other) == (here < there)
    low, high = bar.allowed
    assert (low <= bar.value <= high) is (Verdict(Gate("any", minimum, maximum), value, 10, "").state == "holds")


def test_a_gate_whose_value_is_no_number_has_no_bar():
    assert bullet(Verdict(Gate("retention", 0.9), float("nan"), 0, "-")) is None


def test_cells_of_a_matrix_lead_to_as_many_items_as_they_count(seen):
    data = seen.data
    names = [name for name, _, _ in data["facets"]]
    cells = [one for one in seen.every("a") if one["href"].startswith("#expected=")]
    assert len(cells) > 12
    for cell in cells:
        wanted = dict(parse_qsl(cell["href"].removeprefix("#")))
        chosen = [(at := names.index(name), data["facets"][at][2].index(one)) for name, one in wanted.items()]
        found = [item for item in data["items"] if all(item["facets"][at] == place for at, place in chosen)]
        assert cell["aria-label"].startswith(f"{len(found)} of ")


def test_items_can_be_sliced_by_what_no_task_named():
    run = made_up(240)
    rows = {
        name: row | {"source": "wire" if place % 3 else "desk"} for place, (name, row) in enumerate(run.rows.items())
    }
    found = {facet.name: facet for facet in facets(replace(run, rows=rows))}
    assert list(found)[:4] == ["outcome", "expected", "answer-0", "answer-1"]
    assert found["row-source"].ordered == ("desk", "wire")
    assert "row-category" not in found  # it is the expected label
    assert all(len(facet.values) == 240 and set(facet.values) == set(facet.ordered) for facet in found.values())


def test_lengths_fall_into_quarters_that_hold_them():
    run = made_up(240)
    rows = {name: row | {"article": "word " * (1 + place % 40)} for place, (name, row) in enumerate(run.rows.items())}
    lengths = next(facet for facet in facets(replace(run, rows=rows)) if facet.name == "length-article")
    assert len(lengths.ordered) == 4
    for place, shown in enumerate(lengths.values):
        low, _, high = shown.partition(" to ")
        assert int(low) <= 1 + place % 40 <= int(high)
    assert all(lengths.values.count(one) == 60 for one in lengths.ordered)


def test_a_section_is_one_function_and_its_template(monkeypatch):
    monkeypatch.setattr(sections, "SECTIONS", dict(sections.SECTIONS))
    own = page_module._asset
    monkeypatch.setattr(page_module, "_asset", lambda name: "{{ words }}" if name == "leaders.html" else own(name))
    page_module._templates.cache_clear()

    @sections.section("Leaderboard of students", "Leaders")
    def leaders(run):
        return {"words": "first of all"}

    seen = Seen(render(made_up(12)))
    page_module._templates.cache_clear()
    assert {"href": "#leaders"} in seen.every("a")
    assert "Leaderboard of students" in seen.text
    assert "first of all" in seen.text


def test_at_github_the_page_names_the_commit():
    seen = Seen(render(replace(made_up(12), commit=Place("c0ffee1", "https://github.com/a/b/tree/c0ffee1"))))
    assert {"href": "https://github.com/a/b/tree/c0ffee1"} in seen.every("a")


def test_what_a_month_saves_is_there_without_a_script(seen):
    assert "saved a month $29.40" in seen.text  # 100,000 calls at $0.31 and $0.016 a thousand
    assert "saved a year $352.80" in seen.text


def test_stages_without_end_keep_colours_and_markers_apart():
    graph = Graph(Stage(f"s{n}", f"stage {n}", run=None, evaluates=True) for n in range(20))
    assert len({tuple(look_of(graph, stage).values()) for stage in graph}) == 20
