"""Keep what an expiring model does: a profile that distils it without labels, a plan, and the next step each time."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from distillgate.config import load_config
from distillgate.errors import ConfigError, GoldenDataError
from distillgate.files import write_atomically
from distillgate.parsing import TABLE
from distillgate.project import read_table
from distillgate.report.recording import plan_of, plan_text
from distillgate.results.numbers import count
from distillgate.run.lifecycle import Lifecycle
from distillgate.secrets.known import scrubbed
from distillgate.stages.spec import STUDENT
from distillgate.starter import LOCAL, appended, local_models
from distillgate.starter import STUDENT as LOCAL_STUDENT

PROFILE = "rescue"
"""What the profile is called."""

PAGE = "https://developers.openai.com/api/docs/deprecations"
"""Where the provider announces its dates; read on 27 November 2026."""

JOBS_END = datetime.date(2027, 1, 6)
"""The day from which OpenAI takes no new fine-tuning jobs of anybody; of many accounts it takes none already."""

_OCTOBER, _JANUARY = datetime.date(2026, 10, 23), datetime.date(2027, 1, 14)
ENDS = {
    "gpt-3.5-turbo": _OCTOBER,
    "gpt-4-0613": _OCTOBER,
    "gpt-4o-2024-05-13": _OCTOBER,
    "gpt-4.1-nano": _OCTOBER,
    "gpt-4o-mini": _JANUARY,
    "gpt-4o": _JANUARY,
    "gpt-4.1-mini": _JANUARY,
    "gpt-4.1": _JANUARY,
}
"""Family of a model, or one dated model of it → the day on which it is shut down, with every fine-tune of it."""


@dataclass(frozen=True, slots=True)
class Rescue:
    """What is kept, and where it goes."""

    model: str
    """The expiring model as its owner calls it: `ft:gpt-4o-mini-2024-07-18:acme::AbC123`, with or without `openai/`."""

    key_env: str = "OPENAI_API_KEY"
    api_base: str = ""
    """Its endpoint; empty for the provider's own."""

    student: str = LOCAL_STUDENT
    student_api_base: str = LOCAL
    student_key_env: str = ""

    @property
    def teacher(self) -> str:
        """The model as DSPy calls it."""
        return self.model if "/" in self.model.partition(":")[0] else f"openai/{self.model}"

    @property
    def base(self) -> str:
        """The model that was tuned, or the model itself."""
        name = self.teacher.partition("/")[2]
        return name.split(":")[1] if name.startswith("ft:") else name

    @property
    def ends(self) -> datetime.date | None:
        """The day on which it is shut down; None where that is not known here."""
        if not self.teacher.startswith("openai/"):
            return None
        families = [family for family in ENDS if self.base == family or self.base.startswith(f"{family}-")]
        return ENDS[max(families, key=len)] if families else None

    def check(self) -> None:
        """Refuse what could not stand in the settings.

        Raises:
            ConfigError: says what is valid.
        """
        if self.model.startswith("ft:") and len(self.model.split(":")) < 4:
            raise ConfigError(
                f"{self.model!r} is no whole name of a fine-tuned model, which has four parts or five: "
                "ft:gpt-4o-mini-2024-07-18:acme::AbC123"
            )
        texts = (self.model, self.key_env, self.api_base, self.student, self.student_api_base, self.student_key_env)
        if broken := [text for text in texts if set(text) & set("\"'\\ \n\t")]:
            raise ConfigError(f"{broken[0]!r} holds a space, a quote or a backslash; give a name or an address alone")
        if "/" not in self.student:
            raise ConfigError(f"--student {self.student!r} has no provider before its name, as openai/… has")


def rescue(root: Path, asked: Rescue, today: datetime.date, task: str | None = None) -> Iterator[str]:
    """Write the profile unless it is there, then tell, line by line: dates, plan, and what is done and what is next.

    Raises:
        ConfigError: a name is not valid, or the project has another profile of that name.
        DistillgateError: settings or recordings are not valid.
    """
    asked.check()
    if _written(root, asked):
        yield f"wrote [{TABLE}.profiles.{PROFILE}] to {root / 'pyproject.toml'}"
    yield from _calendar(asked, today)
    config = load_config(root, PROFILE, task)
    lifecycle = Lifecycle(config)
    try:
        rows = lifecycle.golden
    except GoldenDataError as error:
        yield f"1. next  rows of inputs, no labels needed: distillgate collect LOGS… makes them ({error})"
        return
    recording = Lifecycle(config, lifecycle.graph.taped)
    yield from plan_text(plan_of(recording)).splitlines()
    yield f"1. done  rows: {count(len(rows.train))} train, {count(len(rows.dev))} dev, {count(len(rows.test))} test"
    yield from _steps(lifecycle, asked)


