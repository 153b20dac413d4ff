"""Records in processes that end where they are told to: `python -m tests.faults.recorder`.

It reads one order a line and writes one outcome a line. Each order is carried out by a child of its own, so that DSPy
is imported once for all of them.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path

from distillgate.cassette.journal import Journal
from distillgate.cassette.lines import line_of
from distillgate.cassette.redact import Redactor
from distillgate.cassette.session import journal_path, recording
from distillgate.cassette.transports.interception import prove
from distillgate.errors import CassetteError
from distillgate.models import Model
from distillgate.stages.context import NO_KEY, make_lm
from dspy.utils.exceptions import LMError


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def die_before_the_answer_is_written(path):
    Journal.append = die


def die_within_the_line(path):
    def append(journal, interaction):
        line = line_of(interaction)
        with journal_path(path).open("ab", buffering=0) as file:
            file.write(line[: len(line) // 2])
        die()

    Journal.append = append


def die_with_zeros_behind(path):
    with journal_path(path).open("ab", buffering=0) as file:
        file.write(bytes(4096))
    die()


def die_with_a_line_of_zeros(path):
    content = bytearray(journal_path(path).read_bytes())
    start = content.index(b"\n") + 1
    end = content.index(b"\n", start)
    content[start:end] = bytes(end - start)
    journal_path(path).write_bytes(content)
    die()


def die_behind_the_line(path):
    append = Journal.append
    Journal.append = lambda journal, interaction: (append(journal, interaction), die())


def die_while_the_tape_is_written(path):
    os.fsync = die


def die_when_the_tape_is_written(path):
    Journal.discard = die


def limit(size):
    """Let no file grow beyond so many bytes, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


EVENTS = {
    "nothing": lambda path: None,
    "killed": die,
    "killed-unwritten": die_before_the_answer_is_written,
    "killed-within-the-line": die_within_the_line,
    "killed-behind-the-line": die_behind_the_line,
    "killed-with-zeros-behind": die_with_zeros_behind,
    "killed-with-a-line-of-zeros": die_with_a_line_of_zeros,
    "killed-within-the-tape": die_while_the_tape_is_written,
    "killed-behind-the-tape": die_when_the_tape_is_written,
    "disk-full": lambda path: limit(journal_path(path).stat().st_size + 10),
    "no-room-for-the-tape": lambda path: limit(10),
    "folder-moved": lambda path: path.parent.rename(path.parent.with_name("moved")),
    "folder-deleted": lambda path: shutil.rmtree(path.parent),
}
"""What happens once so many calls are answered."""


def record(path, url, topics, event, after):
    lm = make_lm(Model("openai/teacher", api_base=url), NO_KEY)
    with recording(path, {"stage": "teacher"}, Redactor()):
        for answered, topic in enumerate(topics):
            if answered == after:
                EVENTS[event](path)
            with suppress(LMError):  # an evaluation takes a failed call for a wrong answer and goes on
                lm(f"Say something about `[[ ## {topic} ## ]]`")
        if after == len(topics):
            EVENTS[event](path)


def outcome(order):
    try:
        record(Path(order.pop("path")), **order)
    except CassetteError as error:
        return str(error)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return "recorded"


def main():
    prove()
    for line in sys.stdin:
        child = os.fork()
        if not child:
            print(json.dumps(outcome(json.loads(line))), flush=True)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            print(json.dumps("killed"), flush=True)


if __name__ == "__main__":
    main()
