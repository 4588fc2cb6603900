"""The page of `rrplan report` in Chromium: widths, themes, print, clicks, keys, and the rules of axe-core."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import lacks
from tests.support.reports import demo, page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDTHS = (1280, 400)
THEMES = ("light", "dark")


@dataclass(frozen=True)
class Pages:
    """A browser, and the files that it opens."""

    browser: Browser
    small: Path
    large: Path
    alone: Path


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """A report of 120 nodes, one of 5,000, and one without a cluster."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        lacks("no Chromium on this machine: apt-get install chromium")
    if find_spec("playwright") is None:
        lacks("the package playwright is not installed: make test installs it")
    from playwright.sync_api import sync_playwright

    folder = tmp_path_factory.mktemp("pages")
    for name, nodes in (("small", 120), ("large", 5000)):
        plan, snapshot = demo(nodes)
        (folder / f"{name}.html").write_text(page(plan, snapshot.state))
        (folder / "alone.html").write_text(page(plan))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield Pages(browser, *(folder / f"{name}.html" for name in ("small", "large", "alone")))
        browser.close()


def opened(browser: Browser, path: Path, width: int = 1280, theme: Any = "light") -> Page:
    """A page in a window of its own; whatever its console says, or it asks the network for, fails the test."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme, reduced_motion="reduce")
    made = context.new_page()
    said: list[str] = []
    made.on("console", lambda message: said.append(message.text))
    made.on("pageerror", lambda error: said.append(str(error)))
    made.on("request", lambda request: said.append(request.url) if request.url != path.as_uri() else None)
    made.goto(path.as_uri())
    made.said = said  # type: ignore[attr-defined]
    return made


def quiet(made: Page) -> None:
    """Nothing went wrong, and nothing was fetched; the window closes."""
    assert made.said == []  # type: ignore[attr-defined]
    made.context.close()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_stands_out_and_axe_finds_nothing(pages: Pages, width: int, theme: str) -> None:
    """At both widths and in both themes, also with every step open: no sideways scrolling, no rule of axe broken."""
    if find_spec("axe_playwright_python") is None:
        lacks("the package axe-playwright-python is not installed: make test installs it")
    spec = find_spec("axe_playwright_python")
    assert spec is not None
    assert spec.origin is not None
    axe = (Path(spec.origin).parent / "axe.min.js").read_text()
    for path in (pages.small, pages.alone):
        made = opened(pages.browser, path, width, theme)
        assert made.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
        made.click("#open-all")
        made.click("#forth")
        made.locator("svg.live .box").first.click()
        # The page's own policy lets no other script in; the driver evaluates it beside the page.
        made.evaluate(f"() => {{ {axe}; }}")
        result = made.evaluate("() => window.axe.run(document, {resultTypes: ['violations']})")
        found = [
            f"{rule['id']} ({rule['impact']}): {[node['html'][:90] for node in rule['nodes'][:3]]}"
            for rule in result["violations"]
        ]
        assert found == []
        quiet(made)


def test_the_slider_walks_the_steps(pages: Pages) -> None:
    """With keys and buttons; lines, roles, the mesh and the panel follow, and the words are announced."""
    made = opened(pages.browser, pages.small)
    place, words = made.locator("#place"), made.locator("#place-text")
    assert "Before the first step. 14,280 sessions; full mesh among 120 nodes." in words.inner_text()
    assert made.locator("#back").is_disabled()
    place.focus()
    for _ in range(15):
        made.keyboard.press("ArrowRight")
    assert "Step 15 of 29: promote rr-1 to reflector" in words.inner_text()
    assert "full mesh among 119 nodes" in words.inner_text()
    assert made.locator("svg.live .line.new").count() == 8
    assert made.locator("svg.live .box.reflector").count() == 1
    assert "476 ordered pairs have no path" in made.locator("#step-panel").inner_text()
    assert "rr-1 with 38 nodes of zone-a: 76 sessions" in made.locator("#step-panel").inner_text()
    made.keyboard.press("End")
    assert made.locator("#forth").is_disabled()
    assert made.locator("svg.live .box.reflector").count() == 6
    assert made.locator("svg.live .box.meshed").count() == 0
    assert "no full mesh" in (made.locator("svg.live .band").text_content() or "")
    made.click("#back")
    assert "Step 28 of 29" in words.inner_text()
    assert words.get_attribute("aria-live") == "polite"
    quiet(made)


def test_a_group_unfolds_and_its_nodes_have_sessions(pages: Pages) -> None:
    """By click and by key: the nodes of a group, and the sessions of the one that is selected at this step."""
    made = opened(pages.browser, pages.large)
    made.locator("#place").fill("29")
    box = made.locator("svg.live .box", has_text="1,665 nodes").first
    box.click()
    panel = made.locator("#node-panel")
    assert "1,665 nodes of zone-a" in panel.inner_text()
    assert panel.locator(".names button").count() == 200
    panel.locator(".names button", has_text="node-004").first.click()
    assert "Sessions of node-004" in panel.inner_text()
    assert panel.locator("tbody tr").count() == 6
    assert "its reflector" in panel.inner_text()
    assert made.evaluate("document.activeElement.textContent") == "node-004"
    # The first box takes the focus by tab, arrows move on, Enter selects, Escape lets go.
    boxes = made.locator("svg.live .box")
    assert made.locator("svg.live .box[tabindex='0']").count() == 1
    box.focus()
    made.keyboard.press("ArrowRight")
    made.keyboard.press("Enter")
    assert made.locator("svg.live .box[aria-pressed=true]").count() == 1
    made.keyboard.press("Escape")
    assert made.locator("svg.live .box[aria-pressed=true]").count() == 0
    assert boxes.count() == 9
    quiet(made)


def test_any_node_is_found(pages: Pages) -> None:
    """Among thousands, by a part of its name."""
    made = opened(pages.browser, pages.large)
    made.fill("#find", "node-4321")
    made.locator("#found button", has_text="node-4321").click()
    assert "Sessions of node-4321" in made.locator("#node-panel").inner_text()
    assert "every other node of the mesh (4,999)" in made.locator("#node-panel").inner_text()
    made.fill("#find", "nobody")
    assert "no such node" in made.locator("#found").inner_text()
    quiet(made)


def test_a_step_opens_from_the_graph(pages: Pages) -> None:
    """A box of the action graph leads to its step, which opens."""
    made = opened(pages.browser, pages.small)
    made.locator("svg.order a[href='#step-15']").click()
    made.wait_for_function("document.getElementById('step-15').open")
    assert made.locator("#step-15 .facts").is_visible()
    quiet(made)


def test_print_shows_everything_on_white(pages: Pages) -> None:
    """Whatever the theme: every step stands open, what only works on a screen is gone."""
    made = opened(pages.browser, pages.small, theme="dark")
    made.emulate_media(media="print")
    assert made.locator("#step-15 .facts").is_visible()
    assert not made.locator(".live-part").is_visible()
    assert not made.locator("nav").is_visible()
    assert made.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert made.evaluate("getComputedStyle(document.querySelector('h2')).color") == "rgb(27, 37, 48)"
    assert len(made.pdf(format="A4")) > 50_000
    quiet(made)


def test_without_scripts_everything_is_there_but_the_walk(pages: Pages) -> None:
    """As a mail program shows it: the answers, both pictures, and the steps."""
    context = pages.browser.new_context(java_script_enabled=False)
    made = context.new_page()
    made.goto(pages.small.as_uri())
    assert made.locator("#questions h3").count() == 5
    assert made.locator(".pair-of-figures svg").count() == 2
    assert not made.locator(".live-part").is_visible()
    assert made.locator("details.step").count() == 29
    context.close()
