"""From a logged call to a golden row: fields by name, by marker, or as the user says; never by guess."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from distillgate.collect.formats import text_of
from distillgate.collect.logged import Logged, PutAside, Record, at, seconds
from distillgate.collect.selection import Selection
from distillgate.collect.unformat import inputs_of, is_marked, json_of, outputs_of
from distillgate.errors import CollectError
from distillgate.golden import problem_of, schema_of
from distillgate.golden import text_of as shown
from distillgate.parsing import TABLE
from distillgate.task import Task

INSTRUCTIONS = ("system", "developer")
_SAID = {"True": True, "False": False, "None": None}
"""How DSPy writes these values, which JSON writes otherwise."""


class Mapper:
    """Makes rows of one task."""

    def __init__(self, task: Task, selection: Selection) -> None:
        """Raises `CollectError` where the selection names what the task does not have."""
        self._task, self._selection = task, selection
        schema = schema_of(task)
        self._declared = {name for name in (*schema.types, task.label) if name and name not in task.inputs}
        self._types: dict[str, TypeAdapter[Any]] = {
            name: TypeAdapter(annotation) for name, annotation in schema.types.items() if annotation is not str
        }
        self._open = not schema.types
        for key, valid in (("input_field", task.inputs), ("output_field", self._declared)):
            if (name := getattr(selection, key)) and name not in valid and not (key == "output_field" and self._open):
                raise CollectError(
                    f"{key} = {name!r} is no field of the task {task.name!r}; valid: {', '.join(sorted(valid))}"
                )
        if selection.input_field and len(others := set(task.inputs) - {selection.input_field, *selection.map}) > 0:
            raise CollectError(
                f"input_field = {selection.input_field!r}: the task needs {', '.join(sorted(others))} as well; say "
                f"where they stand in a record, as {sorted(others)[0]} = 'path.in.record' in {TABLE}.collect.map"
            )

    def row(self, logged: Logged) -> dict[str, Any]:
        """The fields of the row, without its id.

        Raises:
            PutAside: this call cannot become a row.
            CollectError: which field a prompt or an answer is, nobody said.
        """
        marked = False
        if isinstance(logged.asked, Mapping):
            row = {name: logged.asked[name] for name in self._task.inputs if name in logged.asked}
        else:
            if at(logged.asked, f"{len(logged.asked) - 1}.role") != "user":
                raise PutAside("conversation", "the last message is not the user's")
            text = text_of(logged.asked[-1])
            marked = is_marked(text)
            row = self._inputs(text, marked, logged)
        row |= self._outputs(logged, marked)
        for name, path in self._selection.map.items():
            if (value := at(logged.record, path)) is not None:
                row[name] = value
        return row

    def checked(self, row: Mapping[str, Any], identifier: str) -> dict[str, Any]:
        """The row with its id.

        Raises:
            PutAside: it breaks a rule of the task's.
        """
        whole = {"id": identifier, **row}
        if problem := problem_of(whole, self._task):
            raise PutAside("breaks-a-rule", problem)
        return whole

    def time(self, logged: Logged) -> float | None:
        """When the call was made, in seconds since 1970; None where the log does not say."""
        return seconds(at(logged.record, self._selection.time)) if self._selection.time else logged.time

    def cluster(self, row: Record, logged: Logged) -> str:
        """What the row depends on; empty where it is alone."""
        named = self._selection.cluster or self._task.cluster
        return _value(named, row, logged.record) if named else logged.session

    def stratum(self, row: Record, logged: Logged) -> str:
        """The value by which rows are sampled; empty where there is none."""
        named = self._selection.stratum or self._task.label
        return _value(named, row, logged.record) if named else ""

    def _inputs(self, text: str, marked: bool, logged: Logged) -> dict[str, Any]:
        if marked:
            needed = [name for name in self._task.inputs if name not in self._selection.map]
            return {name: self._typed(name, value) for name, value in inputs_of(text, needed).items()}
        if self._selection.marked:
            raise PutAside("other-fields", "the prompt has no markers of fields")
        if not self._selection.input_field:
            raise CollectError(
                "a prompt has no markers of DSPy's adapters, so which field it is has to be said: input_field "
                f"({', '.join(self._task.inputs)}) in [{TABLE}.collect] or --input-field, or marked = true (--marked) "
                "to put such prompts aside"
            )
        turns = [message for message in logged.asked if at(message, "role") not in INSTRUCTIONS]
        if len(turns) != 1:
            raise PutAside("conversation", f"{len(turns)} messages beside the instructions")
        return {self._selection.input_field: text}

    def _outputs(self, logged: Logged, marked: bool) -> dict[str, Any]:
        answered = logged.answered
        if isinstance(answered, str):
            return self._said(answered, marked)
        if self._open and answered is not logged.record:
            return {name: value for name, value in answered.items() if name not in self._task.inputs}
        return {name: answered[name] for name in self._declared if name in answered}

    def _said(self, answer: str, marked: bool) -> dict[str, Any]:
        fields: Mapping[str, Any] | None = None
        if is_marked(answer):
            fields = {name: self._typed(name, value) for name, value in outputs_of(answer).items()}
        elif self._selection.output_field and not marked:
            return {self._selection.output_field: self._typed(self._selection.output_field, answer)}
        else:
            fields = json_of(answer)
        if fields is not None:
            wanted = {name: value for name, value in fields.items() if name not in self._task.inputs}
            return wanted if self._open else {name: wanted[name] for name in self._declared if name in wanted}
        if marked:
            raise PutAside("other-fields", "the answer to a prompt of DSPy's has no fields")
        if not self._declared:
            return {}
        raise CollectError(
            "an answer is neither marked by DSPy's adapters nor a JSON object, so which field it is has to be said: "
            f"output_field ({', '.join(sorted(self._declared))}) in [{TABLE}.collect] or --output-field"
        )

    def _typed(self, name: str, text: str) -> Any:
        """A text as the value of its field: as it is where the type allows, else what its JSON says."""
        if (kind := self._types.get(name)) is None:
            return text
        try:
            kind.validate_python(text, strict=True)
        except ValidationError:
            if text in _SAID:
                return _SAID[text]
            try:
                return orjson.loads(text)
            except orjson.JSONDecodeError:
                return text
        return text


def _value(named: str, row: Record, record: Record) -> str:
    value = row[named] if named in row else at(record, named)
    return "" if value is None else shown(value)
