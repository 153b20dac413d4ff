"""What the reports show is gathered from what ran: all of it, and nothing is run for it."""

from dataclasses import replace

import pytest
from distillgate.config import load_config
from distillgate.report.conversations import conversations
from distillgate.report.gather import NOT_ASKED, gathered, measured, prompts, summarised
from distillgate.report.markdown import as_markdown
from distillgate.report.run import Place
from distillgate.results import baseline
from distillgate.results.comparison import Comparison
from distillgate.run.lifecycle import Lifecycle


@pytest.fixture(scope="module")
def run(replayed_lifecycle):
    return gathered(replayed_lifecycle, measured(replayed_lifecycle)[0], replayed_lifecycle.config.root / "report")


def test_every_bound_is_measured(replayed_lifecycle):
    verdicts, unmeasured = measured(replayed_lifecycle)
    assert list(verdicts) == list(replayed_lifecycle.config.gates)
    assert unmeasured == {}


def test_a_gate_without_a_price_is_named_with_its_reason(project):
    text = (project / "pyproject.toml").read_text("utf-8")
    text = text.replace("machine_usd_per_hour = 0.1\n", "").replace(
        "[tool.distillgate.gates]", "[tool.distillgate.gates]\ncost_reduction = { min = 2 }"
    )
    (project / "pyproject.toml").write_text(text, "utf-8")
    _, unmeasured = measured(Lifecycle(load_config(project, "loopback")))
    assert "no price is known for 'teacher'" in unmeasured["cost_reduction"]


def test_gates_that_no_test_asked_for_are_named(replayed_lifecycle):
    run = summarised(replayed_lifecycle, {})
    assert set(run.unmeasured) == set(replayed_lifecycle.config.gates)
    assert set(run.unmeasured.values()) == {NOT_ASKED}


def test_nothing_is_run_for_a_report(project):
    lifecycle = Lifecycle(load_config(project, "loopback"))
    lifecycle.scorecard("student")
    run = gathered(lifecycle, {}, project)
    assert list(run.scorecards) == list(run.headers) == ["student"]
    assert run.losses == ()


def test_answers_come_with_all_their_fields(run):
    teacher, student = run.pair
    for card in (teacher, student):
        for item in card.items:
            assert set(item.outputs) == {"reasoning", "category", "entities", "summary"}


def test_every_item_has_its_calls_and_leads_to_their_lines_of_the_tape(replayed_lifecycle, run):
    for card in run.pair:
        name = f"cassettes/news/loopback/{card.stage}.jsonl"
        assert run.sources[card.stage] == Place(name, f"../{name}")
        lines = replayed_lifecycle.recordings.path(card.stage).read_text("utf-8").splitlines()
        for item in card.items:
            calls = run.conversations[card.stage][item.id]
            assert len(calls) == item.calls
            assert sum(one.call.prompt_tokens for one in calls) == item.prompt_tokens
            assert sum(one.call.seconds for one in calls) == pytest.approx(item.seconds)
            for one in calls:
                assert f'"item":"{item.id}"' in lines[one.line - 1]
                assert one.messages[0][0] == "system"
                assert run.rows[item.id]["article"] in one.messages[-1][1]
                assert "[[ ## " in one.answer


def test_a_tape_that_is_absent_or_damaged_has_no_calls(tmp_path):
    assert conversations(tmp_path / "none.jsonl") == {}
    (tmp_path / "broken.jsonl").write_bytes(b"{}\n")
    assert conversations(tmp_path / "broken.jsonl") == {}


def test_at_github_files_are_linked_at_their_commit(replayed_lifecycle, monkeypatch):
    root = replayed_lifecycle.config.root
    for name, value in {"SERVER_URL": "https://github.com", "REPOSITORY": "a/b", "SHA": "c0ffee1234"}.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    run = gathered(replayed_lifecycle, {}, root)
    path = "cassettes/news/loopback/distilled.jsonl"
    assert run.sources["distilled"].address == f"https://github.com/a/b/blob/c0ffee1234/{path}"
    assert run.commit == Place("c0ffee1", "https://github.com/a/b/tree/c0ffee1234")


def test_at_github_the_jobs_summary_links_each_item_to_its_recorded_call(replayed_lifecycle, monkeypatch):
    for name, value in {"SERVER_URL": "https://github.com", "REPOSITORY": "a/b", "SHA": "c0ffee"}.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    run = summarised(replayed_lifecycle, {})
    teacher, student = run.pair
    was = replace(teacher, items=tuple(replace(item, correct=True, score=1.0) for item in teacher.items))
    told = as_markdown(replace(run, comparison=Comparison(was, student)))
    (first, *_) = [item for item in student.items if not item.correct]
    place = run.places[student.stage][first.id]
    assert f"| [{first.id}]({place.address}) |" in told
    assert place.address.startswith("https://github.com/a/b/blob/c0ffee/cassettes/news/loopback/")


def test_elsewhere_the_jobs_summary_has_no_links(replayed_lifecycle):
    assert summarised(replayed_lifecycle, {}).places == {}


def test_what_was_accepted_is_compared_with(project, replayed_lifecycle):
    lifecycle = Lifecycle(load_config(project, "loopback"))
    lifecycle.results |= replayed_lifecycle.scorecards
    lifecycle.ledger.calls.update(replayed_lifecycle.ledger.calls)
    lifecycle.ledger.items.update(replayed_lifecycle.ledger.items)
    lifecycle.ledger.parts.update(replayed_lifecycle.ledger.parts)
    card = replayed_lifecycle.scorecards["distilled"]
    baseline.save(lifecycle.baseline("distilled"), card)
    others = (replace(item, id=f"{item.id}-old") for item in card.items)
    baseline.save(lifecycle.baseline("teacher"), replace(replayed_lifecycle.scorecards["teacher"], items=tuple(others)))
    run = summarised(lifecycle, {})
    assert (list(run.since), run.since["distilled"].difference) == (["distilled"], 0)
    assert run.not_accepted["teacher"] == "the accepted results are of other golden data"
    assert "nothing is accepted that can be read" in run.not_accepted["student"]


def test_prompts_are_those_of_the_program_and_of_its_saved_optimised_form(replayed_lifecycle, run):
    (plain,), (optimized,) = run.plain, run.optimized
    assert plain.instructions.startswith("Name the desk")
    assert plain.demonstrations == ()
    made = replayed_lifecycle.result("optimize").predictors()[0]
    assert (optimized.predictor, optimized.instructions) == ("classify.predict", made.signature.instructions)
    assert len(optimized.demonstrations) == len(made.demos)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"classify": {}}', b'{"classify": 1}'])
def test_a_saved_program_that_cannot_be_read_is_said(project, content):
    lifecycle = Lifecycle(load_config(project, "loopback"))
    (lifecycle.artefacts / "optimize.json").write_bytes(content)
    (note,) = gathered(lifecycle, {}, project).notes
    assert note.startswith("The saved optimised program optimize.json cannot be read")


def test_a_saved_program_that_is_missing_is_said(project):
    lifecycle = Lifecycle(load_config(project, "loopback"))
    (lifecycle.artefacts / "optimize.json").unlink()
    assert gathered(lifecycle, {}, project).notes[0].startswith("There is no saved optimised program")


def test_a_state_that_is_none_is_refused():
    with pytest.raises(ValueError, match="not the state of a DSPy program"):
        prompts({"classify": {"demos": 1}})


def test_the_losses_of_the_training_are_there(run):
    assert [step for step, _ in run.losses] == [1, 2, 3]
