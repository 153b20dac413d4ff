"""A project without golden data, and the command run in it."""

from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest
from distillgate.cli import main

from tests.logs import lines, write_project


@dataclass
class Project:
    root: Path
    capsys: pytest.CaptureFixture

    def log(self, records, name="log.jsonl"):
        (self.root / name).write_bytes(records if isinstance(records, bytes) else lines(records))
        return name

    def collect(self, *arguments):
        """Exit code, what it said, and what it said of errors."""
        code = main(["collect", *map(str, arguments)])
        return code, *self.capsys.readouterr()

    def rows(self, split):
        return [orjson.loads(line) for line in (self.golden / f"{split}.jsonl").read_bytes().splitlines()]

    @property
    def all_rows(self):
        return [row for split in ("train", "dev", "test") for row in self.rows(split)]

    @property
    def golden(self):
        return self.root / "golden" / "tickets"

    @property
    def aside(self):
        path = self.root / ".distillgate" / "collect" / "tickets-aside.jsonl"
        return [orjson.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


@pytest.fixture
def project(tmp_path, monkeypatch, capsys):
    """Made with `table` of an indirect parameter between its settings."""
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path, capsys)
