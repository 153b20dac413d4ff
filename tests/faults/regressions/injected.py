"""Regressions and harmless changes: what is done to a recorded project, which test must fail, and what it must say."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distillgate.cassette.format import Recording, read, write
from distillgate.cassette.redact import Redactor

Change = Callable[[Path], object]
"""Takes the project's folder."""


@dataclass(frozen=True)
class Case:
    """One change."""

    name: str
    change: Change
    fails: str = ""
    """A regular expression for the tests that must fail, and no other may; empty for a harmless change, or where the
    run must not begin."""

    says: str = ""
    """A regular expression for what must be said."""

    never: str = "accept it with"
    """What must not be said: the wrong remedy."""

    run: tuple[str, ...] = ()
    """Arguments of pytest: the part of the run that the change touches."""


STUDENT = ("-k", "accepted and student")
TAPES = "cassettes/news/loopback"
BASELINE = "golden/news/loopback/baseline"
EDITED = r"not those that were recorded|cut off|not a cassette line|not JSON|not what|format"
DRIFT = ""
"""Of a change that may be intended, accepting is the right remedy."""


def text(name: str, old: str, new: str) -> Change:
    """Replace text in a file, by a regular expression."""

    def change(root: Path) -> None:
        path = root / name
        before = path.read_text("utf-8")
        after = re.sub(old, new, before, count=1, flags=re.MULTILINE)
        assert after != before
        path.write_text(after, "utf-8")

    return change


def lines(name: str, edit: Callable[[list[str]], list[str]]) -> Change:
    """Replace the lines of a file."""

    def change(root: Path) -> None:
        path = root / name
        path.write_text("".join(f"{line}\n" for line in edit(path.read_text("utf-8").splitlines())), "utf-8")

    return change


def objects(name: str, place: int, edit: Callable[[dict[str, Any]], object]) -> Change:
    """Change the JSON object on one line of a file."""

    def change(found: list[str]) -> list[str]:
        value = json.loads(found[place])
        edit(value)
        found[place] = json.dumps(value, ensure_ascii=False)
        return found

    return lines(name, change)


def tape(stage: str, edit: Callable[[Recording], Recording]) -> Change:
    """Write a tape as if it had been recorded so."""

    def change(root: Path) -> None:
        path = root / TAPES / f"{stage}.jsonl"
        write(path, edit(read(path)), Redactor())

    return change


def program(body: str, uses: str = "program=Other") -> Change:
    """Another task, made of the recorded one: `body` defines what `uses` puts in its place."""

    def change(root: Path) -> None:
        head = (
            "import dataclasses\nimport dspy\nfrom news.task import NewsClassifier, ClassifyNews, entity_f1, task\n\n"
        )
        end = f"\n\ntask = dataclasses.replace(task, {uses})\n"
        (root / "other.py").write_text(f"{head}{body}{end}", "utf-8")
        text("pyproject.toml", r'task = "news.task:task"', 'task = "other:task"\npythonpath = ["."]')(root)

    return change


def answering(statement: str) -> str:
    """A program that does something to its answer."""
    return f"""class Other(NewsClassifier):
    def forward(self, article):
        prediction = super().forward(article)
        {statement}
        return prediction"""


def _headers() -> Iterator[Case]:
    """A header without one of its fields, or with another value in it, is no header that was recorded."""
    for name in (
        *("format", "task", "profile", "stage", "models", "data", "seed", "recorded", "recorded_at", "upstream"),
        *("versions", "rules", "content", "digest"),
    ):
        for what, edit in {
            "without": lambda header, name=name: header["distillgate"].pop(name),
            "with another": lambda header, name=name: header["distillgate"].update({name: "other"}),
        }.items():
            change = objects(f"{TAPES}/student.jsonl", 0, edit)
            yield Case(f"tape {what} {name}", change, r"accepted\[student\]", EDITED, run=STUDENT)


def _swap(held: Recording) -> Recording:
    first, second, *rest = held.interactions
    import dataclasses

    bodies = dataclasses.replace(first, body=second.body), dataclasses.replace(second, body=first.body)
    return Recording(held.header, [*bodies, *rest])


def _timeless(held: Recording) -> Recording:
    import dataclasses

    return Recording(held.header, [dataclasses.replace(one, seconds=0.0) for one in held.interactions])


