"""A flat package, run from its parent."""
