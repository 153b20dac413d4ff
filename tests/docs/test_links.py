"""Every link of README and docs leads somewhere, and every page is in the navigation."""

import re
from pathlib import Path

import pytest
import yaml

from tests.documentation import DOCS, PAGES, README, ROOT, tokens

HOME = re.compile(r"https://github\.com/distillgate/distillgate/(?:blob|tree)/main/([^#]+)")


def targets(page):
    attributes = (token.attrs for token in tokens(page))
    return [str(given[name]) for given in attributes for name in ("href", "src") if name in given]


def anchors(page):
    """As GitHub and MkDocs make them of headings."""
    found, heading = set(), False
    for token in tokens(page):
        if heading and token.type == "inline":
            words = re.sub(r"[^\w\s-]", "", token.content.lower())
            found.add(re.sub(r"\s+", "-", words.strip()))
        heading = token.type == "heading_open"
    return found


def broken(page):
    for target in targets(page):
        path, _, anchor = target.partition("#")
        if ours := HOME.fullmatch(target):
            found = ROOT / ours[1]
        elif re.match(r"https://[\w.-]+\.\w+", target):
            continue
        else:
            found = page.parent / path if path else page
            if page != README and DOCS not in found.resolve().parents:
                yield f"{target} leads out of the documentation; link to its address on GitHub"
        if not found.exists():
            yield f"{target} does not exist"
        elif anchor and anchor not in anchors(found):
            yield f"{target}: no such heading; there are {sorted(anchors(found))}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_its_links_lead_somewhere(page):
    assert list(broken(page)) == []


def test_every_page_is_in_the_navigation_once():
    def pages(entries):
        for entry in entries:
            (value,) = entry.values()
            yield from pages(value) if isinstance(value, list) else [value]

    settings = yaml.safe_load((DOCS.parent / "mkdocs.yml").read_text("utf-8"))
    assert sorted(pages(settings["nav"])) == sorted(path.name for path in DOCS.iterdir())


def test_the_readme_fits_in_150_lines_and_links_to_every_page_for_users():
    assert len(README.read_text("utf-8").splitlines()) <= 150
    linked = {Path(target).name for target in targets(README) if target.startswith("pipeline/docs/")}
    # the one is the README in other words, the other takes the pages to be built
    assert {page.name for page in PAGES[1:]} - linked == {"index.md", "api.md"}