def _tapes() -> Iterator[Case]:
    """Lines that were edited, lost, cut off or merged; tapes that are missing, misplaced or replaced."""
    student, path = r"accepted\[student\]", f"{TAPES}/student.jsonl"
    for name, change, says in (
        ("an answer edited", text(path, "I would say", "I dare say"), EDITED),
        ("tokens edited", text(path, r'"completion_tokens":40|"out":40|40', "41"), EDITED),
        ("a line lost", lines(path, lambda found: found[:-1]), EDITED),
        ("a line twice", lines(path, lambda found: [*found, found[-1]]), EDITED),
        ("the last line cut", lambda root: (root / path).write_bytes((root / path).read_bytes()[:-40]), EDITED),
        ("a merge conflict", lines(path, lambda found: [found[0], "<<<<<<< ours", *found[1:]]), "merge conflict"),
        ("empty", lambda root: (root / path).write_bytes(b""), "empty"),
        ("no UTF-8", lambda root: (root / path).write_bytes((root / path).read_bytes() + b"\xff\n"), "UTF-8"),
        ("missing", lambda root: (root / path).unlink(), "unfinished: it lacks student"),
        ("another stage's", lambda root: shutil.copy(root / TAPES / "teacher.jsonl", root / path), "belong together"),
        ("one too many", lambda root: shutil.copy(root / path, root / TAPES / "pupil.jsonl"), "belongs to no stage"),
        (
            "answers swapped",
            tape("student", lambda held: Recording(held.header, held.interactions[1:])),
            "cassette miss",
        ),
        ("an answer too many", tape("student", _doubled), "were not replayed"),
    ):
        yield Case(f"tape: {name}", change, student, says, run=STUDENT)
    yield Case(
        "tape: seconds lost", tape("distilled", _timeless), r"gate\[latency_ratio\]|accepted\[distilled\]", "not measured",
        "", ("-k", "latency_ratio"),
    )  # fmt: skip
    yield Case(
        "tape: answers of two items swapped", tape("distilled", _swap), r"accepted\[distilled\]", "drifted", DRIFT,
        ("-k", "accepted and distilled"),
    )  # fmt: skip
    for upstream, stage in (("optimize", "optimized"), ("traces", "distill"), ("distill", "distilled")):
        change = tape(upstream, lambda held: Recording(held.header, held.interactions[::-1] + held.interactions[-1:]))
        test = r"saved\[distill\]" if stage == "distill" else rf"accepted\[{stage}\]"
        says = rf"do not belong together: {stage} was built on another recording of {upstream}|were not replayed"
        yield Case(f"tape: {upstream} recorded anew", change, test, says, run=("-k", _named(test)))


def _doubled(held: Recording) -> Recording:
    import dataclasses

    first = held.interactions[0]
    request = dataclasses.replace(first.request, body=first.request.body | {"seed": 7})
    return Recording(held.header, [*held.interactions, dataclasses.replace(first, request=request)])


def _named(test: str) -> str:
    return " and ".join(re.findall(r"\w+", test.replace("\\", " ")))


def _accepted() -> Iterator[Case]:
    """Accepted results that are not what the replay comes to: each field that an item has."""
    path, run, test = f"{BASELINE}/distilled.jsonl", ("-k", "accepted and distilled"), r"accepted\[distilled\]"

    def item(edit: Callable[[dict[str, Any]], object]) -> Change:
        return objects(path, 1, edit)

    for name, edit, says in (
        ("answer", lambda one: one.update(answer="gossip"), r"gossip \(\w+\) → "),
        ("answer with a dot", lambda one: one.update(answer=one["answer"] + "."), r"\w+\. \(\w+\) → \w+ \("),
        ("score", lambda one: one.update(score=1 - one["score"]), "drifted from the accepted results"),
        ("verdict", lambda one: one.update(correct=not one["correct"]), r"\((right|wrong)\) → "),
        ("entities", lambda one: one["outputs"].update(entities=[]), r"entities \[\] → "),
        ("summary", lambda one: one["outputs"].update(summary="Another."), r'summary "Another\." → '),
        ("an output gone", lambda one: one["outputs"].pop("reasoning"), "reasoning null → "),
        ("secondary metric", lambda one: one["secondary"].update(entity_f1=0.123), r"entity_f1 0\.12 → "),
        ("tokens", lambda one: one.update(prompt_tokens=1), "prompt tokens"),
        ("seconds", lambda one: one.update(seconds=9.0), "seconds"),
        ("calls", lambda one: one.update(calls=2), "calls"),
        ("alone", lambda one: one.update(alone=not one["alone"]), "ran alone"),
    ):
        yield Case(f"accepted: {name}", item(edit), test, says, DRIFT, run)
    for name, edit in (
        ("expected label", lambda one: one.update(expected="gossip")),
        ("slice", lambda one: one["slices"].update(difficulty="odd")),
    ):
        yield Case(f"accepted: {name}", item(edit), test, "golden data changed", run=run)
    yield Case("accepted: missing", lambda root: (root / path).unlink(), test, "no accepted results", "", run)
    yield Case("accepted: cut", lines(path, lambda found: found[:-1]), test, "not a baseline", run=run)
    yield Case("accepted: an item gone", lines(path, _fewer), test, "golden data changed", run=run)


