"""The pytest plugin: name it in a root `conftest.py` as `pytest_plugins = ["distillgate.testing"]`."""

pytest_plugins = [
    "distillgate.testing.scrubbing",
    "distillgate.testing.options",
    "distillgate.testing.progress",
    "distillgate.testing.recording",
    "distillgate.testing.stages",
    "distillgate.testing.gates",
    "distillgate.testing.latency",
    "distillgate.testing.baseline",
    "distillgate.testing.workers",
    "distillgate.testing.summary",
]
