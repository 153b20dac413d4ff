"""`[tool.distillgate.collect]`: what of a log is which field, and how much of it becomes golden."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from distillgate.parsing import SETTINGS, Count, Flag, Number, Table


@dataclass(frozen=True, config=SETTINGS)
class Selection(Table):
    """What is collected. The command's options go before the table's keys of the same names."""

    format: str = ""
    """A name of `distillgate.collect.formats.FORMATS`; empty leaves it to the first records of each file."""

    map: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Field of a row → dotted path in a record, for what the log's shape does not say: `metadata.tenant`."""

    input_field: str = ""
    """The input that a prompt without DSPy's markers is, where there is one message beside the instructions."""

    marked: Flag = False
    """Whether a prompt without markers is none of the task's, and put aside."""

    output_field: str = ""
    """The output that an answer without markers is."""

    time: str = ""
    """Path of the time of a record, of which splits follow; empty leaves it to the format."""

    cluster: str = ""
    """Path, or field of a row, by which rows depend on each other; empty: the task's `cluster`, else what the format
    calls a session."""

    stratum: str = ""
    """Path, or field of a row, by whose values rows are sampled; empty: the task's label."""

    equal: Flag = False
    """Whether each stratum gets as many rows as any other, and not as many as its share of the log."""

    train: Count = 240
    dev: Count = 60
    test: Count = 240
    similarity: Annotated[Number, Field(ge=0.5, le=1)] = 0.6
    """Jaccard similarity of two inputs' words and pairs of words from which they count as the same text."""

    presidio: str = ""
    """An installed spaCy model (name or folder) with which Presidio, where installed, masks personal data too."""
