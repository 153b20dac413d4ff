"""One self-contained HTML file: no network, no framework, readable in light and dark, by keyboard and in print."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from distillgate.errors import MissingExtraError
from distillgate.report.run import Run, uncertain
from distillgate.secrets.known import scrubbed

if TYPE_CHECKING:
    from jinja2 import Environment

EXTRA = {"jinja2": "report", "matplotlib": "report"}
"""What draws the page, and the extra that brings it."""


def require() -> None:
    """Refuse early where what draws the page is absent.

    Raises:
        MissingExtraError: names the package and the extra.
    """
    from importlib.util import find_spec

    for package, extra in EXTRA.items():
        if find_spec(package) is None:
            raise MissingExtraError(package, extra)


def render(run: Run) -> str:
    """The whole page. The same run gives the same bytes; what models and data say is text in it.

    Raises:
        MissingExtraError: Jinja2 or matplotlib is not installed.
    """
    require()
    from markupsafe import Markup

    from distillgate.report.page.bullets import tally
    from distillgate.report.page.sections import SECTIONS, deciding, judged

    sections = [
        (one, Markup(_templates().get_template(f"{one.name}.html").render(run=run, **variables)))  # noqa: S704
        for one in SECTIONS.values()
        if (variables := one.variables(run)) is not None
    ]
    shown = [one.name for one, _ in sections]
    unsure = uncertain(run.verdicts) if run.decision.state == "yes" else ""
    style, script = (_assets(["page", *shown], kind) for kind in ("css", "js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        _templates()
        .get_template("page.html")
        .render(
            run=run,
            sections=sections,
            headline=run.decision.headline.removesuffix(unsure),
            unsure=unsure.removeprefix(", "),
            figures=list(deciding(run)),
            tally=tally(judged(run)),
            style=style,
            script=script,
            digest=digest,
        )
    )


@cache
def _templates() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    return Environment(
        loader=FunctionLoader(_asset),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_clean,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _clean(value: Any) -> Any:
    """Secrets are replaced before a text is escaped, because afterwards it may read differently."""
    return scrubbed(value) if type(value) is str else value


def _assets(names: list[str], kind: str) -> str:
    """The styles or scripts of these parts, as far as they have one of their own."""
    there = [
        f"{name}.{kind}" for name in names if (resources.files(__name__) / "templates" / f"{name}.{kind}").is_file()
    ]
    return "\n".join(map(_asset, there))


def _asset(name: str) -> str:
    return (resources.files(__name__) / "templates" / name).read_text("utf-8")
