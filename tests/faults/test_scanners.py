"""Measures the rules for secrets beside those of two scanners, on one corpus; the page on secrets tells the figures."""

import json
import os
import re
import shutil
import subprocess

import pytest
from distillgate.secrets.scrub import Scrubber

from tests.corpus import lines
from tests.documentation import DOCS

CORPUS = list(lines())
PAGE = (DOCS / "secrets.md").read_text("utf-8")


def figures(found):
    """Recall and false alarms, as the page writes them; `found` tells of each line whether a secret was found in it."""
    secret = [hit for line, hit in zip(CORPUS, found, strict=True) if line.secret]
    innocent = [hit for line, hit in zip(CORPUS, found, strict=True) if not line.secret]
    missed = sorted({line.kind for line, hit in zip(CORPUS, found, strict=True) if line.secret and not hit})
    print(
        "missed:",
        *missed,
        "\nfalse:",
        *(one.text for one, hit in zip(CORPUS, found, strict=True) if hit > bool(one.secret)),
    )
    return f"{sum(secret)} of {len(secret)} | {sum(innocent)} of {len(innocent)}"


def test_the_page_tells_how_many_secrets_the_rules_find_and_how_often_wrongly():
    scrubber = Scrubber()
    cleaned = [scrubber.text(line.text) for line in CORPUS]
    found = [
        line.secret not in text if line.secret else text != line.text
        for line, text in zip(CORPUS, cleaned, strict=True)
    ]
    assert said("these rules") == figures(found)


def test_the_page_tells_how_many_detect_secrets_finds(tmp_path):
    """Over a file, as its own command scans: a line alone it searches so eagerly that nearly every one is a secret."""
    detect_secrets = pytest.importorskip("detect_secrets", reason="detect-secrets is not installed")
    from detect_secrets.settings import default_settings

    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(line.text for line in CORPUS), "utf-8")
    secrets = [[] for _ in CORPUS]
    with default_settings():
        collection = detect_secrets.SecretsCollection()
        collection.scan_file(str(path))
        for _, one in collection:
            secrets[one.line_number - 1].append(one.secret_value)
    assert said("detect-secrets") == figures([hits(*pair) for pair in zip(CORPUS, secrets, strict=True)])


def test_the_page_tells_how_many_gitleaks_finds(tmp_path):
    """`DISTILLGATE_GITLEAKS` is the path of its program, where it is not on the path of this machine."""
    gitleaks = os.environ.get("DISTILLGATE_GITLEAKS") or shutil.which("gitleaks")
    if not gitleaks:
        pytest.skip("gitleaks is not installed (DISTILLGATE_GITLEAKS)")
    report = tmp_path / "report.json"
    arguments = ["stdin", "--no-banner", "--exit-code=0", f"--report-path={report}", "--report-format=json"]
    # each in a line of its own, far from the others: what stands near tells some rules of a name
    text = "\n\n\n".join(line.text for line in CORPUS)
    subprocess.run([gitleaks, *arguments], input=text, text=True, check=True, capture_output=True)
    secrets = [[] for _ in CORPUS]
    for one in json.loads(report.read_text("utf-8")):
        secrets[one["StartLine"] // 3].append(one["Secret"])
    assert said("gitleaks") == figures([hits(*pair) for pair in zip(CORPUS, secrets, strict=True)])


def hits(line, secrets):
    """Whether one of them holds or is in what is secret of the line; where nothing is, whether there is one at all."""
    return any(one and (one in line.secret or line.secret in one) for one in secrets)


def said(who):
    """What the page says of a scanner."""
    told = re.search(rf"^\| {who}[ \d.]* \| (.*) \|$", PAGE, re.MULTILINE)
    assert told, f"the page says nothing of {who}"
    return told[1]
