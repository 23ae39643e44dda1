"""Configuration of the documentation site; `make site` builds it."""

from bulkops.version import __version__

project = "bulkops"
release = __version__
html_title = f"bulkops {release}"
language = "en"

extensions = ["myst_parser"]
# Other pages link to headings, as they do on GitHub.
myst_heading_anchors = 4

html_theme = "furo"
html_show_copyright = False
html_copy_source = False
html_show_sourcelink = False
html_permalinks_icon = "#"
