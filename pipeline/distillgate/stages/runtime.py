"""DSPy set up for stages whose every call counts."""

from __future__ import annotations

import functools
import inspect
import logging
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import dspy
import orjson
import tqdm
from dspy.clients.cache import Cache
from dspy.teleprompt import BootstrapFinetune, MIPROv2
from dspy.utils.callback import BaseCallback
from dspy.utils.exceptions import AdapterParseError
from dspy.utils.saving import get_dependency_versions
from dspy.utils.unbatchify import Unbatchify

from distillgate import calls
from distillgate.calls import Call, Purpose, Scope
from distillgate.errors import InterceptionError
from distillgate.results.score import Score
from distillgate.stages.agreeing import agreement
from distillgate.stages.awaiting import awaited
from distillgate.stages.context import Context
from distillgate.task import Task

SCOPE = "distillgate_scope"
"""A key of DSPy's context, which DSPy's own threads inherit."""

WATCH = "distillgate_watch"
"""Likewise: who keeps the errors that an optimizer swallows."""

calls.inherited.append(lambda: dspy.settings.get(SCOPE))

HOOKS = (
    (BootstrapFinetune, "_prepare_finetune_data", ("self", "trace_data", "lm", "pred_ind")),
    (MIPROv2, "_bootstrap_fewshot_examples", ("self", "program", "trainset", "seed", "teacher")),
)
"""Methods of DSPy's optimizers that `stages/` overrides although they are private: class, name, parameters."""


@functools.cache
def prove_hooks() -> None:
    """Make sure that DSPy still calls the private methods that `stages/` overrides, or a filter would silently vanish.

    Raises:
        InterceptionError: one is gone, is not called by `compile` any more, or takes other parameters; or Python runs
            with -OO, which takes away the docstrings that DSPy's instructions are.
    """
    if sys.flags.optimize > 1:
        raise InterceptionError(
            "python -OO (PYTHONOPTIMIZE=2) takes away docstrings, which are the instructions of DSPy's signatures: "
            "every prompt would be another. Run without it; -O is fine"
        )
    for owner, name, parameters in HOOKS:
        found = getattr(owner, name, None)
        takes = tuple(inspect.signature(found).parameters) if found else ()
        if takes[: len(parameters)] != parameters or name not in inspect.unwrap(owner.compile).__code__.co_names:
            raise InterceptionError(
                f"DSPy {dspy.__version__} does not call {owner.__name__}.{name}({', '.join(parameters)}) any more, on "
                "which this project's results depend. Proved with dspy>=3.4.1,<3.5: install such a version"
            )


@contextmanager
def prepared(task: Task) -> Iterator[None]:
    """Inside the block DSPy has no cache, no model of its own, the task's adapter, and logs nothing but errors.

    DSPy's caches would hide calls from the tape, whoever made the LM or Embedder: they are off in the whole process.
    """
    prove_hooks()
    cache = vars(dspy).get("cache")
    adapter = {"adapter": task.adapter()} if task.adapter else {}
    with ExitStack() as stack:
        stack.enter_context(dspy.context(lm=None, disable_history=True, max_errors=1, callbacks=[], **adapter))
        stack.enter_context(warnings.catch_warnings())
        stack.enter_context(_quiet())
        dspy.cache = Cache(enable_disk_cache=False, enable_memory_cache=False, disk_cache_dir=None)
        # without an own attribute, DSPy builds its cache when it is first asked for
        stack.callback(lambda: vars(dspy).pop("cache", None) if cache is None else setattr(dspy, "cache", cache))
        # a retriever's queue asks in a thread of its own for all that came within a tenth of a second: for no item, and
        # never twice alike; and a copy of it that cannot be made whole breaks
        stack.enter_context(mock.patch.object(Unbatchify, "__call__", lambda self, item: self.batch_fn([item])[0]))
        stack.enter_context(mock.patch.object(Unbatchify, "__deepcopy__", lambda self, memo: self, create=True))
        yield


@contextmanager
def _quiet() -> Iterator[None]:
    """DSPy logs every answer that does not parse, and draws bars: what matters of that is in the results."""
    names = [name for name in logging.root.manager.loggerDict if name == "dspy" or name.startswith("dspy.")]
    loggers = [logging.getLogger(name) for name in ("dspy", *names)]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    drawing = tqdm.tqdm.__init__

    def undrawn(self: Any, *arguments: Any, **options: Any) -> None:
        drawing(self, *arguments, **(options | {"disable": True}))

    try:
        with mock.patch.object(tqdm.tqdm, "__init__", undrawn):
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def adapter() -> dspy.Adapter:
    """The adapter that writes a stage's prompts: DSPy's own where neither task nor user chose one."""
    return dspy.settings.adapter or dspy.ChatAdapter()


@contextmanager
def attributed(item: str | None = None, purpose: Purpose | None = None) -> Iterator[list[Call]]:
    """`calls.scope`, which threads of DSPy's own (`dspy.Parallel`) inherit as well."""
    with calls.scope(item, purpose) as made, dspy.context(**{SCOPE: calls.current()}):
        yield made


def scored(context: Context) -> Callable[..., Score]:
    """The task's metric as a function that returns a `Score`; its own calls are its own, and ask the judge.

    Where the teacher's answers are the reference, agreement with them stands in for the metric.

    Raises:
        ConfigError: there is no metric.
        MetricError: it returns what is no verdict.
    """
    task, judge = context.task, context.judge()
    metric = agreement(context) if context.config.profile.by_teacher else task.judge()
    asked = {"lm": judge} if judge else {}

    def score(example: dspy.Example, prediction: dspy.Prediction, trace: Any = None) -> Score:
        more = {} if trace is None else {"trace": trace}
        with attributed(purpose="metric"), dspy.context(**asked), _kept_if_it_fails():
            verdict = metric(example, prediction, **more)
            return Score.of(awaited(verdict) if inspect.iscoroutine(verdict) else verdict, task.threshold)

    return score


