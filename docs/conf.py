"""Sphinx builds the site from these pages: `make site`."""

project = "rrplan"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "packaging"]
html_theme = "furo"
html_title = "rrplan"
html_static_path: list[str] = []
html_extra_path = ["policies"]
myst_heading_anchors = 3
myst_enable_extensions = ["attrs_inline"]
# Everything that is shown is on disk: no font, script or image comes from elsewhere.
html_theme_options = {"source_edit_link": "", "footer_icons": []}
# Examples of output are no language.
highlight_language = "none"
