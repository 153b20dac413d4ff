"""The pytest plugin: name it in a root `conftest.py` as `pytest_plugins = ["pipeline.testing"]`."""

pytest_plugins = [
    "pipeline.testing.scrubbing",
    "pipeline.testing.options",
    "pipeline.testing.progress",
    "pipeline.testing.recording",
    "pipeline.testing.stages",
    "pipeline.testing.gates",
    "pipeline.testing.latency",
    "pipeline.testing.baseline",
    "pipeline.testing.workers",
    "pipeline.testing.summary",
]
