"""The folders beside this file are projects of others: test_foreign_projects.py runs their tests in copies."""

from pathlib import Path

collect_ignore = [path.name for path in Path(__file__).parent.iterdir() if path.is_dir()]
