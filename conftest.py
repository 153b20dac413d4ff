"""Wiring only: the options, fixtures, gates and summary live in `pipeline/testing/`; start reading in `tests/gates/`."""

pytest_plugins = ["pipeline.testing"]
