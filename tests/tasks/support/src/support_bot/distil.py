"""Draft an answer, then improve it: two predictors whose fields are the same."""

import re
from collections import Counter

import dspy
from distillgate import Task


class Bot(dspy.Module):
    def __init__(self):
        super().__init__()
        self.draft = dspy.Predict(dspy.Signature("question, policy -> answer", "Draft an answer from the policy."))
        self.improve = dspy.Predict(dspy.Signature("question, policy -> answer", "Answer in one polite sentence."))

    def forward(self, question, policy):
        draft = self.draft(question=question, policy=policy).answer
        return self.improve(question=question, policy=f"{policy} Draft: {draft}")


def words(text):
    return Counter(re.findall(r"\w+", text.lower()))


def token_f1(example, prediction, trace=None):
    expected, found = words(example.answer), words(prediction.answer)
    both = (expected & found).total()
    return 2 * both / (expected.total() + found.total()) if both else 0.0


def token_precision(example, prediction):
    found = words(prediction.answer)
    return (words(example.answer) & found).total() / found.total() if found else 0.0


task = Task(
    name="support",
    program=Bot,
    metric=token_f1,
    inputs=("question", "policy"),
    training_threshold=0.5,
    secondary={"token_precision": token_precision},
)
