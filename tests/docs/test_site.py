"""The pages are built without a warning, and nothing in them asks the network."""

import re
import subprocess
import sys

import pytest

pytest.importorskip("material", reason="mkdocs-material comes with the extra 'docs'")
pytest.importorskip("mkdocstrings", reason="mkdocstrings comes with the extra 'docs'")
from tests.documentation import DOCS

pytestmark = pytest.mark.slow

LOADED = re.compile(r"""<(?:script|img|iframe|source)\b[^>]*\bsrc="?([^"\s>]+)|<link\b[^>]*\bhref="?([^"\s>]+)""")


def test_the_site_is_built_and_loads_nothing_of_others(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", DOCS.parent / "mkdocs.yml", "-d", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    pages = {path.stem: path.read_text("utf-8") for path in tmp_path.glob("*.html")}
    assert set(pages) == {path.stem for path in DOCS.glob("*.md")} | {"404"}
    loaded = {found[1] or found[2] for page in pages.values() for found in LOADED.finditer(page)}
    assert len(loaded) > 3
    assert [address for address in loaded if "//" in address] == []
    styles = "".join(path.read_text("utf-8") for path in tmp_path.rglob("*.css"))
    assert re.findall(r"url\([\"']?(?:https?:)?//", styles) == []
    for name in ("Task", "Scorecard", "latency_benchmark", "CassetteMissError"):
        assert re.search(rf'id="distillgate\.[\w.]+\.{name}"', pages["api"])