def _fewer(found: list[str]) -> list[str]:
    header = json.loads(found[0])
    return [json.dumps(header | {"n": header["n"] - 1}), *found[2:]]


def _golden() -> Iterator[Case]:
    """Golden data that is not what was recorded over, or that no task could have."""
    test, run, student = "golden/news/test.jsonl", STUDENT, r"accepted\[student\]"
    changed = "golden data changed since student was recorded"
    swapped = {"politics": "sports", "sports": "health"}
    for name, change, says in (
        (
            "label",
            objects(test, 0, lambda r: r.update(category=swapped.get(r["category"], "politics"))),
            changed + "|names its own",
        ),
        (
            "text",
            objects(test, 0, lambda row: row.update(article=row["article"].replace(" the ", " that ", 1))),
            changed + "|verbatim",
        ),
        ("row gone", lines(test, lambda found: found[1:]), changed),
        (
            "training row",
            objects(
                "golden/news/train.jsonl",
                0,
                lambda row: row.update(difficulty="easy" if row["difficulty"] == "hard" else "hard"),
            ),
            changed,
        ),
        ("dev row gone", lines("golden/news/dev.jsonl", lambda found: found[1:]), changed),
        ("id", objects(test, 0, lambda row: row.update(id="renamed")), changed),
        ("row twice", lines(test, lambda found: [*found, found[0]]), "already used"),
        ("no JSON", lines(test, lambda found: [*found, "{"]), "not a JSON object"),
        ("unknown label", objects(test, 0, lambda row: row.update(category="gossip")), "category: Input should be"),
        ("field missing", objects(test, 0, lambda row: row.pop("article")), "article: missing"),
        ("wrong type", objects(test, 0, lambda row: row.update(entities="Ada")), "entities: Input should be"),
        ("split missing", lambda root: (root / "golden/news/dev.jsonl").unlink(), "No such file"),
    ):
        yield Case(f"golden: {name}", change, student, says, run=run)


def _programs() -> Iterator[Case]:
    """Programs, metrics and prompts that are not those of the recording."""
    test, run = r"accepted\[teacher\]", ("-k", "accepted and teacher and not optimized")
    asked = "class Other(NewsClassifier):\n    def __init__(self):\n        super().__init__()\n        predictor = self.classify.predict\n        "
    described = 'predictor.signature = predictor.signature.with_updated_fields("summary", desc="{}")'
    instructed = 'predictor.signature = predictor.signature.with_instructions("{}")'
    for name, body, says in (
        ("instruction", asked + instructed.format("Guess."), "cassette miss"),
        ("description of a field", asked + described.format("a limerick"), "cassette miss"),
        (
            "a demonstration",
            asked + 'predictor.demos = [dspy.Example(article="A", category="sports")]',
            "cassette miss|saved",
        ),
        (
            "input edited",
            "class Other(NewsClassifier):\n    def forward(self, article):\n        return super().forward(article + '!')",
            "cassette miss",
        ),
        ("one call more", answering("self.classify(article=article)"), "drifted|not replayed|cassette miss"),
        ("answer in capitals", answering("prediction.category = prediction.category.upper()"), r"→ [A-Z]+ \("),
        ("answer with a dot", answering('prediction.category += "."'), r"→ \w+\. \("),
        ("entities emptied", answering("prediction.entities = []"), r"entities \[.*\] → \[\]"),
        (
            "summary lost",
            answering("del prediction['summary']" if False else 'prediction.summary = ""'),
            r'summary ".*" → ""',
        ),
        ("a further output", answering('prediction.mood = "calm"'), 'mood null → "calm"'),
        ("raises", answering('raise KeyError("gone")'), "gone"),
    ):
        never = DRIFT
        yield Case(f"program: {name}", program(body), test, says, never, run)
    for name, uses, says in (
        ("metric always right", "metric=lambda *_, **__: True", r"wrong\) → \w+ \(right\)"),
        ("metric always wrong", "metric=lambda *_, **__: False", r"right\) → \w+ \(wrong\)"),
        ("secondary metric", 'secondary={"entity_f1": lambda *_: 0.5}', r"entity_f1 \d\.\d\d → 0\.50"),
        ("slices", 'slices=("category",)', "golden data changed"),
        ("another adapter", "adapter=dspy.JSONAdapter", "cassette miss"),
        ("metric that is none", 'metric=lambda *_, **__: "good"', "the metric returned 'good'"),
    ):
        yield Case(f"task: {name}", program("", uses), test, says, DRIFT, run)


