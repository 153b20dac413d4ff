"""Sort mails: urgency and topic are asked at the same time, in JSON."""

import asyncio
from typing import Literal

import dspy
from distillgate import Task


class Sorter(dspy.Module):
    def __init__(self):
        super().__init__()
        self.urgency = dspy.Predict(dspy.Signature("mail -> urgent: bool", "Does it have to be answered today?"))
        topic = dspy.Signature(
            {"mail": (str, dspy.InputField()), "topic": (Literal["offer", "complaint"], dspy.OutputField())}
        )
        self.topic = dspy.Predict(topic)

    async def aforward(self, mail):
        urgency, topic = await asyncio.gather(self.urgency.acall(mail=mail), self.topic.acall(mail=mail))
        return dspy.Prediction(urgent=urgency.urgent, topic=topic.topic)


async def both_right(example, prediction, trace=None):
    right = (prediction.urgent == example.urgent) + (prediction.topic == example.topic)
    return dspy.Prediction(score=right / 2, feedback="Look at the number." if right < 2 else "Right.")


task = Task(
    name="mails",
    program=Sorter,
    metric=both_right,
    inputs=("mail",),
    label="topic",
    threshold=1.0,
    adapter=dspy.JSONAdapter,
)
