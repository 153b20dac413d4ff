"""Answer from what an embedding model finds; the index is made with the program."""

import dspy
from distillgate import Task

SHELVES = tuple(f"Book {number:02} stands on shelf {number % 5}." for number in range(20))


class Librarian(dspy.Module):
    def __init__(self):
        super().__init__()
        embedder = dspy.Embedder("openai/embedding", api_base="{url}", api_key="none", caching=True)
        self.search = dspy.retrievers.Embeddings(list(SHELVES), embedder, k=2)
        self.say = dspy.ChainOfThought("passages: list[str], question -> shelf: int")

    def forward(self, question):
        return self.say(passages=self.search(question).passages, question=question)


task = Task(
    name="library",
    program=Librarian,
    metric=lambda example, prediction, trace=None: prediction.shelf == example.shelf,
    inputs=("question",),
    label="shelf",
    labels=(0, 1, 2, 3, 4),
)
