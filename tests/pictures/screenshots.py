"""Take the pictures that people look at before a release: `python -m tests.pictures.screenshots [--out FOLDER]`.

The page of `rrplan report` at two widths, light, dark and as printed, of a plan, of a run and of 5,000 nodes; the
screens of a terminal; the pictures of the documents. Into docs/_build/screenshots, which is no part of the repository.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from tests.pictures.__main__ import files
from tests.pictures.terminal import SCREENS, terminal_svg

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "docs" / "_build" / "screenshots"
EXAMPLE = ROOT / "fixtures" / "clusters" / "kubeadm"
WIDTHS = (1280, 400)
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
IMAGE = '<!doctype html><meta name="color-scheme" content="light dark"><img src="{}" style="max-width:100%">'
"""A page that shows a picture as README does."""
TYPED = {
    "in-progress": "rrplan apply spec.yaml --sandbox one --auto-approve",
    "refused": "rrplan plan refused.yaml --sandbox one",
    "rollback": "rrplan rollback --sandbox two --auto-approve",
    "status": "rrplan status --sandbox one",
    "stopped": "rrplan status --sandbox two",
}
"""What was typed where the screens of tests/golden/screens end; `done` is a picture of the documents."""


def reports(folder: Path) -> Iterator[Path]:
    """Pages as the program writes them: of a plan, of a run, and of a plan for 5,000 nodes."""
    from tests.bench.__main__ import SPEC

    def typed(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "rrplan", *words], cwd=folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"rrplan {' '.join(words)} ended with {done.returncode}:\n{done.stderr}")
        return done.stdout

    example = [word for name in ("kubernetes.yaml", "calico.yaml") for word in ("-f", str(EXAMPLE / name))]
    typed("plan", str(EXAMPLE / "spec.yaml"), *example, "--out", "plan.json")
    typed("report", "plan.json", *example, "--out", "report-plan.html")
    yield folder / "report-plan.html"
    typed("sandbox", "try", *example)
    typed("apply", "plan.json", "--sandbox", "try", "--auto-approve")
    run = json.loads(typed("runs", "--sandbox", "try", "-o", "json"))["runs"][0]["run"]
    typed("report", run, "--sandbox", "try", "--out", "report-run.html")
    yield folder / "report-run.html"
    (folder / "large.yaml").write_text(SPEC)
    typed("sandbox", "large", "--nodes", "5000")
    typed("plan", "large.yaml", "--sandbox", "large", "--out", "large.json")
    typed("report", "large.json", "--sandbox", "large", "--out", "report-large.html")
    yield folder / "report-large.html"


def taken(browser: Browser, page: Path, out: Path) -> Iterator[Path]:
    """A page at each width and in each theme, from top to bottom, and as it is printed."""
    for width in WIDTHS:
        for theme in THEMES:
            window = browser.new_page(
                viewport={"width": width, "height": 900}, color_scheme=theme, reduced_motion="reduce"
            )
            window.goto(page.as_uri())
            path = out / f"{page.stem}-{width}-{theme}.png"
            window.screenshot(path=path, full_page=True)
            yield path
            if width == WIDTHS[0] and theme == "light" and not page.with_suffix(".svg").exists():
                paper = out / f"{page.stem}.pdf"
                window.pdf(path=paper, format="A4", print_background=True)
                yield paper
            window.close()


def main() -> None:
    """All of them."""
    words = argparse.ArgumentParser(prog="python -m tests.pictures.screenshots", description=__doc__)
    words.add_argument("--out", type=Path, default=OUT, help="where they go")
    out: Path = words.parse_args().out.resolve()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("no Chromium on this machine\nhint: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        pictures = {path.name: text for path, text in files().items()}
        pictures |= {f"{screen}.svg": terminal_svg(screen, typed, screen) for screen, typed in TYPED.items()}
        for picture, text in pictures.items():
            (folder / picture).write_text(text)
            shown = IMAGE.format(picture)
            (folder / picture).with_suffix(".html").write_text(shown)
        pages = [*reports(folder), *((folder / picture).with_suffix(".html") for picture in pictures)]
        for page in pages:
            for path in taken(browser, page, out):
                sys.stdout.write(f"{path}\n")
        browser.close()
    assert TYPED.keys() | {"done"} == {path.stem for path in SCREENS.iterdir()}


if __name__ == "__main__":
    main()