def trial_metric(context: Context) -> Callable[..., Any]:
    """The task's metric as DSPy's optimizers ask for it.

    A score from 0 to 1 of a trial; with a trace, whether the answer may be shown as a demonstration; with the name of a
    predictor, as GEPA asks, `Prediction(score, feedback)`. An answer that did not parse may come as None and scores 0.
    """
    score, passed = scored(context), passes(context)

    def metric(
        example: dspy.Example, prediction: Any, trace: Any = None, pred_name: str | None = None, pred_trace: Any = None
    ) -> Any:
        if prediction is None:
            return 0.0
        if pred_name is not None:
            judged = score(example, prediction)
            feedback = judged.feedback or f"This answer got a score of {judged.value:g}, where 1 is the best."
            return dspy.Prediction(score=judged.value, feedback=feedback)
        return score(example, prediction).value if trace is None else passed(example, prediction, trace)

    return metric


def probe(
    context: Context,
    program: dspy.Module,
    example: dspy.Example,
    metric: Callable[..., Any] | None = None,
) -> list[tuple[Any, dict[str, Any], Any]]:
    """Ask a program about one row and judge its answer, so that an error of either costs one item and not all.

    `metric` judges instead of the task's own. The answers are on the tape like any other: who asks the same again pays
    nothing. Returns the trace, which is not whole where an answer does not parse.

    Raises:
        Exception: whatever the program, a call or the metric raised, with a note that says where.
    """
    judge = metric or scored(context)
    try:
        with attributed(str(example.id)), dspy.context(trace=[]):
            try:
                prediction = program(**example.inputs())
            except AdapterParseError:
                prediction = None
            trace = list(dspy.settings.trace)
            if prediction is not None:
                judge(example, prediction, *((trace,) if metric else ()))
    except Exception as error:
        error.add_note(
            f"Stage {context.stage.name!r} asked about row {example.id!r} first, so that nothing else was paid for."
        )
        raise
    return trace


def passes(context: Context) -> Callable[..., bool]:
    """Whether a trace is good enough to train on: the metric's stricter form, by the task's training threshold.

    Raises:
        MetricError: the metric grades, and the task says no threshold.
    """
    score, task = scored(context), context.task

    def passed(example: dspy.Example, prediction: dspy.Prediction, trace: Any = None) -> bool:
        # DSPy's bootstrap never hands over the trace, and the metric would judge by its lenient form
        with _kept_if_it_fails():
            return score(example, prediction, () if trace is None else trace).passes(task.training_threshold)

    return passed


@contextmanager
def watched(context: Context, examples: Sequence[dspy.Example]) -> Iterator[None]:
    """Attribute calls to the rows that a program is called with; fail if program, call or metric failed in the block.

    DSPy's optimizers take a failure for a wrong answer and go on, or end in an error of their own. From the first one
    on, no further call is paid for.
    """
    watch = _Watch(examples, context.tape.stop)
    with dspy.context(callbacks=[*dspy.settings.callbacks, watch], **{WATCH: watch}):
        try:
            yield
        except Exception as error:
            if watch.error is not None and watch.error is not error:
                raise watch.error from error
            raise
    if watch.error is not None:
        raise watch.error


@contextmanager
def _kept_if_it_fails() -> Iterator[None]:
    """DSPy's Evaluate takes an error of the metric for a score of 0."""
    try:
        yield
    except Exception as error:
        if (watch := dspy.settings.get(WATCH)) is not None:
            watch.failed(error)
        raise


class _Watch(BaseCallback):
    """Knows the row that a program was called with by its inputs, and the first error that anything ended in."""

    def __init__(self, examples: Sequence[dspy.Example], stop: Callable[[Exception], None]) -> None:
        self.error: Exception | None = None
        self._stop = stop
        self._items = {inputs_key(example.inputs().toDict()): str(example.id) for example in reversed(examples)}
        self._open: dict[str, Scope | None] = {}

    def on_module_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        item = self._items.get(inputs_key(inputs.get("kwargs", {})))
        if item is not None and not calls.current().item:
            self._open[call_id] = calls.enter(item)

    def on_module_end(self, call_id: str, outputs: Any | None, exception: BaseException | None = None) -> None:
        if call_id in self._open:
            calls.leave(self._open.pop(call_id))
            self.failed(exception)  # whatever the program caught is its own affair

    def on_lm_end(self, call_id: str, outputs: dict[str, Any] | None, exception: Exception | None = None) -> None:
        if not calls.current().item:  # a proposal, or the metric's
            self.failed(exception)

    def on_adapter_parse_end(
        self, call_id: str, outputs: dict[str, Any] | None, exception: Exception | None = None
    ) -> None:
        if isinstance(exception, AdapterParseError):
            exception.parsed_result = None  # DSPy's traces break on an answer that parses in part: take it for unparsed

    def failed(self, error: BaseException | None) -> None:
        """Keep the first error that is no answer that does not parse, and stop paying."""
        if isinstance(error, Exception) and not isinstance(error, AdapterParseError):
            self.error = self.error or error
            self._stop(self.error)


def inputs_key(inputs: Mapping[str, Any]) -> bytes:
    """The same for equal inputs of a program, whatever their order."""
    return orjson.dumps(dict(inputs), option=orjson.OPT_SORT_KEYS, default=repr)


def saved_program(program: dspy.Module) -> bytes:
    """What `program.save` writes as JSON."""
    state = program.dump_state() | {"metadata": {"dependency_versions": get_dependency_versions()}}
    return orjson.dumps(state, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
