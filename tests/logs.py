"""A project that collects golden rows, and logs of its calls in every format."""

import random

import orjson

TASK = '''
from typing import Literal

import dspy
from distillgate import Task


class Route(dspy.Signature):
    """Which desk answers a message."""

    message: str = dspy.InputField()
    desk: Literal["billing", "delivery", "returns"] = dspy.OutputField()
    reasons: list[str] = dspy.OutputField()


def same_desk(example, prediction, trace=None):
    return prediction.desk == example.desk


task = Task("tickets", lambda: dspy.Predict(Route), same_desk, ("message",), label="desk", row=Route)
'''
SETTINGS = """
[tool.distillgate]
task = "routing_of_tickets:task"
pythonpath = ["lib"]
profile = "none"
{table}
[tool.distillgate.profiles.none]
teacher = {{ model = "openai/large" }}
student = {{ model = "openai/small" }}
"""
DESKS = ("billing", "delivery", "returns")
WORDS = [
    f"{first}{second}" for first in ("par", "lo", "mi", "tan", "ve", "ro") for second in "abcdefghijklmnopqrstuvwxyz"
]
BEGAN = 1_767_225_600
"""2026-01-01 00:00 UTC, when the first call was logged; one follows each minute."""

REMINDER = (
    "Respond with the corresponding output fields, starting with the field `[[ ## desk ## ]]` (must be formatted as a "
    "valid Python Literal['billing', 'delivery', 'returns']), then `[[ ## reasons ## ]]` (must be formatted as a valid "
    "Python list[str]), and then ending with the marker for `[[ ## completed ## ]]`."
)


def write_project(folder, table=""):
    """A project with the task of tickets and no golden data; `table` is TOML between its tables."""
    (folder / "lib").mkdir(parents=True)
    (folder / "lib" / "routing_of_tickets.py").write_text(TASK)
    (folder / "pyproject.toml").write_text(SETTINGS.format(table=table))


def messages(count, seed=1):
    """So many texts of 40 words, no two alike."""
    drawn = random.Random(seed)
    for number in range(count):
        yield f"case {number} " + " ".join(drawn.choices(WORDS, k=40))


def prompt(text):
    """The request as DSPy's ChatAdapter writes it."""
    return [
        {"role": "system", "content": "Your input fields are:\n1. `message` (str)\nYour objective is to route it."},
        {"role": "user", "content": f"[[ ## message ## ]]\n{text}\n\n{REMINDER}"},
    ]


def answer(desk, *reasons):
    """The answer to it."""
    told = orjson.dumps(list(reasons)).decode()
    return f"[[ ## desk ## ]]\n{desk}\n\n[[ ## reasons ## ]]\n{told}\n\n[[ ## completed ## ]]"


def completion(number, text, desk, finish_reason="stop"):
    """A stored completion with its request beside it."""
    message = {"role": "assistant", "content": answer(desk, "it says so"), "tool_calls": None}
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": BEGAN + 60 * number,
        "model": "gpt-4o-2024-08-06",
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason, "logprobs": None}],
        "usage": {"prompt_tokens": 200, "completion_tokens": 20, "total_tokens": 220},
        "metadata": {"tenant": f"tenant-{number % 50}"},
        "messages": prompt(text),
    }


def lines(records):
    """JSON Lines."""
    return b"".join(orjson.dumps(record) + b"\n" for record in records)


def write_completions(path, count, broken_every=100, repeated_every=10):
    """A log of so many stored completions: one of `broken_every` is cut off, one of `repeated_every` asked before."""
    with path.open("wb") as file:
        before = ""
        for number, text in enumerate(messages(count)):
            text = before if number % repeated_every == 1 else text
            line = orjson.dumps(completion(number, text, DESKS[number % 3]))
            file.write((line[:200] if number % broken_every == 0 else line) + b"\n")
            before = text
