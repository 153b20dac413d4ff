"""Gather what the reports show from a lifecycle that has run; nothing here runs a stage."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from distillgate.errors import PriceError
from distillgate.report.places import places
from distillgate.report.run import Prompt, Run
from distillgate.results.verdict import Verdict
from distillgate.run.lifecycle import Lifecycle
from distillgate.stages.graph import STAGES

NOT_ASKED = "no test that ran asks for it"


def measured(lifecycle: Lifecycle) -> tuple[dict[str, Verdict], dict[str, str]]:
    """Gate → verdict for every bound of the settings, and gate → why for those that a missing price leaves open.

    Runs the stages that the gates ask for.

    Raises:
        DistillgateError: a stage cannot be replayed.
    """
    verdicts, unmeasured = {}, {}
    for name, gate in lifecycle.config.gates.items():
        try:
            verdicts[name] = lifecycle.verdict(gate)
        except PriceError as error:
            unmeasured[name] = str(error)
    return verdicts, unmeasured


def summarised(lifecycle: Lifecycle, verdicts: Mapping[str, Verdict], why: Mapping[str, str] | None = None) -> Run:
    """What terminal and Markdown show; `why` says why gates could not be measured, others were not asked for."""
    gates = lifecycle.config.gates
    return Run(
        lifecycle.task.name,
        lifecycle.report(),
        tuple(verdicts[name] for name in gates if name in verdicts),
        {name: (why or {}).get(name, NOT_ASKED) for name in gates if name not in verdicts},
        labels=lifecycle.task.labels,
        inputs=lifecycle.task.inputs,
        rows={str(row["id"]): row for row in lifecycle.golden.test},
    )


def gathered(
    lifecycle: Lifecycle,
    verdicts: Mapping[str, Verdict],
    folder: Path,
    why: Mapping[str, str] | None = None,
) -> Run:
    """The same with all that the page shows; links to recordings are made for a page in `folder`."""
    run = summarised(lifecycle, verdicts, why)
    optimized, notes = _saved(lifecycle.artefacts / "optimize.json")
    training = lifecycle.ledger.training
    return Run(
        run.task,
        run.summary,
        run.verdicts,
        run.unmeasured,
        run.labels,
        run.inputs,
        run.rows,
        plain=prompts(lifecycle.task.program().dump_state()),
        optimized=optimized,
        notes=notes,
        losses=tuple((step, loss) for step, loss in training.losses if math.isfinite(loss)) if training else (),
        places={card.stage: places(lifecycle, card.stage, folder) for card in run.pair},
        headers={stage: lifecycle.headers[stage] for stage in STAGES if stage in lifecycle.headers},
    )


def prompts(state: Mapping[str, Any]) -> tuple[Prompt, ...]:
    """The prompts of a program's state, as DSPy dumps and saves it.

    Raises:
        ValueError: it is no such state.
    """
    try:
        return tuple(
            Prompt(name, str(kept["signature"]["instructions"]), tuple(dict(demo) for demo in kept["demos"]))
            for name, kept in state.items()
            if name != "metadata"
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not the state of a DSPy program ({error!r})") from error


def _saved(path: Path) -> tuple[tuple[Prompt, ...], tuple[str, ...]]:
    try:
        return prompts(orjson.loads(path.read_bytes())), ()
    except FileNotFoundError:
        return (), (f"There is no saved optimised program {path.name}; recording the stage optimize writes it.",)
    except (OSError, ValueError) as error:
        return (), (f"The saved optimised program {path.name} cannot be read: {error}. Restore it from git.",)
