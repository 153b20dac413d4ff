"""Tapes note what they were made from, and what of it is different now is told apart."""

import dataclasses
import datetime
import importlib.metadata

import pytest
from distillgate.cassette.format import content_digest as content
from distillgate.cassette.format import read
from distillgate.stages import STAGES as DECLARED

STAGES = tuple(stage.name for stage in DECLARED)
UPSTREAM = {stage.name: stage.needs for stage in DECLARED}


def slower(held):
    return [dataclasses.replace(interaction, seconds=interaction.seconds + 1) for interaction in held]


def stages(findings):
    return [finding.stages for finding in findings]


@pytest.mark.parametrize("stage", STAGES)
def test_a_tape_notes_when_it_was_recorded_to_the_second(tape, stage):
    noted = datetime.datetime.fromisoformat(read(tape(stage)).header["recorded_at"])
    assert (noted.utcoffset(), noted.microsecond) == (datetime.timedelta(0), 0)


@pytest.mark.parametrize("stage", STAGES)
def test_a_tape_notes_the_tapes_that_it_was_built_on(tape, stage):
    assert read(tape(stage)).header["upstream"] == {name: content(tape(name)) for name in UPSTREAM[stage]}


def test_changed_data_is_one_finding_for_all_stages(project, found):
    path = project / "golden" / "news" / "test.jsonl"
    path.write_text(path.read_text("utf-8").replace("news-test-001", "news-test-999"), "utf-8")
    (finding,) = found("data")
    assert (finding.severity, finding.stages) == ("error", STAGES)


def test_changed_data_is_mended_by_recording_every_stage_that_it_concerns(project, found, rerecord):
    rerecord("teacher", data="sha256:0123456789abcdef")
    rerecord("student", data="sha256:0123456789abcdef")
    (finding,) = found("data")
    assert finding.remedy == "distillgate record teacher student --profile loopback"


def test_data_that_cannot_be_read_is_named_with_its_line(project, found):
    path = project / "golden" / "news" / "dev.jsonl"
    path.write_text(path.read_text("utf-8") + "<<<<<<< HEAD\n", "utf-8")
    (finding,) = found("data")
    assert "dev.jsonl:7: not a JSON object" in finding.message


def test_another_model_in_the_profile_concerns_the_stages_that_it_plays_in(settings, found):
    settings("openai/student", "openai/pupil")
    assert sorted(stage for finding in found("models") for stage in finding.stages) == [
        "distill",
        "distilled",
        "student",
    ]


def test_another_seed_concerns_the_stages_that_draw(settings, found):
    settings('task = "', 'seed = 10\ntask = "')
    assert stages(found("seed")) == [("optimize", "distill")]


def test_stages_downstream_of_a_new_recording_are_stale(found, rerecord):
    rerecord("optimize", slower)
    assert stages(found("upstream")) == [("optimized", "traces")]


def test_it_is_said_when_upstream_was_recorded(found, rerecord):
    rerecord("optimize", slower, recorded_at="2026-11-24T09:12:31+00:00")
    assert found("upstream")[0].message == (
        "built on another recording of optimize than the present one of 2026-11-24T09:12:31+00:00"
    )


def test_nothing_is_stale_where_only_upstreams_header_changed(found, rerecord):
    rerecord("optimize", recorded_at="2026-11-24T09:12:31+00:00")
    assert found("upstream") == []


@pytest.mark.parametrize("stage", ["teacher", "student", "optimized", "distilled"])
def test_a_new_recording_of_a_stage_on_which_none_builds_makes_none_stale(found, rerecord, stage):
    rerecord(stage, slower)
    assert found() == []


def test_an_old_tape_that_does_not_say_what_it_was_built_on_is_a_note(found, rerecord):
    rerecord("distilled", drop=("upstream", "recorded_at"))
    assert [(finding.severity, finding.stages) for finding in found()] == [("note", ("distilled",))]


@pytest.mark.parametrize(("name", "severity"), [("dspy", "warning"), ("vcrpy", "note"), ("distillgate", "note")])
def test_another_library_version_is_as_severe_as_what_it_changes(found, rerecord, name, severity):
    rerecord("student", versions={name: "0.0.1"})
    (finding,) = found("version")
    assert (finding.severity, finding.message) == (
        severity,
        f"recorded with {name} 0.0.1, installed is {importlib.metadata.version(name)}",
    )


def test_a_library_that_is_not_installed_is_another_version(found, rerecord):
    rerecord("student", versions={"no-such-library": "1.0"})
    assert found("version")[0].message == "recorded with no-such-library 1.0, installed is none"


@pytest.mark.parametrize(
    ("today", "severities"),
    [(datetime.date(2019, 6, 1), []), (datetime.date(2019, 12, 1), ["warning"])],
    ids=["long-before", "soon"],
)
def test_a_model_that_is_about_to_be_shut_down_is_a_warning(found, today, severities):
    assert [finding.severity for finding in found("retirement", "cloud", today)] == severities
