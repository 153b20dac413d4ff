"""The pytest plugin; its entry point is `distillgate.testing.plugin`."""
