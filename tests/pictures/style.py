"""Colours that all pictures share, light and dark: those of the page of `rrplan report`."""

from __future__ import annotations

LIGHT = {
    "ink": "#1b2530",
    "soft": "#55636f",
    "paper": "#ffffff",
    "ground": "#f4f6f8",
    "edge": "#d3dae0",
    "accent": "#0b5cad",
    "mesh": "#b26a00",
    "good": "#11663b",
    "good-ground": "#e2f4ea",
    "bad": "#a3201d",
}
DARK = {
    "ink": "#e6ecf1",
    "soft": "#a3b1bd",
    "paper": "#161d24",
    "ground": "#0e1419",
    "edge": "#334150",
    "accent": "#79b8ff",
    "mesh": "#e5a045",
    "good": "#6fd39b",
    "good-ground": "#10301f",
    "bad": "#ff9a94",
}
SANS = "system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif"
MONO = "ui-monospace,SFMono-Regular,Menlo,Consolas,'Liberation Mono','DejaVu Sans Mono',monospace"


def colours() -> str:
    """CSS that gives each colour its name; a page that shows a picture by `<img>` passes its theme on."""
    light, dark = (";".join(f"--{name}:{value}" for name, value in theme.items()) for theme in (LIGHT, DARK))
    return f"svg{{{light}}}@media (prefers-color-scheme:dark){{svg{{{dark}}}}}"


def head(width: int, height: int, font: str) -> str:
    """How a picture begins; its elements `title` and `desc` are what a screen reader says."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-labelledby="title desc" font-family="{font}">'
    )
