"""Look up what is in stock with a tool; a judge reads the answers."""

import dspy
from distillgate import Task


def in_stock(number: str) -> str:
    """How many of an article are in stock."""
    return f"{int(number) * 3} pieces"


class Agent(dspy.Module):
    def __init__(self):
        super().__init__()
        self.agent = dspy.ReAct("question -> answer", tools=[in_stock], max_iters=3)

    def forward(self, question):
        return dspy.Prediction(answer=self.agent(question=question).answer)


def judged(example, prediction, trace=None):
    verdict = dspy.Predict("question, given -> verdict")(question=example.question, given=prediction.answer).verdict
    return verdict.strip().lower() == "yes"


task = Task(name="stock", program=Agent, metric=judged, inputs=("question",))