def _settings() -> Iterator[Case]:
    """Bounds that are not reached, forgotten or misspelt; settings of other recordings."""
    own = "pyproject.toml"
    bounds = {
        "teacher_accuracy": ("min = 0.1", "min = 0.99"),
        "student_accuracy": ("min = 0.1", "min = 0.99"),
        "retention": (r"min = 0\.90", "min = 1.5"),
        "latency_ratio": ("max = 100", "max = 0.0001"),
    }
    for name, (old, new) in bounds.items():
        change = text(own, rf"({name} = {{ ){old}", rf"\g<1>{new}")
        yield Case(
            f"gate: {name} missed",
            change,
            rf"gate\[{name}\]|test_\w+",
            f"gate {name} FAILED: ",
            "",
            ("-k", f"gate and {name}"),
        )
    alone = ("-k", "gate")
    yield Case(
        "gate: its test deleted", _both(text(own, r"min = 0\.90", "min = 1.5"), lambda root: (root / "test_gates.py").unlink()),
        r"gate\[retention\]", "gate retention FAILED", "", ("-k", "retention"),
    )  # fmt: skip
    yield Case(
        "gate: all bounds removed", _both(text(own, r"\[tool\.distillgate\.gates\]\n(.+\n)+", ""), lambda root: (root / "test_gates.py").unlink()),
        r"gate", "no gate is configured", "", alone,
    )  # fmt: skip
    for name, change, says in (
        ("misspelt", text(own, "retention = ", "retentoin = "), r"gates\.retentoin is unknown; valid: "),
        ("bounds nothing", text(own, r"retention = \{ min = 0\.90 \}", "retention = {}"), "bounds nothing"),
        (
            "two prices",
            text(own, 'model = "openai/student"', 'model = "openai/student", price = { input = 1, output = 1 }'),
            "two prices",
        ),
        (
            "two prices of training",
            text(own, "poll_seconds = 0.01,", "poll_seconds = 0.01, usd_per_million_tokens = 3.0,"),
            "two prices",
        ),
        ("no student", text(own, r"student = .*\n", ""), "can never be measured"),
        (
            "unfinished skips",
            text(own, 'profile = "loopback"', 'profile = "loopback"\nunfinished = "skip"'),
            "unfinished",
        ),
        ("no such profile", text(own, 'profile = "loopback"', 'profile = "loop"'), "no profile 'loop'"),
        ("no such task", text(own, "news.task:task", "news.task:tsk"), "news.task has no 'tsk'"),
    ):
        yield Case(f"settings: {name}", change, ".*" if name == "no such task" else "", says, "", alone)
    for name, change, says in (
        (
            "model",
            text(own, "openai/student", "openai/pupil"),
            "student was recorded with openai/student, but the profile now names",
        ),
        (
            "temperature",
            text(own, 'model = "openai/student"', 'model = "openai/student", temperature = 0.5'),
            "cassette miss",
        ),
        (
            "longest answer",
            text(own, 'model = "openai/student"', 'model = "openai/student", max_tokens = 7'),
            "cassette miss",
        ),
    ):
        yield Case(f"settings: another {name}", change, r"accepted\[student\]", says, run=STUDENT)
    yield Case(
        "settings: another seed", text(own, 'profile = "loopback"', 'profile = "loopback"\nseed = 77'), r"saved\[optimize\]",
        "optimize was recorded with seed 9, now it is 77", run=("-k", "saved and optimize"),
    )  # fmt: skip
    yield Case(
        "settings: other hyperparameters", text(own, "n_epochs = 1", "n_epochs = 2"), r"saved\[distill\]", "cassette miss",
        run=("-k", "saved and distill"),
    )  # fmt: skip


