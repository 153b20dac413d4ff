"""Which field is what: said by the log's shape or by the user, never guessed."""

import pytest

from tests.logs import DESKS, completion, messages, write_project
from tests.unit.collect.corpora import changed

SIZES = ("--rows", "6", "2", "4")


def bare(count=12, said=lambda desk: desk):
    """Calls of a program that is none of DSPy's."""
    records = []
    for number, text in enumerate(messages(count)):
        record = completion(number, text, DESKS[number % 3])
        record["choices"][0]["message"]["content"] = said(DESKS[number % 3])
        asked = [{"role": "developer", "content": "Route it."}, {"role": "user", "content": text}]
        records.append(changed(record, messages=asked, metadata={"why": ["it says so"]}))
    return records


def test_a_prompt_without_markers_needs_its_field_named(project):
    code, _, error = project.collect(project.log(bare()), *SIZES)
    assert code == 3
    assert "which field it is has to be said: input_field (message)" in error
    assert not project.golden.exists()


def test_an_answer_without_markers_needs_its_field_named(project):
    code, _, error = project.collect(project.log(bare()), *SIZES, "--input-field", "message")
    assert code == 3
    assert "which field it is has to be said: output_field (desk, reasons)" in error
    assert not project.golden.exists()


def test_named_fields_and_paths_are_enough(project):
    options = ("--input-field", "message", "--output-field", "desk", "--map", "reasons=metadata.why")
    assert project.collect(project.log(bare()), *SIZES, *options)[0] == 0
    assert sorted(row["message"] for row in project.all_rows) == sorted(messages(12))
    assert all(row["reasons"] == ["it says so"] for row in project.all_rows)


def test_an_answer_that_is_an_object_names_its_fields_itself(project):
    log = project.log(bare(said=lambda desk: f'{{"desk": "{desk}", "reasons": [], "message": "not the input"}}'))
    assert project.collect(log, *SIZES, "--input-field", "message")[0] == 0
    assert sorted(row["message"] for row in project.all_rows) == sorted(messages(12))


def test_the_settings_name_them_as_well_and_options_go_before(project, tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("settings")
    write_project(
        folder, '[tool.distillgate.collect]\ninput_field = "message"\nmap = { reasons = "nowhere", desk = "d" }\n'
    )
    monkeypatch.chdir(folder)
    project.root = folder
    records = [changed(record, d="returns") for record in bare()]
    options = ("--output-field", "desk", "--map", "reasons=metadata.why")
    assert project.collect(project.log(records), *SIZES, *options)[0] == 0
    assert {row["desk"] for row in project.all_rows} == {"returns"}


def test_a_conversation_is_no_single_input(project):
    records = bare()
    turns = [*records[0]["messages"], {"role": "assistant", "content": "?"}, {"role": "user", "content": "this"}]
    options = ("--input-field", "message", "--output-field", "desk")
    code, _, _ = project.collect(project.log([*records, changed(records[0], messages=turns)]), *SIZES, *options)
    assert code == 0
    assert [one["reason"] for one in project.aside] == ["conversation"]


def test_what_has_no_markers_can_be_put_aside(project):
    ours = [completion(number, text, DESKS[number % 3]) for number, text in enumerate(messages(12, seed=5))]
    code, _, _ = project.collect(project.log([*bare(4), *ours]), *SIZES, "--marked")
    assert code == 0
    assert len(project.all_rows) == len(ours)
    assert [one["reason"] for one in project.aside] == ["other-fields"] * 4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param(("--input-field", "desk"), "input_field = 'desk' is no field of the task 'tickets'", id="input"),
        pytest.param(("--output-field", "message"), "valid: desk, reasons", id="output"),
        pytest.param(("--map", "desk"), "'desk' is not of the form FIELD=PATH", id="map"),
        pytest.param(("--rows", "0", "1", "1"), "tool.distillgate.collect.train must be at least 1, is 0", id="rows"),
    ],
)
def test_an_option_that_is_wrong_is_named(project, capsys, options, said):
    log = project.log(bare())
    try:
        code, _, error = project.collect(log, *options)
    except SystemExit as stopped:
        code, error = stopped.code, capsys.readouterr().err
    assert code == 3
    assert said in error


def test_an_unknown_setting_is_named(project, tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("settings")
    write_project(folder, "[tool.distillgate.collect]\ntrian = 3\n")
    monkeypatch.chdir(folder)
    project.root = folder
    code, _, error = project.collect(project.log(bare()))
    assert code == 3
    assert "tool.distillgate.collect.trian is unknown; valid: cluster, dev" in error


def test_without_the_extra_the_error_names_it(project, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    code, _, error = project.collect(project.log(bare()))
    assert code == 3
    assert "pip install 'distillgate[logs]'" in error