def _written(root: Path, asked: Rescue) -> bool:
    """Whether the profile had to be written; what else the file holds stays as it is, to the byte."""
    path, table = root / "pyproject.toml", read_table(root)
    profiles = table.get("profiles")
    there = profiles.get(PROFILE) if isinstance(profiles, dict) else None
    if there is not None:
        teacher = there.get("teacher", {}).get("model") if isinstance(there, dict) else None
        if teacher != asked.teacher:
            raise ConfigError(
                f"{path} has a profile {PROFILE!r} already, whose teacher is {teacher!r} and not {asked.teacher!r}; "
                "rename it, or rescue the model that it names"
            )
        return False
    text = path.read_text(encoding="utf-8")
    added = _settings(asked)
    if asked.student_api_base == LOCAL and "local" not in table:
        added += f"\n{local_models()}"
    write_atomically(path, appended(path, text, added).encode())
    return True


def _settings(asked: Rescue) -> str:
    retires = f", retires = {asked.ends}" if asked.ends else ""
    teacher = _model(asked.teacher, asked.api_base, asked.key_env)
    student = _model(asked.student, asked.student_api_base, asked.student_key_env)
    return f"""# Written by `distillgate rescue`: what this model does, kept in one of your own.
[{TABLE}.profiles.{PROFILE}]
reference = "teacher" # no labels are needed: what is measured is agreement with the teacher
optimizer = "none"
num_threads = 4
teacher = {{ {teacher}, max_tokens = 1000{retires} }}
student = {{ {student}, max_tokens = 1000 }}
finetuning = {{ suffix = "{PROFILE}", poll_seconds = 5, hyperparameters = {{ n_epochs = 3 }} }}

# Set these before the first result is known.
[{TABLE}.profiles.{PROFILE}.gates]
agreement = {{ min = 0.90 }}
parse_failures = {{ max = 0.02 }}
"""


def _model(name: str, api_base: str, key_env: str) -> str:
    parts = [f'model = "{name}"']
    parts += [f'api_base = "{api_base}"'] if api_base else []
    parts += [f'api_key_env = "{key_env}"'] if key_env else []
    return ", ".join(parts)


def _calendar(asked: Rescue, today: datetime.date) -> Iterator[str]:
    if asked.ends is None:
        yield f"when {scrubbed(asked.base)} is shut down is not known here: ask its provider"
        return
    left = (asked.ends - today).days
    if left <= 0:
        yield f"{asked.ends}: {asked.base} and its fine-tunes were shut down; what was not recorded before is lost"
    else:
        jobs = (JOBS_END - today).days
        when = f"in {_days(jobs)}" if jobs > 0 else "that day has passed"
        if asked.ends > JOBS_END:
            yield f"{JOBS_END}: OpenAI takes no new fine-tuning jobs from then on, {when}; other endpoints do"
        yield f"{asked.ends}: {asked.base} and its fine-tunes are shut down, in {_days(left)}: record before"
    yield f"dates move: {PAGE}"


def _days(days: int) -> str:
    return "1 day" if days == 1 else f"{days} days"


def _steps(lifecycle: Lifecycle, asked: Rescue) -> Iterator[str]:
    """What is done and what is next, each with its command."""
    graph, recordings = lifecycle.graph, lifecycle.recordings
    data = lifecycle.golden.fingerprint

    def whole(names: list[str]) -> bool:
        return all(recordings.is_current(graph[name], data) for name in names)

    theirs = [name for name in graph.taped if not graph[name].played_by(STUDENT)]
    others = [name for name in graph.taped if name not in theirs]
    accepted = [lifecycle.baseline(name).exists() for name in graph.evaluations]
    option = f"--profile {PROFILE}"
    before = f", before {asked.ends}" if asked.ends else ""
    steps = [
        (whole(theirs), f"distillgate record --only {' '.join(theirs)} {option}", f"what the teacher says{before}"),
        (whole(others), f"distillgate record {' '.join(others)} {option}", "tune the student and ask it"),
        (all(accepted), f"pytest --distill-profile {PROFILE} --distill-update-golden", "accept the results once read"),
        (False, f"distillgate run {option}", "says whether the student agrees often enough; exit 0 is yes"),
        (False, f"distillgate card {option}", "the program with its proof, to ship"),
    ]
    ready = True
    for number, (done, command, what) in enumerate(steps, start=2):
        state = "done" if done else "next" if ready else "then"
        ready = ready and done
        yield f"{number}. {state}  {command}  # {what}"
