"""The page in a real browser: it fits, it is silent, it finds, and it needs neither a mouse nor eyes."""

import csv
import io

import pytest
from distillgate.results.numbers import dollars, percent, span

from tests.reports import COSTS, HOSTILE, made_up

VIEWS = ("answers", "messages")
EVERYTHING = "document.querySelectorAll('details').forEach(one => { one.open = true })"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1280, 1920])
@pytest.mark.parametrize("name", ["usual", "hostile"])
def test_nothing_is_wider_than_the_window(opened, name, width, scheme):
    page = opened(name, width, scheme)
    for view in VIEWS:
        page.open(view)
        page.js(EVERYTHING)
        assert page.js("return document.documentElement.scrollWidth") <= width
    wider = "[...document.querySelectorAll('main > section > *')].filter(one => one.scrollWidth > one.clientWidth + 1)"
    assert page.js(f"return {wider}.map(one => one.outerHTML.slice(0, 80))") == []
    assert page.complaints == []


def test_what_models_and_data_say_does_not_run(opened):
    page = opened("hostile")
    page.open("messages")
    assert "alert(1)" in page.js("return document.getElementById('detail').innerText")
    page.open("answers")
    assert page.js("return [document.images.length, document.scripts.length]") == [0, 2]
    assert "<script>alert(1)</script>" in page.js("return document.getElementById('detail').innerText")


def test_the_policy_stops_a_script_that_got_in(opened):
    page = opened()
    page.js("const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s)")
    assert page.js("return window.ran === undefined")
    assert any("Content Security Policy" in line for line in page.complaints)


def test_a_search_looks_in_everything_that_an_item_holds(opened):
    page = opened()
    page.search("item-00042")
    page.wait("document.getElementById('found').textContent === '1 of 240 items'")
    assert page.rows[0].startswith("item-00042")
    page.search("what DISTILLED says")
    page.wait("document.getElementById('found').textContent.startsWith('2')")
    page.search("nowhere to be found")
    page.wait("document.getElementById('found').textContent === '0 of 240 items'")
    assert page.rows == []


def test_filters_narrow_together_and_a_reset_undoes_them(opened):
    page = opened()
    page.choose("outcome", "lost")
    lost = len(page.rows)
    page.choose("slice-difficulty", "hard")
    assert 0 < len(page.rows) < lost < 25
    assert page.found == f"{len(page.rows)} of 240 items"
    assert page.fragment == "#outcome=lost&slice-difficulty=hard"
    page.js("document.querySelector('#filters [type=reset]').click()")
    page.wait("document.getElementById('found').textContent === '240 items'")


def test_what_flipped_stands_first(opened):
    assert all("lost" in row for row in opened().rows[:5])


def test_an_item_opens_on_both_answers_and_closes(opened):
    page = opened()
    page.js("document.querySelector('#item-table .open').click()")
    said = page.js("return document.getElementById('detail').innerText")
    for words in ("optimised teacher", "distilled student", "entities", "summary", "reasoning"):
        assert words in said
    assert page.fragment.startswith("#item=item-")
    page.js("document.querySelector('#item-table .open').click()")
    assert page.js("return document.getElementById('detail')") is None
    assert page.fragment == "#items"


def test_words_that_only_one_answer_has_are_marked(opened):
    page = opened(fragment="#outcome=both+right")
    page.open("answers")
    cells = (
        "[...document.querySelectorAll('#detail .fields tr')].find(row => row.innerText.startsWith('reasoning')).cells"
    )
    struck, added = page.js(
        f"return [...{cells}].slice(2).map(one => [...one.querySelectorAll('del, ins')].map(e => e.outerHTML))"
    )
    assert struck == ["<del>optimized</del>"]
    assert added == ["<ins>distilled</ins>"]


def test_the_messages_of_an_item_tell_each_call(opened):
    page = opened()
    page.open("messages")
    page.js(EVERYTHING)
    said = page.js("return document.getElementById('detail').innerText")
    for words in (
        "Your input field is `article`.", "An example.", "[[ ## article ## ]]", "[[ ## category ## ]]", "score 0.00",
        "540 (40 cached) in, 90 out", "tapes/distilled.jsonl:", "entity f1",
    ):  # fmt: skip
        assert words in said
    assert page.fragment.endswith("&view=messages")


def test_tabs_of_an_item_answer_to_arrow_keys(opened):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    page = opened()
    page.open("answers")
    page.js("document.getElementById('tab-answers').focus()")
    ActionChains(page.browser).send_keys(Keys.ARROW_RIGHT).perform()
    assert page.js("return document.activeElement.id") == "tab-messages"
    assert page.js("return document.activeElement.getAttribute('aria-selected')") == "true"


def test_the_address_brings_back_filters_sorting_and_opened_item(opened):
    page = opened()
    page.choose("outcome", "gained")
    page.js("document.querySelector('[data-sort=id] button').click()")
    page.js("document.querySelector('[data-sort=id] button').click()")
    page.open("messages")
    rows, fragment = page.rows, page.fragment
    again = opened(fragment=fragment)
    assert again.rows == rows
    assert again.js("return document.getElementById('filter-outcome').value") == "gained"
    assert again.js("return document.querySelector('[data-sort=id]').getAttribute('aria-sort')") == "descending"


def test_a_cell_of_a_matrix_shows_its_items(opened):
    page = opened()
    shown = page.js(
        "const a = document.querySelector('.matrix .miss a'); a.click(); return a.getAttribute('aria-label')"
    )
    number = shown.split()[0]
    page.wait(f"document.getElementById('found').textContent === '{number} of 240 items'")
    assert len(page.rows) == int(number)