def _both(*changes: Change) -> Change:
    def change(root: Path) -> None:
        for one in changes:
            one(root)

    return change


def _saved() -> Iterator[Case]:
    """Saved programs and reports of training that are not what the recording made."""
    folder = "golden/news/loopback"

    def whole(name: str, edit: Callable[[dict[str, Any]], object]) -> Change:
        def change(root: Path) -> None:
            path = root / folder / name
            value = json.loads(path.read_text("utf-8"))
            edit(value)
            path.write_text(json.dumps(value), "utf-8")

        return change

    def predictor(value: dict[str, Any]) -> dict[str, Any]:
        return next(child for name, child in value.items() if name != "metadata")

    for name, file, stage, edit in (
        ("instruction", "optimize.json", "optimize", lambda v: predictor(v)["signature"].update(instructions="Guess.")),
        ("demonstration", "optimize.json", "optimize", lambda v: predictor(v)["demos"].append({"article": "A."})),
        ("tuned model", "distill.json", "distill", lambda v: predictor(v)["lm"].update(model="openai/ft:other")),
        ("kept", "training.json", "distill", lambda v: v.update(kept=1)),
        ("job", "training.json", "distill", lambda v: v.update(job="ftjob-9")),
        ("field gone", "training.json", "distill", lambda v: v.pop("seconds")),
    ):
        says = f"{re.escape(file)} is not what the recording of {stage} made.*git restore"
        yield Case(f"saved: {name}", whole(file, edit), rf"saved\[{stage}\]", says, run=("-k", f"saved and {stage}"))
    missing = lambda root: (root / folder / "distill.json").unlink()  # noqa: E731
    yield Case("saved: missing", missing, r"saved\[distill\]", "the file is missing", run=("-k", "saved and distill"))


REGRESSIONS = [*_headers(), *_tapes(), *_accepted(), *_golden(), *_programs(), *_settings(), *_saved()]


def _harmless() -> Iterator[Case]:
    """What may change without anybody being told."""
    own = "pyproject.toml"
    for name in ("train", "dev", "test"):
        yield Case(f"order of {name}", lines(f"golden/news/{name}.jsonl", lambda found: found[::-1]))
    for stage in ("teacher", "optimize", "optimized", "traces", "student", "distill", "distilled"):
        yield Case(
            f"order of the tape of {stage}", lines(f"{TAPES}/{stage}.jsonl", lambda found: [found[0], *found[:0:-1]])
        )
    for threads in (1, 3, 5, 8, 16):
        yield Case(f"{threads} threads", text(own, "num_threads = 2", f"num_threads = {threads}"))
    for name, old, new in (
        ("another port", r"127\.0\.0\.1:\d+", "127.0.0.1:9"),
        ("another host", r"http://127\.0\.0\.1:\d+", "https://models.example"),
        ("a key", "num_threads = 2", 'num_threads = 2\napi_key_env = "SOME_KEY"'),
        ("a timeout", "num_threads = 2", "num_threads = 2\ntimeout_seconds = 3"),
        ("polls", "poll_seconds = 0.01", "poll_seconds = 20"),
        ("a budget", 'profile = "loopback"', 'profile = "loopback"\nmax_cost = 1.0'),
        ("another profile", r"\Z", '\n[tool.distillgate.profiles.new]\nteacher = { model = "openai/x" }\n'),
        ("a comment", r"\A", "# a comment\n"),
        ("a lower bound", r"min = 0\.90", "min = 0.80"),
        ("retirement", 'model = "openai/student"', 'model = "openai/student", retires = 2020-01-01'),
        ("a price of the machine", "machine_usd_per_hour = 0.1", "machine_usd_per_hour = 0.2"),
        ("a host", 'profile = "loopback"', 'profile = "loopback"\nhosts = ["search.example"]'),
    ):
        yield Case(name, text(own, old, new))
    yield Case(
        "versions in a saved program",
        text("golden/news/loopback/optimize.json", r'"dspy": "[\d.]+"', '"dspy": "3.4.9"'),
    )
    yield Case("training rows absent", lambda root: (root / "golden/news/loopback/training.jsonl").unlink())
    yield Case("an unrelated test", lambda root: (root / "test_else.py").write_text("def test_else(): pass", "utf-8"))
    yield Case("no test at all", lambda root: (root / "test_gates.py").unlink())
    yield Case("a folder beside", lambda root: (root / "docs").mkdir())


HARMLESS = list(_harmless())
