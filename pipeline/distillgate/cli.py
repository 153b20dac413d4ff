"""Replay the recorded distillation, print its table, and say whether the student may replace the teacher.

`run` (the default) and `report` exit 0 for yes, 1 for no, 2 for not decided; `check` exits 1 if it finds an error.
Every command exits 3 if it cannot do its work.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from distillgate.errors import ConfigError, DistillgateError
from distillgate.project import find_root
from distillgate.results.numbers import amount
from distillgate.secrets.known import scrubbed

if TYPE_CHECKING:
    from distillgate.config import Config
    from distillgate.report.run import Run
    from distillgate.run.lifecycle import Lifecycle

FAILED = 3
"""Exit code of a command that could not do its work."""

EXITS = {"yes": 0, "no": 1, "open": 2}
"""State of a decision → exit code."""

STYLES = {"error": "red", "warning": "yellow"}
"""Severity of a finding → its colour."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Exit as any other failure: argparse's own 2 would read as "not decided"."""
        self.print_usage(sys.stderr)
        self.exit(FAILED, f"{self.prog}: error: {message}\n")


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    chosen = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = chosen.act
    try:
        return command(chosen)
    except DistillgateError as error:
        from distillgate.report.terminal import look_of

        _say(look_of(sys.stderr).styled(f"error: {error}", STYLES["error"]), sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return 130
    except Exception:  # what Python would print, without the secrets in it
        import traceback

        _say(traceback.format_exc().rstrip("\n"), sys.stderr)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="distillgate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    parser.add_argument("--profile", help="a profile of pyproject.toml; default: the one that it names")
    parser.add_argument("--task", help="a task of [tool.distillgate.tasks]; needed where there are several")
    parser.set_defaults(act=_run, to=None)
    commands = parser.add_subparsers(metavar="COMMAND")

    def add(name: str, act: Callable[[argparse.Namespace], int], does: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=does, description=does)
        command.set_defaults(act=act)
        if act not in (_serve, _init):
            command.add_argument("--profile", default=argparse.SUPPRESS, help="a profile of pyproject.toml")
        if act is not _serve:
            command.add_argument("--task", default=argparse.SUPPRESS, help="a task of [tool.distillgate.tasks]")
        return command

    add("run", _run, "replay the recorded distillation and print its table (the default)")
    report = add("report", _run, "the same, written as a page and as Markdown as well (extra: report)")
    report.add_argument("--to", default=Path("report"), type=Path, metavar="DIR", help="where to; default: report")
    record = add("record", _record, "record stages and all downstream of them, whether or not a test asks for them")
    record.add_argument("stages", nargs="*", metavar="STAGE", help="default: every stage")
    record.add_argument("--dry-run", action="store_true", help="say what it would do and cost, send nothing")
    record.add_argument("--fresh", action="store_true", help="ask everything, even what a tape of the task holds")
    record.add_argument("--max-cost", type=amount, metavar="USD", help="stop before the call that would exceed it")
    record.add_argument("--review", type=Path, metavar="DIR", help="write what changed as review.md and review.json")
    check = add("check", _check, "say what is wrong with the recordings, without calling a model")
    check.add_argument("--replay", action="store_true", help="replay every recorded stage as well")
    check.add_argument("--json", action="store_true", help="print a list of objects")
    show = add("show", _show, "explain an item: what was asked about it, what came back, parse, score, tokens, seconds")
    show.add_argument("item", metavar="ITEM", help="the id of a golden row")
    show.add_argument("--stage", metavar="S", help="default: every stage that asked about it")
    compare = add("compare", _compare, "say what a change did: results, items, prompts and bounds of two revisions")
    compare.add_argument("before", metavar="REV", help="a revision of git: main, HEAD~3, 1a2b3c4")
    compare.add_argument("now", nargs="?", metavar="REV", help="another; default: the working tree")
    compare.add_argument(
        "--metric-of",
        choices=("each", "today"),
        default="each",
        help="each: the results accepted in each revision (the default); today: both revisions' tapes, replayed with "
        "the task as it is now, where its prompts are still on them",
    )
    compare.add_argument("--json", action="store_true", help="print an object")
    past = add("history", _history, "show how the accepted results changed from commit to commit")
    past.add_argument("--last", type=int, metavar="N", help="commits to look at, at least 1; default: 20")
    past.add_argument("--json", action="store_true", help="print a list of objects, the oldest first")
    export = add("export", _export, "write tapes as YAML cassettes that stock vcrpy plays")
    export.add_argument("--to", required=True, type=Path, dest="folder", metavar="DIR", help="where to")
    bring = add("import", _import, "make tapes of vcrpy's YAML cassettes, one named after each stage")
    bring.add_argument("--from", required=True, type=Path, dest="folder", metavar="DIR", help="where they are")
    for command in (export, bring):
        command.add_argument("stages", nargs="*", metavar="STAGE", help="default: every stage that there is one of")
        command.add_argument("--force", action="store_true", help="replace what is there")
    gather = add("collect", _collect, "make golden rows of logs (extra: logs)")
    gather.add_argument("files", nargs="+", metavar="FILE", help="logs: paths, globs, or URLs of an object store")
    gather.add_argument("--dry-run", action="store_true", help="say what it would write, write nothing")
    gather.add_argument("--format", metavar="NAME", help="of all files; default: what their first records are")
    gather.add_argument("--map", action="append", type=_pair, metavar="FIELD=PATH", help="where in a record a field is")
    gather.add_argument("--input-field", metavar="FIELD", help="what a prompt without DSPy's markers is")
    gather.add_argument("--output-field", metavar="FIELD", help="what an answer without markers is")
    gather.add_argument("--marked", action="store_true", default=None, help="put prompts without markers aside")
    gather.add_argument("--time", metavar="PATH", help="where in a record its time is")
    gather.add_argument("--cluster", metavar="PATH", help="what says that rows depend on each other")
    gather.add_argument("--stratum", metavar="PATH", help="by whose values to sample; default: the task's label")
    gather.add_argument("--rows", nargs=3, type=int, metavar=("TRAIN", "DEV", "TEST"), help="default: 240 60 240")
    begin = add("init", _init, "write a working start into a project: task, data, test, settings, workflow")
    begin.add_argument("folder", nargs="?", type=Path, default=Path(), metavar="DIR", help="the project; default: here")
    begin.add_argument("--api-base", metavar="URL", help="an endpoint with OpenAI's API; default: distillgate serve")
    begin.add_argument("--teacher", metavar="MODEL", help="DSPy's name of a model, such as openai/gpt-4.1")
    begin.add_argument("--student", metavar="MODEL", help="one that the endpoint tunes")
    begin.add_argument("--key-env", metavar="NAME", help="the environment variable that holds the endpoint's key")
    serve = add("serve", _serve, "serve local models over OpenAI's API (extra: local)")
    serve.add_argument("--port", type=int, help="default: the port of [tool.distillgate.local]")
    return parser


def _pair(text: str) -> tuple[str, str]:
    field, equals, path = text.partition("=")
    if not (field and equals and path):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form FIELD=PATH")
    return field, path


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        import importlib.metadata

        _say(f"distillgate {importlib.metadata.version('distillgate')}")
        parser.exit()


def _run(chosen: argparse.Namespace) -> int:
    from distillgate.report.gather import gathered, measured, summarised
    from distillgate.report.page import require
    from distillgate.report.publishing import must_be_writable, write_report
    from distillgate.report.table import ending
    from distillgate.report.terminal import look_of
    from distillgate.run.lifecycle import Lifecycle

    folder: Path | None = chosen.to
    if folder is not None:  # refused now, and not after the replay
        require()
        must_be_writable(folder)
    lifecycle = Lifecycle(_config(chosen))
    _notices(lifecycle.config)
    with _replaying(lifecycle):
        for stage in lifecycle.graph.evaluations:
            lifecycle.scorecard(stage)
        verdicts, unmeasured = measured(lifecycle)
    run: Run = summarised(lifecycle, verdicts, unmeasured)
    sys.stdout.write(scrubbed(ending(run, look_of(sys.stdout))))
    if folder is not None:
        page = write_report(gathered(lifecycle, verdicts, folder, unmeasured), folder)
        _say(f"page: {page}")
    return EXITS[run.decision.state]


def _record(chosen: argparse.Namespace) -> int:
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
            _say(message, out)

    meter = Meter(config.profile, config.max_cost, bar or Lines(tell))
    stages = tuple(chosen.stages) or load_graph(config).taped
    lifecycle = Lifecycle(config, stages, tell, meter, fresh=chosen.fresh)
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


def _check(chosen: argparse.Namespace) -> int:
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


def _show(chosen: argparse.Namespace) -> int:
    from distillgate.report.item import item_text, stages_with
    from distillgate.report.terminal import look_of
    from distillgate.run.lifecycle import Lifecycle

    lifecycle = Lifecycle(_config(chosen))
    stages, look = stages_with(lifecycle, chosen.item, chosen.stage), look_of(sys.stdout)
    with _replaying(lifecycle):
        text = "".join(item_text(lifecycle, chosen.item, stages, look))
    sys.stdout.write(scrubbed(text))
    return 0


def _compare(chosen: argparse.Namespace) -> int:
    from distillgate.git import Repository
    from distillgate.report.compare import difference, difference_json, difference_text
    from distillgate.report.terminal import look_of, spinning
    from distillgate.run.lifecycle import Lifecycle

    config = _config(chosen)
    repository = Repository(config.root)
    before = repository.commit(chosen.before)
    now = None if chosen.now is None else repository.commit(chosen.now)
    with spinning(sys.stderr) as say, _hushed():
        found = difference(
            Lifecycle(config), before, now, chosen.metric_of == "today", lambda stage: say(f"replaying {stage}")
        )
    if chosen.json:
        _print_json(difference_json(found))
    else:
        sys.stdout.write(scrubbed(difference_text(found, look_of(sys.stdout))))
    return 0


def _history(chosen: argparse.Namespace) -> int:
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
        _say("note: the clone is shallow, and older commits are not in it; git fetch --unshallow", sys.stderr)
    return 0


def _export(chosen: argparse.Namespace) -> int:
    from distillgate.run.transfer import export_tapes

    export_tapes(_config(chosen), chosen.stages, chosen.folder, chosen.force, _say)
    return 0


def _import(chosen: argparse.Namespace) -> int:
    from distillgate.run.transfer import import_tapes

    import_tapes(_config(chosen), chosen.stages, chosen.folder, chosen.force, _say)
    return 0


def _collect(chosen: argparse.Namespace) -> int:
    from distillgate.collect.collecting import collect

    keys = ("format", "input_field", "output_field", "marked", "time", "cluster", "stratum")
    given = {key: getattr(chosen, key) for key in keys} | {"map": dict(chosen.map or ())}
    if chosen.rows:
        given |= dict(zip(("train", "dev", "test"), chosen.rows, strict=True))
    collect(_config(chosen), chosen.files, given, _say, chosen.dry_run)
    return 0


def _init(chosen: argparse.Namespace) -> int:
    from distillgate.starter import Start, begin

    given = {name: getattr(chosen, name) for name in ("task", "api_base", "teacher", "student", "key_env")}
    begun = begin(chosen.folder, Start(**{name: value for name, value in given.items() if value is not None}))
    for path in begun.written:
        _say(f"wrote {path}")
    for path in begun.left:
        _say(f"left  {path}, which is there already")
    _say(
        "next: distillgate record --dry-run (what it will ask for and cost), distillgate record, then accept the "
        "results once with pytest --distill-update-golden; from then on pytest replays them"
    )
    return 0


def _serve(chosen: argparse.Namespace) -> int:
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
        _say(f"note: {notice}", sys.stderr)


def _print_json(content: object) -> None:
    import json

    _say(json.dumps(content, indent=2, ensure_ascii=False))


def _say(line: str, to: TextIO | None = None) -> None:
    (to or sys.stdout).write(f"{scrubbed(line)}\n")


@contextmanager
def _replaying(lifecycle: Lifecycle) -> Iterator[None]:
    """Hushed; on a terminal a line says which stage is replayed."""
    from distillgate.report.terminal import spinning

    with spinning(sys.stderr) as say, _hushed():
        lifecycle.began = lambda stage: say(f"replaying {stage}")
        yield


@contextmanager
def _hushed() -> Iterator[None]:
    """Without the progress that DSPy prints of each of its evaluations."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        yield
