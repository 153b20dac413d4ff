"""Run a profile's evaluations, and with them all stages, over an in-process floor: `python -m tests.bench.stages`."""

import dataclasses
from collections import defaultdict
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock

from distillgate.calls import attribution, report
from distillgate.cassette.format import read
from distillgate.cassette.interaction import call_of, to_vcr
from distillgate.cassette.request import canonical
from distillgate.cassette.transports.interception import transport_patches
from distillgate.cassette.transports.stubs import Answers
from distillgate.config import load_config
from distillgate.project import find_root
from distillgate.run import recordings
from distillgate.run.lifecycle import Lifecycle
from distillgate.stages import STAGES

EVALUATIONS = tuple(stage.name for stage in STAGES if stage.evaluates)


class Floor(Answers):
    """A stage's answers, ready to be given: what is left is to find which one is asked for."""

    purpose = "program"

    def __init__(self, recording):
        self.header = recording.header
        self.calls = []
        self._answers = defaultdict(list)
        for one in recording.interactions:
            self._answers[one.request.key].append((to_vcr(one), call_of(one)))

    def play_response(self, request):
        asked = canonical(request)
        held = self._answers[asked.key]
        answer, call = held[0] if asked.repeatable or len(held) == 1 else held.pop(0)
        if call is not None:
            item, purpose = attribution()
            self.calls.append(dataclasses.replace(call, item=item, purpose=purpose or self.purpose))
            report(self.calls[-1])
        return answer

    def forget(self, matches):
        """Nothing is recorded."""

    def supply(self, path, body):
        """Nothing is recorded."""


@contextmanager
def over_floor(path, *_, **__):
    floor = Floor(read(path))
    with ExitStack() as stack:
        for target, name, replacement in transport_patches(floor):
            stack.enter_context(mock.patch.object(target, name, replacement))
        yield floor


def evaluated(settings):
    """A lifecycle whose evaluations have run over the floor."""
    with mock.patch.object(recordings, "replaying", over_floor):
        lifecycle = Lifecycle(settings)
        for stage in EVALUATIONS:
            lifecycle.scorecard(stage)
    return lifecycle


if __name__ == "__main__":
    evaluated(load_config(find_root(Path.cwd())))
