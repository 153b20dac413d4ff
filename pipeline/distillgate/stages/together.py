"""BetterTogether: prompt and weights of the student in turn, as one stage with one fine-tuning job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distillgate.stages.distill import Distillation, tuning
from distillgate.stages.optimize import OPTIMIZERS
from distillgate.stages.spec import JUDGE, PROPOSER, Role, Stage
from distillgate.stages.teaching import TRACES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from distillgate.config import Config
    from distillgate.golden import Golden
    from distillgate.stages.context import Context
    from distillgate.task import Task


def together(role: Role, suffix: str = "", repeat: int = 0, title: str = "BetterTogether", steps: int = 3) -> Stage:
    """The stage that optimises the prompt of a student and tunes it, in `steps` steps: `together` and a `suffix`."""

    def run(context: Context) -> Distillation:
        from distillgate.stages.bettertogether import compile_together

        return compile_together(context)

    def check(config: Config, task: Task, golden: Golden) -> None:
        from distillgate.stages.bettertogether import check

        check(config, task, golden, role)

    def calls(rows: Mapping[str, int]) -> int:
        return (steps + 1) * rows["dev"] + (steps - 1) * OPTIMIZERS["miprov2"].calls(rows)  # type: ignore[arg-type]

    return tuning(
        f"together{suffix}",
        title,
        run,
        (TRACES.name,),
        role,
        suffix,
        repeat,
        check,
        roles=(role, PROPOSER, JUDGE),
        purpose="optimizer",
        explores=True,
        estimate=calls,
    )
