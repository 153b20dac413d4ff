"""`distillgate`: replay the lifecycle and print its table.

`report` writes it as a page; `check` its tapes; `serve` the local endpoint; `export` and
`import`: tapes to stock vcrpy's cassettes and back.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import io
import json
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from distillgate.config import find_root, load_config
from distillgate.errors import DistillgateError
from distillgate.secrets.known import scrubbed


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code: 0, or 1 with what is wrong in clear words."""
    parser = argparse.ArgumentParser(prog="distillgate", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    run = commands.add_parser("run", help="replay the recorded distillation and print its table (the default)")
    report = commands.add_parser("report", help="the same, written as a page and as Markdown (extra: report)")
    report.add_argument("--to", default=Path("report"), type=Path, metavar="DIR", help="where to; default: report")
    export = commands.add_parser("export", help="write tapes as YAML cassettes that stock vcrpy plays")
    export.add_argument("--to", required=True, type=Path, dest="folder", metavar="DIR", help="where they go")
    bring = commands.add_parser("import", help="make tapes of vcrpy's YAML cassettes, one named after each stage")
    bring.add_argument("--from", required=True, type=Path, dest="folder", metavar="DIR", help="where they lie")
    for command in (export, bring):
        command.add_argument("stages", nargs="*", metavar="STAGE", help="default: every stage that there is one of")
        command.add_argument("--force", action="store_true", help="replace what is there")
    check = commands.add_parser("check", help="say what is wrong with the recordings, without calling a model")
    check.add_argument("--replay", action="store_true", help="replay every recorded stage as well")
    check.add_argument("--json", action="store_true", help="print a list of objects")
    parser.add_argument("--profile", help="who plays; default: the profile of pyproject.toml")
    for command in (run, report, check, export, bring):
        command.add_argument("--profile", default=argparse.SUPPRESS, help="the same")
    serve = commands.add_parser("serve", help="serve local models over OpenAI's API (extra: local)")
    serve.add_argument("--port", type=int, help="default: the port of [tool.distillgate.local]")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "serve":
            _serve(chosen.port)
        elif chosen.command in ("export", "import"):
            _transfer(chosen)
        elif chosen.command == "check":
            return _check(chosen.profile, chosen.replay, chosen.json)
        else:
            _run(chosen.profile, chosen.to if chosen.command == "report" else None)
    except DistillgateError as error:
        print(scrubbed(f"error: {error}"), file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception:  # what Python would print, without the secrets in it
        print(scrubbed(traceback.format_exc()), end="", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _run(profile: str | None, folder: Path | None) -> None:
    from distillgate.report.ending import ending
    from distillgate.report.files import must_be_writable, write_report
    from distillgate.report.gather import gathered, measured, summarised
    from distillgate.report.page import require
    from distillgate.run.lifecycle import Lifecycle
    from distillgate.stages.graph import EVALUATIONS

    if folder is not None:
        require()  # now, and not after the replay
        must_be_writable(folder)
    lifecycle = Lifecycle(load_config(find_root(Path.cwd()), profile))
    for notice in lifecycle.profile.notices(datetime.datetime.now(datetime.UTC).date()):
        print(scrubbed(f"note: {notice}"), file=sys.stderr)  # noqa: T201
    with _hushed():
        for stage in EVALUATIONS:
            lifecycle.scorecard(stage)
        verdicts, unmeasured = measured(lifecycle)
    sys.stdout.write(scrubbed(ending(summarised(lifecycle, verdicts, unmeasured))))
    if folder is not None:
        page = write_report(gathered(lifecycle, verdicts, folder, unmeasured), folder)
        sys.stdout.write(scrubbed(f"page: {page}\n"))


def _transfer(chosen: argparse.Namespace) -> None:
    from distillgate.run.transfer import export_tapes, import_tapes

    settings = load_config(find_root(Path.cwd()), chosen.profile)
    move = export_tapes if chosen.command == "export" else import_tapes
    move(settings, chosen.stages, chosen.folder, chosen.force, lambda line: print(scrubbed(line)))  # noqa: T201


def _check(profile: str | None, replay: bool, as_json: bool) -> int:
    from distillgate.checks.profile import check
    from distillgate.report.findings import findings_text
    from distillgate.results.findings import errors
    from distillgate.stages.graph import STAGES

    settings = load_config(find_root(Path.cwd()), profile)
    with _hushed():
        findings = check(settings, replay)
    if as_json:
        listed = [dataclasses.asdict(finding) for finding in findings]
        sys.stdout.write(scrubbed(json.dumps(listed, indent=2, ensure_ascii=False) + "\n"))
    else:
        sys.stdout.write(scrubbed(findings_text(findings, settings.profile.name, len(STAGES))))
    return 1 if errors(findings) else 0


def _serve(port: int | None) -> None:
    from distillgate.local.server import serve
    from distillgate.local.settings import LocalSettings

    settings = load_config(find_root(Path.cwd()))
    table = dict(settings.local) | ({"port": port} if port else {})
    serve(LocalSettings.from_table(table, settings.root))


@contextmanager
def _hushed() -> Iterator[None]:
    """Without the progress that DSPy prints of each of a replay's evaluations."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        yield
