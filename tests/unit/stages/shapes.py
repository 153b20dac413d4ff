"""Programs of many shapes for one small task, and the endpoint's answers to them."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import dspy
import pydantic

COLOURS = ("red", "green", "blue", "black")
"""Questions read `Which colour is 03?`; the answer is a colour by the number."""


def colour(number: int) -> str:
    return COLOURS[number % 4]


class Plain(dspy.Module):
    """The simplest of them, and what the others inherit from."""

    def __init__(self) -> None:
        super().__init__()
        self.ask = dspy.ChainOfThought("question -> answer")

    def forward(self, question: str) -> dspy.Prediction:
        return self.ask(question=question)


class Twice(dspy.Module):
    """Two predictors with equal fields."""

    def __init__(self) -> None:
        super().__init__()
        self.draft = dspy.Predict(dspy.Signature("question -> answer", "Draft an answer."))
        self.check = dspy.Predict(dspy.Signature("question -> answer", "Check the draft."))

    def forward(self, question: str) -> dspy.Prediction:
        self.draft(question=question)
        return self.check(question=question)


class Agent(dspy.Module):
    """ReAct with a tool."""

    def __init__(self) -> None:
        super().__init__()
        self.agent = dspy.ReAct("question -> answer", tools=[look_up], max_iters=3)

    def forward(self, question: str) -> dspy.Prediction:
        return dspy.Prediction(answer=self.agent(question=question).answer)


def look_up(number: str) -> str:
    """The colour of a number."""
    return colour(int(number))


class Retrieving(dspy.Module):
    """Shows what an embedding model finds; the index is made with the program."""

    base = ""
    """URL of the endpoint that embeds."""

    corpus = tuple(f"{number:02} is {colour(number)}" for number in range(4))

    def __init__(self) -> None:
        super().__init__()
        self.ask = dspy.Predict("context, question -> answer")
        embedder = dspy.Embedder("openai/embedding", api_base=self.base, api_key="none", caching=False)
        self.search = dspy.retrievers.Embeddings(list(self.corpus), embedder, k=2)

    def forward(self, question: str) -> dspy.Prediction:
        found = self.search(question)
        return self.ask(context="; ".join(found.passages), question=question)


class Fact(pydantic.BaseModel):
    answer: str
    certain: bool
    number: int


class Structured(dspy.Module):
    """Answers with a Pydantic model."""

    def __init__(self) -> None:
        super().__init__()
        self.ask = dspy.Predict(
            dspy.Signature({"question": (str, dspy.InputField()), "fact": (Fact, dspy.OutputField())})
        )

    def forward(self, question: str) -> dspy.Prediction:
        fact = self.ask(question=question).fact
        return dspy.Prediction(answer=fact.answer, fact=fact)


class Seeing(dspy.Module):
    """Is shown a picture."""

    def __init__(self) -> None:
        super().__init__()
        fields: Any = {
            "picture": (dspy.Image, dspy.InputField()),
            "question": (str, dspy.InputField()),
            "answer": (str, dspy.OutputField()),
        }
        self.ask = dspy.Predict(dspy.Signature(fields))

    def forward(self, question: str) -> dspy.Prediction:
        png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
        dot = f"data:image/png;base64,{png}"
        return self.ask(picture=dspy.Image(url=dot), question=question)


class Remembering(dspy.Module):
    """Is told what was said before."""

    def __init__(self) -> None:
        super().__init__()
        fields: Any = {
            "history": (dspy.History, dspy.InputField()),
            "question": (str, dspy.InputField()),
            "answer": (str, dspy.OutputField()),
        }
        self.ask = dspy.Predict(dspy.Signature(fields))

    def forward(self, question: str) -> dspy.Prediction:
        before = dspy.History(messages=[{"question": "Which colour is 00?", "answer": "red"}])
        return self.ask(history=before, question=question)


class Later(dspy.Module):
    """Has an `aforward` only, and asks twice at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.first = dspy.Predict(dspy.Signature("question -> answer", "Answer."))
        self.second = dspy.Predict(dspy.Signature("question -> answer", "Answer again."))

    async def aforward(self, question: str) -> dspy.Prediction:
        answers = await asyncio.gather(self.first.acall(question=question), self.second.acall(question=question))
        return answers[1]


class Streaming(dspy.Module):
    """Shows its answer while it comes."""

    def __init__(self) -> None:
        super().__init__()
        self.ask = dspy.Predict("question -> answer")

    def forward(self, question: str) -> dspy.Prediction:
        listener = dspy.streaming.StreamListener(signature_field_name="answer")
        shown = dspy.streamify(self.ask, stream_listeners=[listener], async_streaming=False)
        return list(shown(question=question))[-1]


class CallingTools(dspy.Module):
    """Has its tool called by the endpoint's own protocol."""

    def __init__(self) -> None:
        super().__init__()
        fields: Any = {
            "question": (str, dspy.InputField()),
            "tools": (list[dspy.Tool], dspy.InputField()),
            "calls": (dspy.ToolCalls, dspy.OutputField()),
        }
        self.ask = dspy.Predict(dspy.Signature(fields))

    def forward(self, question: str) -> dspy.Prediction:
        (call,) = self.ask(question=question, tools=[dspy.Tool(look_up)]).calls.tool_calls
        return dspy.Prediction(answer=look_up(**call.args))


def reply(body: Any) -> str | dict[str, Any] | None:
    """What the endpoint says: models that begin with `student` are always wrong, but for the tuned ones."""
    last = _text(body["messages"][-1]["content"])
    system = _text(body["messages"][0]["content"])
    number = re.findall(r"Which colour is (\d\d)", last)
    if not number:
        return None
    right = "pink" if body["model"].startswith("student") else colour(int(number[-1]))
    if body.get("tools"):
        call = {"name": "look_up", "arguments": json.dumps({"number": number[-1]})}
        return {"content": None, "tool_calls": [{"id": "call-1", "type": "function", "function": call}]}
    if "verdict" in last + system:
        given = re.findall(r"(red|green|blue|black|pink)", last)
        values: dict[str, Any] = {"verdict": "yes" if colour(int(number[-1])) in given else "no"}
    elif "next_tool_name" in system:
        seen = "observation_0" in last
        arguments = {} if seen else {"number": number[-1]}
        name = "finish" if seen else "look_up"
        values = {"next_thought": "Look.", "next_tool_name": name, "next_tool_args": arguments}
    elif "`fact`" in system or '"fact"' in system:
        values = {"fact": {"answer": right, "certain": True, "number": int(number[-1])}}
    else:
        values = {"reasoning": "By its number.", "answer": right}
        if "`reasoning`" not in system and "reasoning" not in system:
            del values["reasoning"]
    if "JSON object" in last:
        return json.dumps(values)
    if "<answer>" in system + last:
        return "\n\n".join(f"<{name}>\n{_plain(value)}\n</{name}>" for name, value in values.items())
    if "[[ ##" not in system + last:
        return str(right)
    fields = [f"[[ ## {name} ## ]]\n{_plain(value)}" for name, value in values.items()]
    return "\n\n".join([*fields, "[[ ## completed ## ]]"])


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", "") for part in content or [])
