"""`distillgate compare`: what a change did, from the tapes and accepted results that git keeps."""

import json
import re
import shutil
from dataclasses import replace

import pytest
from distillgate.cli import main
from distillgate.results import baseline

from tests.repositories import BASELINES, REWORDED, accept, commit, git, reword, settings, use_task

pytestmark = pytest.mark.slow

STRICT = 'task = dataclasses.replace(usual, metric=lambda row, answer, trace=None: row["difficulty"] == "hard")'


@pytest.fixture
def compared(capsys):
    """What the command says; it ends well."""

    def run(*arguments):
        capsys.readouterr()
        assert main(["compare", *arguments]) == 0
        captured = capsys.readouterr()
        assert captured.err == ""
        return captured.out

    return run


@pytest.fixture
def refused(capsys):
    """What the command says where it cannot do its work."""

    def run(*arguments):
        assert main(["compare", *arguments]) == 3
        return capsys.readouterr().err

    return run


def row(text, title):
    (line,) = [line for line in text.splitlines() if line.startswith(f" {title} ")]
    return re.split(r"\s{2,}", line.strip())


def wrong_first(n, item):
    """The results with the first two items wrong."""
    return replace(item, answer="finance", score=0.0, correct=False, outputs={"category": "finance"}) if n < 2 else item


def test_without_a_change_nothing_differs(repository, compared):
    text = compared("HEAD")
    title, before, now, change, interval, flips, *_ = row(text, "distilled student")
    assert (title, before, change, flips) == ("distilled student", now, "+0.0 pp", "0, 0")
    assert re.fullmatch(r"-\d+\.\d to \+\d+\.\d", interval)
    assert text.startswith("from ")
    assert "(Accept the first results)\nto   the working tree\n" in text
    assert "note" not in text


def test_lost_items_come_first_with_their_answers(repository, compared):
    right = {item.id: item.correct for item in baseline.load(_baseline(repository, "distilled")).items}
    accept(repository, "distilled", wrong_first)
    commit(repository, "Lose two")
    text = compared("HEAD~1", "HEAD")
    lost = sum(list(right.values())[:2])
    assert lost
    told = text[text.index(f"distilled student: {lost} lost (McNemar p = ") :].splitlines()[1 : 1 + lost]
    assert " gained (" not in text
    for line in told:
        assert re.match(r"  news-test-\d+ \(\w+\): \w+ \(right\) → finance \(wrong\)", line)
    assert row(text, "distilled student")[3] == f"-{100 * lost / 12:.1f} pp"
    assert re.search(r"^retention [\d.]+ % .* → [\d.]+ %", text, re.MULTILINE)


def test_what_is_not_committed_is_compared_too(repository, compared):
    accept(repository, "distilled", wrong_first)
    assert " lost (" in compared("HEAD")
    assert " lost (" not in compared("HEAD", "HEAD")


def test_bounds_and_data_that_moved_are_told(repository, compared):
    settings(repository, "retention = { min = 0.90 }", "retention = { min = 0.5 }")
    path = repository / "golden/news/test.jsonl"
    first, *rest = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([json.dumps(json.loads(first) | {"difficulty": "easy"}), *rest]) + "\n", "utf-8")
    text = compared("HEAD")
    assert "gate retention: min 0.9 → min 0.5" in text
    assert "golden data, test: 1 rows new or changed, 1 gone" in text


def test_items_of_other_data_are_left_out_and_counted(repository, compared):
    accept(repository, "distilled", lambda n, item: replace(item, reference="another") if n == 0 else item)
    text = compared("HEAD")
    assert "note: distilled is compared over the 11 items that the golden data of both says the same of" in text
    assert row(text, "distilled student")[5] == "0, 0"


def test_a_prompt_that_changed_is_shown_as_a_difference(repository, compared):
    reword(repository, "student", "Name the desk", "Please name the desk")
    text = compared("HEAD")
    assert "untuned student: the prompt changed" in text
    assert "  -        Name the desk that would have to check" in text
    assert "  +        Please name the desk that would have to check" in text
    assert text.count("the prompt changed") == 1


def test_other_demonstrations_are_counted(repository, compared):
    path = repository / "golden/news/loopback/optimize.json"
    saved = json.loads(path.read_text("utf-8"))
    demos = saved["classify.predict"]["demos"]
    demos[:] = [*demos, {"article": "A mayor resigned.", "category": "politics"}]
    path.write_text(json.dumps(saved), "utf-8")
    text = compared("HEAD")
    assert f"demonstrations that optimize saved: {len(demos) - 1} → {len(demos)}, 1 of them new" in text


def test_old_tapes_are_scored_with_todays_metric(repository, compared):
    accepted = row(compared("HEAD"), "distilled student")[1:3]
    use_task(repository, "strictly", STRICT)
    assert row(compared("HEAD"), "distilled student")[1:3] == accepted
    text = compared("HEAD", "--metric-of", "today")
    held = baseline.load(_baseline(repository, "distilled"))
    share = sum(item.slices["difficulty"] == "hard" for item in held.items) / held.n
    assert row(text, "distilled student")[1:3] == [f"{100 * share:.1f} %"] * 2 != accepted
    assert "scored by today's task" in text


