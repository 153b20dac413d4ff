"""What each command does, given its parsed arguments; each returns the exit code."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from distillgate.errors import ConfigError, ReportError
from distillgate.project import find_root
from distillgate.secrets.known import scrubbed

if TYPE_CHECKING:
    from distillgate.config import Config
    from distillgate.report.run import Run
    from distillgate.run.lifecycle import Lifecycle

EXITS = {"yes": 0, "no": 1, "open": 2}
"""State of a decision → exit code."""

SHOWN = 10
"""Differences of each part of a card that are listed."""

STYLES = {"error": "red", "warning": "yellow"}
"""Severity of a finding → its colour."""


def run(chosen: argparse.Namespace) -> int:
    """Replay, print the table and, where `to` is given, write the page."""
    from distillgate.report.gather import gathered, measured, summarised
    from distillgate.report.page import require
    from distillgate.report.publishing import must_be_writable, write_report
    from distillgate.report.table import ending
    from distillgate.report.terminal import look_of
    from distillgate.run.lifecycle import Lifecycle
    from distillgate.stages.baselines import missing_baselines

    folder: Path | None = chosen.to
    if folder is not None:  # refused now, and not after the replay
        require()
        must_be_writable(folder)
    lifecycle = Lifecycle(_config(chosen))
    _notices(lifecycle.config)
    for why in missing_baselines(lifecycle.config):
        say(f"note: {why}", sys.stderr)
    with _replaying(lifecycle):
        for stage in lifecycle.graph.evaluations:
            lifecycle.scorecard(stage)
        verdicts, unmeasured = measured(lifecycle)
    run: Run = summarised(lifecycle, verdicts, unmeasured)
    sys.stdout.write(scrubbed(ending(run, look_of(sys.stdout))))
    if folder is not None:
        page = write_report(gathered(lifecycle, verdicts, folder, unmeasured), folder)
        say(f"page: {page}")
    return EXITS[run.decision.state]


def record(chosen: argparse.Namespace) -> int:
    """Record from the plan over the progress to the review; what had ended before an error is reviewed too."""
    if os.environ.get("CI") and not chosen.dry_run:
        raise ConfigError("recording is refused while CI is set: record on your machine and commit the cassettes")
    import dataclasses

    from distillgate.money.meter import Meter
    from distillgate.report.recording import Bar, Lines, begin, plan_of, plan_text
    from distillgate.report.review import made_review, remember
    from distillgate.run.lifecycle import Lifecycle
    from distillgate.stages import load_graph

    config = _config(chosen)
    if chosen.max_cost is not None:
        config = dataclasses.replace(config, max_cost=chosen.max_cost)
    bar = Bar(sys.stdout) if sys.stdout.isatty() else None
    out = sys.stdout

    def tell(message: str) -> None:
        if bar is None or not bar.say(scrubbed(message)):
            say(message, out)

    meter = Meter(config.profile, config.max_cost, bar or Lines(tell))
    stages = tuple(chosen.stages) or load_graph(config).taped
    lifecycle = Lifecycle(config, stages, tell, meter, fresh=chosen.fresh, only=chosen.only)
    plan = plan_of(lifecycle)
    sys.stdout.write(scrubbed(plan_text(plan)))
    if chosen.dry_run:
        return 0
    begin(lifecycle, plan)
    before = remember(lifecycle)
    try:
        with _hushed():
            for stage in lifecycle.recordings.stages:
                lifecycle.result(stage)
    finally:
        sys.stdout.write(made_review(lifecycle, before, chosen.review))
    for tuned in lifecycle.tuned_models:
        sys.stdout.write(f"{tuned}\n")  # whole: its owner needs the name
    return 0


def check(chosen: argparse.Namespace) -> int:
    """Print what is wrong with the recordings."""
    from distillgate.checks.profile import check, findings_text
    from distillgate.report.terminal import look_of
    from distillgate.results.findings import errors
    from distillgate.stages import load_graph

    config = _config(chosen)
    graph = load_graph(config)
    with _hushed():
        findings = check(config, graph, chosen.replay)
    if chosen.json:
        import dataclasses

        _print_json([dataclasses.asdict(finding) for finding in findings])
    else:
        look = look_of(sys.stdout)

        def paint(text: str, severity: str) -> str:
            return look.styled(text, STYLES.get(severity, ""))

        sys.stdout.write(scrubbed(findings_text(findings, config.profile.name, len(graph.taped), paint)))
    return 1 if errors(findings) else 0


def show(chosen: argparse.Namespace) -> int:
    """Explain an item."""
    from distillgate.report.item import item_text, stages_with
    from distillgate.report.terminal import look_of
    from distillgate.run.lifecycle import Lifecycle

    lifecycle = Lifecycle(_config(chosen))
    stages, look = stages_with(lifecycle, chosen.item, chosen.stage), look_of(sys.stdout)
    with _replaying(lifecycle):
        text = "".join(item_text(lifecycle, chosen.item, stages, look))
    sys.stdout.write(scrubbed(text))
    return 0


def card(chosen: argparse.Namespace) -> int:
    """Write the student card."""
    from distillgate.report.card import write_card
    from distillgate.run.lifecycle import Lifecycle

    lifecycle = Lifecycle(_config(chosen))
    with _replaying(lifecycle):
        page = write_card(lifecycle, chosen.to)
    say(f"card: {page}")
    return 0


def verify(chosen: argparse.Namespace) -> int:
    """Compare a student card with what the recordings give."""
    from distillgate.report.card import read_card, verified
    from distillgate.run.lifecycle import Lifecycle

    folder, content = read_card(chosen.card)
    if "profile" not in vars(chosen) or chosen.profile is None:
        chosen.profile = content["profile"]
    lifecycle = Lifecycle(_config(chosen))
    for what, ours in (("task", lifecycle.task.name), ("profile", lifecycle.profile.name)):
        if content[what] != ours:
            raise ReportError(f"the card is of the {what} {content[what]!r}, not {ours!r}; name it with --{what}")
    with _replaying(lifecycle):
        found = verified(lifecycle, folder, content)
    for name, differing in found.items():
        say(f"{name}: {'DIFFERS' if differing else 'holds'}")
        for line in differing[:SHOWN]:
            say(f"  {line}")
        if len(differing) > SHOWN:
            say(f"  … {len(differing) - SHOWN} more")
    return 1 if any(found.values()) else 0


def compare(chosen: argparse.Namespace) -> int:
    """Say what a change did."""
    from distillgate.git import Repository
    from distillgate.report.compare import difference, difference_json, difference_text
    from distillgate.report.terminal import look_of, spinning
    from distillgate.run.lifecycle import Lifecycle

    config = _config(chosen)
    repository = Repository(config.root)
    before = repository.commit(chosen.before)
    now = None if chosen.now is None else repository.commit(chosen.now)
    with spinning(sys.stderr) as show, _hushed():
        found = difference(
            Lifecycle(config), before, now, chosen.metric_of == "today", lambda stage: show(f"replaying {stage}")
        )
    if chosen.json:
        _print_json(difference_json(found))
    else:
        sys.stdout.write(scrubbed(difference_text(found, look_of(sys.stdout))))
    return 0


def history(chosen: argparse.Namespace) -> int:
    """Show accepted results from commit to commit."""
    from distillgate.git import Repository
    from distillgate.report.history import LAST, history, history_json, history_text
    from distillgate.report.terminal import look_of
    from distillgate.stages import load_graph
    from distillgate.task import load_task

    if chosen.last is not None and chosen.last < 1:
        raise ConfigError(f"--last {chosen.last} shows nothing; give 1 or more")
    config = _config(chosen)
    graph, task = load_graph(config), load_task(config.task, config.pythonpath).name
    points = history(config, task, chosen.last or LAST)
    if chosen.json:
        _print_json(history_json(points, graph))
    else:
        sys.stdout.write(scrubbed(history_text(points, graph, look_of(sys.stdout))))
    if Repository(config.root).shallow:
        say("note: the clone is shallow, and older commits are not in it; git fetch --unshallow", sys.stderr)
    return 0


def export(chosen: argparse.Namespace) -> int:
    """Write tapes as YAML cassettes."""
    from distillgate.run.transfer import export_tapes

    export_tapes(_config(chosen), chosen.stages, chosen.folder, chosen.force, say)
    return 0


def import_(chosen: argparse.Namespace) -> int:
    """Make tapes of YAML cassettes."""
    from distillgate.run.transfer import import_tapes

    import_tapes(_config(chosen), chosen.stages, chosen.folder, chosen.force, say)
    return 0


def collect(chosen: argparse.Namespace) -> int:
    """Make golden rows of logs."""
    from distillgate.collect.collecting import collect

    keys = ("format", "input_field", "output_field", "marked", "time", "cluster", "stratum")
    given = {key: getattr(chosen, key) for key in keys} | {"map": dict(chosen.map or ())}
    if chosen.rows:
        given |= dict(zip(("train", "dev", "test"), chosen.rows, strict=True))
    collect(_config(chosen), chosen.files, given, say, chosen.dry_run)
    return 0


def init(chosen: argparse.Namespace) -> int:
    """Write a working start into a project."""
    from distillgate.starter import Start, begin

    given = {name: getattr(chosen, name) for name in ("task", "api_base", "teacher", "student", "key_env")}
    begun = begin(chosen.folder, Start(**{name: value for name, value in given.items() if value is not None}))
    for path in begun.written:
        say(f"wrote {path}")
    for path in begun.left:
        say(f"left  {path}, which is there already")
    say(
        "next: distillgate record --dry-run (what it will ask for and cost), distillgate record, then accept the "
        "results once with pytest --distill-update-golden; from then on pytest replays them"
    )
    return 0


def rescue(chosen: argparse.Namespace) -> int:
    """Write a profile that keeps an expiring model, and say what is next."""
    import datetime

    from distillgate.rescue import Rescue, rescue

    names = ("key_env", "api_base", "student", "student_api_base", "student_key_env")
    given = {name: getattr(chosen, name) for name in names if getattr(chosen, name) is not None}
    today = datetime.datetime.now(datetime.UTC).date()
    for line in rescue(find_root(Path.cwd()), Rescue(chosen.model, **given), today, chosen.task):
        say(line)
    return 0


def serve(chosen: argparse.Namespace) -> int:
    """Serve local models until interrupted."""
    from distillgate.local.server import serve
    from distillgate.local.settings import LocalSettings

    config = _config(chosen)
    table = dict(config.local) | ({"port": chosen.port} if chosen.port else {})
    serve(LocalSettings.from_table(table, config.root))
    return 0


def _config(chosen: argparse.Namespace) -> Config:
    root = find_root(Path.cwd())
    from distillgate.config import load_config
    from distillgate.results import gates
    from distillgate.task import load_task

    config = load_config(root, chosen.profile, chosen.task)
    gates.check(config, lambda: load_task(config.task, config.pythonpath).secondary)
    return config


def _notices(config: Config) -> None:
    import datetime

    for notice in config.profile.notices(datetime.datetime.now(datetime.UTC).date()):
        say(f"note: {notice}", sys.stderr)


def _print_json(content: object) -> None:
    import json

    say(json.dumps(content, indent=2, ensure_ascii=False))


def say(line: str, to: TextIO | None = None) -> None:
    """Print a line without secrets."""
    (to or sys.stdout).write(f"{scrubbed(line)}\n")


@contextmanager
def _replaying(lifecycle: Lifecycle) -> Iterator[None]:
    """Hushed; on a terminal a line says which stage is replayed."""
    from distillgate.report.terminal import spinning

    with spinning(sys.stderr) as show, _hushed():
        lifecycle.began = lambda stage: show(f"replaying {stage}")
        yield


@contextmanager
def _hushed() -> Iterator[None]:
    """Without the progress that DSPy prints of each of its evaluations."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        yield
