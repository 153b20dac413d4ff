"""Training rows: each call of a trace as the student would be asked, and what the teacher answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dspy
import orjson

from distillgate.errors import StageError

NAME = "distillgate_predictor"
"""Attribute that tells a predictor's name, on whatever copy of it a trace holds."""


def named(program: dspy.Module) -> dspy.Module:
    """The same program, whose predictors tell their names on all copies."""
    for name, predictor in program.named_predictors():
        setattr(predictor, NAME, name)
    return program


class Rows:
    """Writes rows for a student's program; a predictor of the teacher's is the student's of the same name."""

    def __init__(self, plain: dspy.Module, adapter: dspy.Adapter) -> None:
        self._signatures = {_known(name): predictor.signature for name, predictor in plain.named_predictors()}
        self._adapter = adapter

    def check(self) -> None:
        """Refuse an adapter that cannot write rows, before a trace is paid for.

        Raises:
            StageError: names the adapter and those that can.
        """
        name = type(self._adapter).__name__
        for signature in self._signatures.values():
            called = [field for field in signature.output_fields.values() if field.annotation is dspy.ToolCalls]
            if called and self._adapter.use_native_function_calling:
                raise StageError(
                    f"no training rows can be written with {name}: it has tools called by the endpoint's own protocol, "
                    "and a row holds text. Give the task an adapter with use_native_function_calling=False"
                )
        reason = "its answers are written by two models, and a trace does not hold the first one's text"
        if not isinstance(self._adapter, dspy.TwoStepAdapter):
            try:
                for signature in self._signatures.values():
                    self._adapter.format(signature, [], dict.fromkeys(signature.input_fields, "x"))
                    self._adapter.format_assistant_message_content(
                        signature, dict.fromkeys(signature.output_fields, "x")
                    )
                return
            except NotImplementedError:
                reason = "it does not say how an answer is written (format_assistant_message_content)"
            except Exception:  # a made-up value that does not fit its field proves nothing
                return
        raise StageError(
            f"no training rows can be written with {name}: {reason}. Give the task another adapter "
            "(ChatAdapter, JSONAdapter, XMLAdapter)"
        )

    def check_predictors(self, trace: Sequence[tuple[Any, dict[str, Any], Any]]) -> None:
        """Refuse a trace of predictors that the student's program lacks.

        Raises:
            StageError: names the signature of the first.
        """
        for predictor, *_ in trace:
            if _known(getattr(predictor, NAME, "")) not in self._signatures:
                raise StageError(
                    f"the program asks with a predictor that it makes while it runs ({predictor.signature}), which no "
                    "student can be tuned for. Make it an attribute of the program in __init__"
                )

    def of(self, trace: Sequence[tuple[Any, dict[str, Any], Any]]) -> list[dict[str, Any]]:
        """The rows of one trace, ordered by what they say: concurrent calls end in any order."""
        self.check_predictors(trace)
        rows = [self._row(self._signatures[_known(getattr(predictor, NAME))], *call) for predictor, *call in trace]
        return sorted(rows, key=lambda row: orjson.dumps(row))

    def _row(self, signature: Any, inputs: Mapping[str, Any], outputs: Any) -> dict[str, Any]:
        messages = self._adapter.format(signature, [], dict(inputs))
        answer = self._adapter.format_assistant_message_content(signature, outputs)
        return {"messages": [*messages, {"role": "assistant", "content": answer}]}


def _known(name: str) -> str:
    """A predictor's name, the same for a `Predict` and for the one inside a `ChainOfThought`."""
    return name.removesuffix(".predict")
