"""Reports are written where they were asked for, whole, and a refusal is one clear error."""

import pytest

pytest.importorskip("matplotlib", reason="the page's plots come with the extra 'report'")
from distillgate.cli import main
from distillgate.errors import ReportError
from distillgate.report.publishing import append_to_job_summary, write_report
from distillgate.run.lifecycle import Lifecycle

from tests.reports import made_up


def test_the_command_writes_page_and_markdown_and_names_the_page(project, capsys):
    assert main(["report"]) == 0
    said = capsys.readouterr().out
    assert "page: report/index.html" in said
    assert said.startswith("Yes: the student may replace the teacher, all 5 gates hold")
    assert {path.name for path in (project / "report").iterdir()} == {"index.html", "report.md"}
    assert (project / "report" / "index.html").read_text("utf-8").startswith("<!DOCTYPE html>")

    # the same bytes once more, in a folder that is named
    assert main(["report", "--to", "named"]) == 0
    for name in ("index.html", "report.md"):
        assert (project / "named" / name).read_bytes() == (project / "report" / name).read_bytes()


def test_the_command_without_a_name_shows_decision_table_and_gates(project, capsys):
    assert main([]) == 0
    said = capsys.readouterr().out
    assert "gate retention holds: 100.0 % (must be ≥ 90 %" in said
    assert max(map(len, said.splitlines())) <= 100
    assert not (project / "report").exists()


@pytest.mark.parametrize("named", ["taken", "taken/deep/down"])
def test_a_folder_that_is_a_file_is_refused_before_anything_runs(project, capsys, named, monkeypatch):
    (project / "taken").write_text("")
    monkeypatch.setattr(Lifecycle, "scorecard", lambda *asked: pytest.fail("a stage ran"))
    assert main(["report", "--to", named]) == 3
    said = capsys.readouterr().err
    assert said == f"error: the report cannot be written to {named}: taken is no folder; name another folder\n"


def test_a_folder_that_becomes_a_file_is_refused(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(ReportError, match=r"the report cannot be written to .*taken: .*; name another folder"):
        write_report(made_up(6), tmp_path / "taken")


def test_a_secret_is_in_neither_file(tmp_path):
    key = "sk-proj-" + "a1B2c3D4" * 6
    write_report(made_up(6, f" {key}"), tmp_path)
    for path in tmp_path.iterdir():
        assert key not in path.read_text("utf-8")
        assert "[secret:" in path.read_text("utf-8")


def test_a_job_summary_grows(tmp_path, monkeypatch):
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    append_to_job_summary(made_up(6))
    assert path.read_text("utf-8").startswith("before\n## ")


def test_a_job_summary_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "no" / "folder"))
    with pytest.raises(ReportError, match=r"GITHUB_STEP_SUMMARY names .*folder, which cannot be written"):
        append_to_job_summary(made_up(6))
