"""The page: it stands alone, shows what is known, and takes what models and data say for text."""

import importlib.util
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

pytest.importorskip("matplotlib", reason="the page's plots come with the extra 'report'")
pytest.importorskip("jinja2", reason="the page's templates come with the extra 'report'")
from distillgate.errors import MissingExtraError
from distillgate.money.ledger import Economics
from distillgate.report.page import render
from distillgate.report.page.svg import look_of
from distillgate.report.run import Run
from distillgate.results.comparison import Comparison
from distillgate.secrets import known as environment
from distillgate.stages.spec import Graph, Stage

from tests.reports import GRAPH, HOSTILE, made_up

SECTIONS = ("gates", "stages", "plots", "confusion", "prompt", "items", "provenance")
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
    def items(self):
        return json.loads(self.scripts[0])["items"]


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
    assert seen.text.index("Not decided: 1 of 4 gates not measured") < seen.text.index("Retention")


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
    assert item["answers"][1]["place"][0].startswith("tapes/distilled.jsonl:")
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
    assert "Graded answers have no labels to confuse" in seen.text
    assert "Score against cost" in seen.text
    assert "The metric's own calls cost, per 1,000 items and not counted above: distilled student: $0.40" in seen.text


def test_stages_without_end_keep_colours_and_markers_apart():
    graph = Graph(Stage(f"s{n}", f"stage {n}", run=None, evaluates=True) for n in range(20))
    assert len({tuple(look_of(graph, stage).values()) for stage in graph}) == 20
