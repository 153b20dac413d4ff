"""The page in a real browser: it fits, it is silent, it finds, and it needs neither a mouse nor eyes."""

import pytest

EVERYTHING = "document.querySelectorAll('details').forEach(one => { one.open = true })"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1440])
@pytest.mark.parametrize("name", ["usual", "hostile"])
def test_nothing_is_wider_than_the_window(opened, name, width, scheme):
    page = opened(name, width, scheme)
    page.js(EVERYTHING + "; document.querySelector('#item-table button').click()")
    assert page.js("return document.documentElement.scrollWidth") <= width
    assert page.complaints == []


def test_what_models_and_data_say_does_not_run(opened):
    page = opened("hostile")
    page.js("document.querySelector('#item-table button').click()")
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
    assert 0 < len(page.rows) < lost < 100
    assert page.found == f"{len(page.rows)} of 240 items"
    page.js("document.querySelector('#filters [type=reset]').click()")
    page.wait("document.getElementById('found').textContent === '240 items'")


def test_what_flipped_stands_first(opened):
    assert all("lost" in row for row in opened().rows[:5])


def test_an_item_opens_on_both_answers(opened):
    page = opened()
    page.js("document.querySelector('#item-table button').click()")
    said = page.js("return document.getElementById('detail').innerText")
    for words in ("optimised teacher:", "distilled student:", "entities", "summary", "recorded in"):
        assert words in said
    page.js("document.querySelector('#item-table button').click()")
    assert page.js("return document.getElementById('detail')") is None


def test_a_link_leads_to_its_item(opened):
    page = opened(fragment="#item=item-00239")
    assert page.js("return document.activeElement.innerText").startswith("item-00239")
    assert page.js("return document.activeElement.getAttribute('aria-expanded')") == "true"
    page.js("document.querySelector('a.id').click()")
    page.wait("document.activeElement.innerText.startsWith(document.querySelector('a.id').innerText)")


def test_ten_thousand_items_are_drawn_a_hundred_at_a_time_and_searched_at_once(opened):
    page = opened("large")
    assert len(page.rows) == 100
    assert page.found == "10,000 items"
    page.js("document.getElementById('next').click()")
    assert page.js("return document.getElementById('page').textContent") == "page 2 of 100"
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
    assert page.js("return document.activeElement.innerText") == "Skip to the items"
    page.js("document.querySelector('#item-table button').focus()")
    ActionChains(page.browser).send_keys(Keys.ENTER).perform()
    assert page.js("return document.activeElement.getAttribute('aria-expanded')") == "true"
    assert page.js("return getComputedStyle(document.activeElement).outlineStyle") == "solid"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_axe_finds_no_fault(opened, axe, width, scheme):
    page = opened("usual", width, scheme)
    page.js(EVERYTHING + "; document.querySelector('#item-table button').click()")
    assert axe(page) == []


def test_it_prints_in_ink_and_without_its_controls(opened):
    page = opened(scheme="light")
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert page.js("return getComputedStyle(document.getElementById('filters')).display") == "none"
    assert page.js("return getComputedStyle(document.querySelector('figure')).breakInside") == "avoid"
