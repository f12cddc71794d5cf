"""Turns the pages' equations into MathML, which browsers draw without any script."""

import html
import re

from latex2mathml.converter import convert


def on_page_content(page_html: str, **_: object) -> str:
    """MkDocs' hook: `arithmatex` has left \\(inline\\) and \\[display\\] TeX in the page."""

    def mathml(match: re.Match) -> str:
        display = "block" if match[1] == "[" else "inline"
        return convert(html.unescape(match[2]), display=display)

    return re.sub(r"\\([\[(])(.+?)\\[\])]", mathml, page_html, flags=re.DOTALL)
