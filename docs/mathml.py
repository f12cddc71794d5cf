"""Turns the pages' equations into MathML, which browsers draw without any script."""

import html
import re

from latex2mathml.converter import convert
from latex2mathml.symbols_parser import convert_symbol
from mkdocs.exceptions import PluginError


def on_page_content(page_html: str, **_: object) -> str:
    """MkDocs' hook: `arithmatex` has left \\(inline\\) and \\[display\\] TeX in the page."""

    def mathml(match: re.Match) -> str:
        display = "block" if match[1] == "[" else "inline"
        return _with_symbols(convert(html.unescape(match[2]), display=display))

    return re.sub(r"\\([\[(])(.+?)\\[\])]", mathml, page_html, flags=re.DOTALL)


def on_post_page(output: str, page: object, **_: object) -> str:
    """MkDocs' hook: TeX that a reader would see stops the build."""
    if shown := tex_shown(output):
        raise PluginError(f"{page} shows TeX as it was typed: {', '.join(shown)}.")
    return output


def tex_shown(page_html: str) -> list[str]:
    """Words that begin with a backslash in what a page shows; in code they may."""
    unseen = r"<(code|pre|script|style)\b.*?</\1>|<[^>]+>"
    text = re.sub(unseen, " ", page_html, flags=re.DOTALL)
    return re.findall(r"\\\S*", html.unescape(text))


def _with_symbols(mathml: str) -> str:
    r"""With the delimiters that `latex2mathml` has left as TeX, as of `\Big\langle`."""

    def symbol(match: re.Match) -> str:
        number = convert_symbol(match[1])
        return f">&#x{number};<" if number else match[0]

    return re.sub(r">(\\[a-zA-Z]+)<", symbol, mathml)
