"""Debian's Chromium, driven by selenium; one browser for all tests here."""

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("selenium", reason="the driver comes with the extra 'browser'")
pytest.importorskip("matplotlib", reason="the page's plots come with the extra 'report'")
from distillgate.report.page import render
from selenium import webdriver

from tests.reports import HOSTILE, made_up

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic",
    "--no-first-run",
)  # fmt: skip


@pytest.fixture(scope="session")
def chromium():
    if not CHROMIUM or not DRIVER:
        pytest.skip("no chromium with chromedriver on the PATH: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield browser
    browser.quit()


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    """Name → address: a usual run, one that misses a gate, one full of hostile markup, one of 10,000 items."""
    folder = tmp_path_factory.mktemp("pages")
    runs = {
        "usual": made_up(240), "missed": made_up(240, least=1.02), "hostile": made_up(240, HOSTILE),
        "large": made_up(10_000),
    }  # fmt: skip
    for name, run in runs.items():
        (folder / f"{name}.html").write_text(render(run), "utf-8")
    return lambda name: (folder / f"{name}.html").as_uri()


class Opened:
    """One page in a window of a given width."""

    def __init__(self, browser, address):
        self.browser = browser
        browser.get_log("browser")
        browser.get(address)

    def js(self, script, *arguments):
        return self.browser.execute_script(script, *arguments)

    def wait(self, condition):
        """Until the JavaScript expression is true, five seconds at most."""
        script = f"""const done = arguments[0], until = performance.now() + 5000;
            (function look() {{
                if ({condition}) done(true);
                else if (performance.now() > until) done(false);
                else setTimeout(look, 20);
            }})()"""
        assert self.browser.execute_async_script(script), f"never: {condition}"

    @property
    def complaints(self):
        return [entry["message"] for entry in self.browser.get_log("browser")]

    @property
    def fragment(self):
        return self.js("return location.hash")

    def open(self, view):
        """One view of the opened item, else of the first."""
        self.js("if (!document.getElementById('detail')) document.querySelector('#item-table .open').click()")
        self.js(f"document.getElementById('tab-{view}').click()")

    def search(self, words):
        self.change("search", words, "input")

    def choose(self, name, value):
        self.change(f"filter-{name}", value, "change")

    def change(self, field, value, event):
        set_it = "const f = document.getElementById(arguments[0]); f.value = arguments[1];"
        self.js(f"{set_it} f.dispatchEvent(new Event(arguments[2]))", field, value, event)

    @property
    def rows(self):
        return self.js(
            "return [...document.querySelectorAll('#item-table > tbody > tr:not(.detail)')].map(row => row.innerText)"
        )

    @property
    def found(self):
        return self.js("return document.getElementById('found').textContent")


@pytest.fixture
def opened(chromium, pages):
    """`opened("usual", width=360, scheme="dark")`."""

    def opened(name="usual", width=1440, scheme="light", fragment=""):
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features, "media": "screen"})
        chromium.get("about:blank")
        return Opened(chromium, pages(name) + fragment)

    return opened


@pytest.fixture(scope="session")
def axe():
    """What axe-core finds on an opened page, one line a finding."""
    axe_core = pytest.importorskip("axe_core_python", reason="axe-core comes with the extra 'browser'")
    source = (Path(axe_core.__file__).parent / "axe.min.js").read_text("utf-8")

    def violations(page):
        page.js(source)
        found = page.browser.execute_async_script("axe.run().then(arguments[0])")["violations"]
        return [
            f"{one['id']}: {node['html'][:160]} {json.dumps(node['any'])[:300]}"
            for one in found
            for node in one["nodes"]
        ]

    return violations
