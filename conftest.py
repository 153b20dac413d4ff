"""Wiring only: options, fixtures and summary live in `pipeline/testing/`; start reading in `tests/gates/`."""

pytest_plugins = ["pipeline.testing"]
