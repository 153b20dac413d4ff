"""Replay the recorded distillation, print its table, and say whether the student may replace the teacher.

`run` (the default) and `report` exit 0 for yes, 1 for no, 2 for not decided; `check` exits 1 if it finds an error.
Every command exits 3 if it cannot do its work.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from distillgate import commands
from distillgate.errors import DistillgateError
from distillgate.results.numbers import amount

FAILED = 3
"""Exit code of a command that could not do its work."""


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

        commands.say(look_of(sys.stderr).styled(f"error: {error}", commands.STYLES["error"]), sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return 130
    except Exception:  # what Python would print, without the secrets in it
        import traceback

        commands.say(traceback.format_exc().rstrip("\n"), sys.stderr)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="distillgate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    parser.add_argument("--profile", help="a profile of pyproject.toml; default: the one that it names")
    parser.add_argument("--task", help="a task of [tool.distillgate.tasks]; needed where there are several")
    parser.set_defaults(act=commands.run, to=None)
    subcommands = parser.add_subparsers(metavar="COMMAND")

    def add(name: str, act: Callable[[argparse.Namespace], int], does: str) -> argparse.ArgumentParser:
        command = subcommands.add_parser(name, help=does, description=does)
        command.set_defaults(act=act)
        if act not in (commands.serve, commands.init, commands.rescue):
            command.add_argument("--profile", default=argparse.SUPPRESS, help="a profile of pyproject.toml")
        if act is not commands.serve:
            command.add_argument("--task", default=argparse.SUPPRESS, help="a task of [tool.distillgate.tasks]")
        return command

    add("run", commands.run, "replay the recorded distillation and print its table (the default)")
    report = add("report", commands.run, "the same, written as a page and as Markdown as well (extra: report)")
    report.add_argument("--to", default=Path("report"), type=Path, metavar="DIR", help="where to; default: report")
    record = add(
        "record", commands.record, "record stages and all downstream of them, whether or not a test asks for them"
    )
    record.add_argument("stages", nargs="*", metavar="STAGE", help="default: every stage")
    record.add_argument("--dry-run", action="store_true", help="say what it would do and cost, send nothing")
    record.add_argument("--only", action="store_true", help="leave alone what is downstream of the stages named")
    record.add_argument("--fresh", action="store_true", help="ask everything, even what a tape of the task holds")
    record.add_argument("--max-cost", type=amount, metavar="USD", help="stop before the call that would exceed it")
    record.add_argument("--review", type=Path, metavar="DIR", help="write what changed as review.md and review.json")
    check = add("check", commands.check, "say what is wrong with the recordings, without calling a model")
    check.add_argument("--replay", action="store_true", help="replay every recorded stage as well")
    check.add_argument("--json", action="store_true", help="print a list of objects")
    show = add(
        "show", commands.show, "explain an item: what was asked about it, what came back, parse, score, tokens, seconds"
    )
    show.add_argument("item", metavar="ITEM", help="the id of a golden row")
    show.add_argument("--stage", metavar="S", help="default: every stage that asked about it")
    compare = add(
        "compare", commands.compare, "say what a change did: results, items, prompts and bounds of two revisions"
    )
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
    past = add("history", commands.history, "show how the accepted results changed from commit to commit")
    past.add_argument("--last", type=int, metavar="N", help="commits to look at, at least 1; default: 20")
    past.add_argument("--json", action="store_true", help="print a list of objects, the oldest first")
    card = add("card", commands.card, "write the distilled program with a card: data, models, recipe, figures, digests")
    card.add_argument("--to", default=Path("card"), type=Path, metavar="DIR", help="where to; default: card")
    verify = add("verify", commands.verify, "prove a card against the recordings: exit 0 if all holds, 1 if not")
    verify.add_argument("card", type=Path, metavar="CARD", help="the folder that `card` wrote, or its card.json")
    export = add("export", commands.export, "write tapes as YAML cassettes that stock vcrpy plays")
    export.add_argument("--to", required=True, type=Path, dest="folder", metavar="DIR", help="where to")
    bring = add("import", commands.import_, "make tapes of vcrpy's YAML cassettes, one named after each stage")
    bring.add_argument("--from", required=True, type=Path, dest="folder", metavar="DIR", help="where they are")
    for command in (export, bring):
        command.add_argument("stages", nargs="*", metavar="STAGE", help="default: every stage that there is one of")
        command.add_argument("--force", action="store_true", help="replace what is there")
    gather = add("collect", commands.collect, "make golden rows of logs (extra: logs)")
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
    begin = add("init", commands.init, "write a working start into a project: task, data, test, settings, workflow")
    begin.add_argument("folder", nargs="?", type=Path, default=Path(), metavar="DIR", help="the project; default: here")
    begin.add_argument("--api-base", metavar="URL", help="an endpoint with OpenAI's API; default: distillgate serve")
    begin.add_argument("--teacher", metavar="MODEL", help="DSPy's name of a model, such as openai/gpt-4.1")
    begin.add_argument("--student", metavar="MODEL", help="one that the endpoint tunes")
    begin.add_argument("--key-env", metavar="NAME", help="the environment variable that holds the endpoint's key")
    keep = add("rescue", commands.rescue, "keep what an expiring model does: write a profile, plan, say what is next")
    keep.add_argument("model", metavar="MODEL", help="its name, such as ft:gpt-4o-mini-2024-07-18:acme::AbC123")
    keep.add_argument("--key-env", metavar="NAME", help="the variable with its key; default: OPENAI_API_KEY")
    keep.add_argument("--api-base", metavar="URL", help="its endpoint; default: the provider's own")
    keep.add_argument("--student", metavar="MODEL", help="DSPy's name of an open model that an endpoint tunes")
    keep.add_argument("--student-api-base", metavar="URL", help="that endpoint; default: distillgate serve")
    keep.add_argument("--student-key-env", metavar="NAME", help="the variable with its key; default: none is sent")
    serve = add("serve", commands.serve, "serve local models over OpenAI's API (extra: local)")
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

        commands.say(f"distillgate {importlib.metadata.version('distillgate')}")
        parser.exit()