def test_where_prompts_changed_the_accepted_answers_are_scored_and_it_says_so(repository, compared):
    accepted = row(compared("HEAD"), "distilled student")[1:3]
    use_task(repository, "reworded", REWORDED)
    text = compared("HEAD", "--metric-of", "today")
    assert row(text, "distilled student")[1:3] == accepted
    told = " ".join(text.split())
    why = "the accepted answers are scored, and no replay:"
    assert f"of teacher {why} its prompts are not those that today's task asks with" in told
    assert f"of optimized {why} the prompts of optimize, which it builds on, are not those" in told


def test_without_accepted_answers_a_stage_whose_prompts_changed_is_not_scored(repository, compared):
    _baseline(repository, "teacher").unlink()
    use_task(repository, "reworded_too", REWORDED)
    text = compared("HEAD", "--metric-of", "today")
    assert "the working tree: teacher is not scored by today's task: its prompts are not" in " ".join(text.split())
    assert row(text, "teacher")[2] == "-"


def test_what_todays_metric_makes_of_the_data_of_then_is_no_crash(repository, compared):
    use_task(repository, "raising", "task = dataclasses.replace(usual, metric=lambda *_: {}['desk'])")
    text = " ".join(compared("HEAD", "--metric-of", "today").split())
    assert "teacher is not scored by today's task: 'desk'; nor are its accepted answers: 'desk'" in text


def test_a_metric_that_asks_a_model_asks_none(repository, compared):
    asking = "import dspy, urllib.request as web\n"
    asking += "task = dataclasses.replace(usual, metric=lambda *_: web.urlopen('http://127.0.0.1:9/'))"
    use_task(repository, "asking", asking)
    text = " ".join(compared("HEAD", "--metric-of", "today").split())
    assert "teacher is not scored by today's task: " in text


def test_results_that_are_missing_or_broken_are_notes(repository, compared):
    _baseline(repository, "teacher").unlink()
    _baseline(repository, "student").write_text('{"stage": "student"}\n', "utf-8")
    commit(repository, "Lose results")
    text = compared("HEAD~1", "HEAD")
    assert ": teacher has no accepted results" in text
    assert ": the accepted results of student are not such as this version reads" in " ".join(text.split())
    assert row(text, "teacher")[2:4] == ["-", "-"]


def test_settings_of_then_that_cannot_be_read_are_a_note(repository, compared):
    settings(repository, "[tool.distillgate.gates]", "no_such_key = 1\n[tool.distillgate.gates]")
    commit(repository, "A mistake")
    settings(repository, "no_such_key = 1\n", "")
    text = " ".join(compared("HEAD").split())
    assert "its settings cannot be read today (tool.distillgate.no_such_key is unknown" in text
    assert "+0.0 pp" in text


def test_a_commits_message_cannot_move_the_cursor(repository, compared):
    commit(repository, "\x1b[2J\x1b[31mred")
    assert "\x1b" not in compared("HEAD")


def test_machines_read_an_object(repository, compared):
    accept(repository, "distilled", wrong_first)
    settings(repository, "retention = { min = 0.90 }", "retention = { min = 0.5 }")
    found = json.loads(compared("HEAD", "--json"))
    assert found["now"] == "the working tree"
    assert found["moved"] == ["gate retention: min 0.9 → min 0.5"]
    changed = found["stages"]["distilled"]
    assert len(changed["flipped"]) == 2
    assert changed["difference"]["interval"][0] < changed["difference"]["value"] < 0


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("width", [80, 100, 160])
def test_it_fits_the_terminal(repository, compared, monkeypatch, width, colour):
    accept(repository, "distilled", wrong_first)
    reword(repository, "student", "Name the desk", "Please name the desk")
    settings(repository, "retention = { min = 0.90 }", "retention = { min = 0.5 }")
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("FORCE_COLOR", "1" if colour else "")
    text = compared("HEAD")
    assert ("\x1b[" in text) == colour
    assert max(len(re.sub(r"\x1b\[[\d;]*m", "", line)) for line in text.splitlines()) <= width
    assert ("no room for: p50, p95" in text) == (width == 80)


@pytest.mark.parametrize("revision", ["nowhere", "HEAD~7", "--all", ""])
def test_a_revision_that_git_does_not_know_is_refused(repository, refused, revision):
    said = refused("--", revision)
    assert said == f"error: git knows no revision {revision!r} in {repository}; see git log\n"


def test_in_a_shallow_clone_a_missing_revision_says_how_to_get_it(repository, tmp_path, monkeypatch, refused):
    commit(repository, "Another")
    git(tmp_path, "clone", "--depth", "1", f"file://{repository.parent}", str(tmp_path / "clone"))
    monkeypatch.chdir(tmp_path / "clone" / repository.name)
    assert "the clone is shallow: git fetch --unshallow brings the rest" in refused("HEAD~1")


def test_without_a_repository_it_says_so(repository, refused):
    shutil.rmtree(repository.parent / ".git")
    assert "lies in no git repository" in refused("HEAD")


def test_without_git_it_says_so(repository, monkeypatch, tmp_path, refused):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refused("HEAD").startswith("error: git is not installed")


def test_a_revision_from_before_the_project_is_refused(repository, refused):
    git(repository, "checkout", "--orphan", "first")
    git(repository, "rm", "--cached", "-r", "--quiet", ".")
    git(repository, "commit", "--allow-empty", "--message", "Nothing yet")
    git(repository, "switch", "--force", "main")
    assert "has no pyproject.toml" in refused("first")


def _baseline(project, stage):
    return project / BASELINES / f"{stage}.jsonl"
