"""The one error tree: every message says what was wrong, what is valid, and what to do next."""

from __future__ import annotations

from pathlib import Path


class DistillgateError(Exception):
    """Base of every error that this project raises on purpose."""


class MissingExtraError(DistillgateError):
    """An optional dependency is absent; the message names the extra that brings it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"{package!r} is not installed; it comes with the extra {extra!r}: "
            f"pip install 'distillgate[{extra}]' (from a checkout: pip install -e '.[{extra}]')"
        )


class ConfigError(DistillgateError):
    """`[tool.distillgate]`, the environment or a command-line option holds a value that is not valid."""


class GoldenDataError(DistillgateError):
    """A row of the golden data breaks a rule; the message names file, line, field and rule."""


class CollectError(DistillgateError):
    """Golden rows cannot be made of these logs as asked; nothing was written."""


class CassetteError(DistillgateError):
    """A cassette cannot be read, written, recorded or replayed as asked."""


class CassetteMissError(CassetteError):
    """A request was made in replay that the cassette does not hold."""


class MisfitError(CassetteError):
    """A tape was made of other data, models or upstream recordings than there are now."""


class UnusedInteractionsError(CassetteError):
    """A replay ended before it had asked for everything on its cassette."""


class BrokenTapeError(CassetteError):
    """A line of a cassette file is not what a cassette holds."""

    def __init__(self, path: Path, line: int, what: str) -> None:
        super().__init__(f"{path}:{line}: {what}; restore the file from git or record it again")
        self.line = line
        self.what = what


class BaselineError(DistillgateError):
    """The accepted results are missing, broken, or not what a run came to."""


class InterceptionError(DistillgateError):
    """The installed DSPy sends its calls past the recorder."""


class NetworkBlockedError(DistillgateError):
    """Something tried to reach the network during replay; the message names the host."""


class StageError(DistillgateError):
    """A pipeline stage could not produce its result."""


class TaskCodeError(StageError):
    """The task's own code, its program or its metric, raised an error."""


class MetricError(StageError):
    """A metric returned what is no verdict, or grades where a bound is needed that the task does not give."""


class FineTuningError(StageError):
    """A fine-tuning job ended without a model; the message carries the provider's reason."""


class EndpointError(StageError):
    """An endpoint refused a request, and asking again mends nothing; carries the provider's message and the remedy."""


class BudgetError(StageError):
    """The next call of a recording could cost more than is left of its budget; it was not made."""


class NotMeasuredError(DistillgateError):
    """A figure cannot be told from what was recorded; it is neither zero nor a failure of quality."""


class AbsentStageError(StageError, NotMeasuredError):
    """The lifecycle has no such stage, because the profile or the optimizer does without it; says which and why."""


class PriceError(NotMeasuredError):
    """No price is known for a model; never treated as zero."""


class LocalEndpointError(DistillgateError):
    """The local endpoint, one of its models or its training data cannot be used."""


class ReportError(DistillgateError):
    """A report cannot be written where it was asked for."""


class GitError(DistillgateError):
    """git knows no such revision, or there is no repository that it could be asked about."""
