"""`python -m pipeline`: replay the lifecycle and print its table; `python -m pipeline serve`: the local endpoint."""

from __future__ import annotations

import argparse
import datetime
import io
import sys
import traceback
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from pipeline.errors import DistillgateError
from pipeline.replay.scrub import scrubbed
from pipeline.settings import find_root, load_settings


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code: 0, or 1 with one clear message on stderr."""
    parser = argparse.ArgumentParser(prog="python -m pipeline", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    run = commands.add_parser("run", help="replay the recorded distillation and print its table (the default)")
    for command in (parser, run):
        command.add_argument("--profile", help="who plays; default: the profile of pyproject.toml")
    serve = commands.add_parser("serve", help="serve local models over OpenAI's API (extra: local)")
    serve.add_argument("--port", type=int, help="default: the port of [tool.distillgate.local]")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "serve":
            _serve(chosen.port)
        else:
            _run(chosen.profile)
    except DistillgateError as error:
        print(scrubbed(f"error: {error}"), file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception:  # what Python would print, without the secrets in it
        print(scrubbed(traceback.format_exc()), end="", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _run(profile: str | None) -> None:
    from pipeline.lifecycle import Lifecycle
    from pipeline.report.table import lifecycle_table
    from pipeline.stages.graph import EVALUATIONS

    lifecycle = Lifecycle(load_settings(find_root(Path.cwd()), profile))
    for notice in lifecycle.profile.notices(datetime.datetime.now(datetime.UTC).date()):
        print(scrubbed(f"note: {notice}"), file=sys.stderr)  # noqa: T201
    # DSPy prints the progress of each of a replay's evaluations
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        for stage in EVALUATIONS:
            lifecycle.scorecard(stage)
    sys.stdout.write(scrubbed(lifecycle_table(lifecycle.report())))


def _serve(port: int | None) -> None:
    from pipeline.local.server import serve
    from pipeline.local.settings import LocalSettings

    settings = load_settings(find_root(Path.cwd()))
    table = dict(settings.local) | ({"port": port} if port else {})
    serve(LocalSettings.from_table(table, settings.root))


if __name__ == "__main__":
    sys.exit(main())
