"""Wiring only: options, fixtures and summary live in `distillgate.testing`; start reading in `tests/gates/`."""

pytest_plugins = ["distillgate.testing"]