def test_slices_are_free_and_lead_to_their_items(opened):
    page = opened()
    page.change("slice-by", "slice-difficulty", "change")
    page.change("slice-and", "expected", "change")
    rows = page.js("return [...document.querySelectorAll('#slice-table tbody tr')].map(row => row.innerText)")
    assert len(rows) == 12
    run = made_up(240)
    page.change("slice-and", "", "change")
    hard = page.js("return [...document.querySelectorAll('#slice-table tbody tr')].at(-1).innerText")
    rate = run.scorecards["distilled"].slices["difficulty"]["hard"]
    assert f"{rate.n}" in hard
    assert percent(rate.value) in hard
    assert span(rate.interval) in hard
    page.js("[...document.querySelectorAll('#slice-table tbody tr')].at(-1).querySelector('a').click()")
    page.wait(f"document.getElementById('found').textContent === '{rate.n} of 240 items'")


def test_a_column_sorts_by_what_its_numbers_mean(opened):
    page = opened()
    first = "return document.querySelector('#stage-table tbody th').firstChild.textContent"
    column = "[...document.querySelectorAll('#stage-table thead button')].find(one => one.textContent === 'p50')"
    page.js(f"{column}.click()")
    assert page.js(first) == "optimised teacher"  # the slowest, in seconds
    page.js(f"{column}.click()")
    assert page.js(first) == "untuned student"  # the fastest, in milliseconds


@pytest.mark.parametrize("calls", [0, 1, 250, 100_000, 123_456_789])
def test_the_saving_follows_the_calls_a_month(opened, calls):
    page = opened()
    page.change("calls", str(calls), "input")
    saved = calls * (COSTS["optimized"] - COSTS["distilled"]) / 1000
    shown = page.js("return ['saved-monthly', 'saved-yearly'].map(id => document.getElementById(id).textContent)")
    assert shown == [dollars(saved), dollars(12 * saved)]


def test_what_is_found_can_be_taken_away_as_csv(opened):
    page = opened("hostile", fragment="#outcome=lost")
    page.js(
        "window.taken = null; const made = URL.createObjectURL;"
        "URL.createObjectURL = (blob) => { blob.text().then((text) => { window.taken = text; }); return made(blob); };"
        "document.getElementById('csv').click()"
    )
    page.wait("window.taken !== null")
    rows = list(csv.DictReader(io.StringIO(page.js("return window.taken").removeprefix("\ufeff"))))
    lost = made_up(240, HOSTILE).comparison.lost
    assert [row["id"] for row in rows] == [teacher.id for teacher, _ in lost]
    assert [row["distilled student: answer"] for row in rows] == [student.answer or "unparsed" for _, student in lost]
    assert rows[0]["article"].endswith(HOSTILE)
    assert page.complaints == []


def test_the_verdict_stays_in_sight(opened):
    page = opened(width=360)
    page.js("document.getElementById('items').scrollIntoView()")
    assert page.js("return Math.round(document.querySelector('.stamp').getBoundingClientRect().top)") in range(30)
    page.wait("document.querySelector('.bar [aria-current]')?.textContent === 'Items'")


def test_a_link_leads_to_its_item(opened):
    page = opened(fragment="#item=item-00239")
    assert page.js("return document.activeElement.innerText").startswith("item-00239")
    assert page.js("return document.activeElement.getAttribute('aria-expanded')") == "true"
    page.js("document.querySelector('a.id').click()")
    page.wait("document.activeElement.innerText.startsWith(document.querySelector('a.id').innerText)")


def test_ten_thousand_items_are_drawn_twenty_five_at_a_time_and_searched_at_once(opened):
    page = opened("large")
    assert len(page.rows) == 25
    assert page.found == "10,000 items"
    page.js("document.getElementById('next').click()")
    assert page.js("return document.getElementById('page').textContent") == "page 2 of 400"
    took = page.js(
        "const s = document.getElementById('search'), t = performance.now(); s.value = 'item-09999';"
        "document.getElementById('filters').requestSubmit(); return performance.now() - t"
    )
    assert page.found == "1 of 10,000 items"
    assert took < 2000


def test_it_works_by_keyboard(opened):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    page = opened()
    ActionChains(page.browser).send_keys(Keys.TAB).perform()
    assert page.js("return document.activeElement.innerText") == "Skip to the content"
    page.js("document.querySelector('#item-table .open').focus()")
    ActionChains(page.browser).send_keys(Keys.ENTER).perform()
    assert page.js("return document.activeElement.getAttribute('aria-expanded')") == "true"
    assert page.js("return getComputedStyle(document.activeElement).outlineStyle") == "solid"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("name", ["usual", "missed"])
def test_axe_finds_no_fault(opened, axe, name, width, scheme):
    page = opened(name, width, scheme)
    for view in VIEWS:
        page.open(view)
        page.js(EVERYTHING)
        assert axe(page) == []


def test_it_prints_in_ink_and_without_its_controls(opened):
    page = opened(scheme="light")
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    for hidden in ("filters", "slice-by"):
        assert page.js("return document.getElementById(arguments[0]).checkVisibility()", hidden) is False
    assert page.js("return getComputedStyle(document.querySelector('.bar')).display") == "none"
    assert page.js("return getComputedStyle(document.querySelector('figure')).breakInside") == "avoid"
