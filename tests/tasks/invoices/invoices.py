"""Read totals, dates and flags off invoices; most are paid, some have no due date."""

from typing import Literal

import dspy
import pydantic
from distillgate import Task


class Invoice(pydantic.BaseModel):
    total: float
    paid: bool
    due: str | None
    lines: int


class Row(pydantic.BaseModel):
    text: str
    status: Literal["paid", "open"]
    total: float
    due: str | None = None
    supplier: str
    country: str | None = None


class Reader(dspy.Module):
    def __init__(self):
        super().__init__()
        self.read = dspy.Predict(
            dspy.Signature({"text": (str, dspy.InputField()), "invoice": (Invoice, dspy.OutputField())})
        )

    def forward(self, text):
        invoice = self.read(text=text).invoice
        return dspy.Prediction(invoice=invoice, status="paid" if invoice.paid else "open")


def all_right(example, prediction, trace=None):
    read = prediction.invoice
    return read.total == example.total and read.due == example.get("due") and prediction.status == example.status


task = Task(
    name="invoices",
    program=Reader,
    metric=all_right,
    inputs=("text",),
    label="status",
    labels=("paid", "open"),
    row=Row,
    slices=("country",),
    cluster="supplier",
    secondary={"total_right": lambda example, prediction: float(prediction.invoice.total == example.total)},
)
