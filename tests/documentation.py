"""README and the pages of `pipeline/docs`, as the tests read them that hold them to the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCS = ROOT / "pipeline" / "docs"
PAGES = (README, *sorted(DOCS.glob("*.md")))

PARSER = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    language: str
    title: str
    text: str

    def __str__(self) -> str:
        """For ids of tests: the page and the block's first line."""
        return f"{self.page.stem}: {self.text.partition(chr(10))[0]}"


def tokens(page: Path) -> Iterator[Token]:
    """Every token of a page, those within lines included."""
    for token in PARSER.parse(page.read_text("utf-8")):
        yield token
        yield from token.children or ()


def blocks(page: Path, *languages: str) -> list[Block]:
    """The fenced blocks of a page in these languages."""
    found = []
    for token in tokens(page):
        language, _, rest = token.info.partition(" ")
        if token.type == "fence" and language in languages:
            title = re.search(r'title="(.*?)"', rest)
            found.append(Block(page, language, title[1] if title else "", token.content))
    return found


def every(*languages: str) -> list[Block]:
    """The fenced blocks of all pages in these languages."""
    return [block for page in PAGES for block in blocks(page, *languages)]


def inline(page: Path) -> list[str]:
    """What stands in backticks within the lines of a page."""
    return [token.content for token in tokens(page) if token.type == "code_inline"]


def matches(shown: str, printed: str) -> bool:
    """Whether `printed` holds what is shown; `…` on a line of its own stands for any lines, within a line for words."""
    lines = [r"(?:.*\n)*?" if line == "…" else f"{_line(line)}\n" for line in shown.rstrip("\n").split("\n")]
    return re.search(f"^{''.join(lines)}", f"{printed}\n", re.MULTILINE) is not None


def _line(shown: str) -> str:
    return ".*".join(re.escape(part) for part in shown.rstrip().split("…")) + r"[^\S\n]*"
