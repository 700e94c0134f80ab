"""Reading our Markdown: headings, tables, links."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "deploy").glob("*.md")])

_CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")


def read(path: str) -> str:
    """A page by its path from the repository's root."""
    return (ROOT / path).read_text(encoding="utf-8")


def without_code(text: str) -> str:
    """The page without its code blocks."""
    return _CODE.sub("", text)


def section(text: str, title: str) -> str:
    """What stands under a heading, up to the next of the same level or above."""
    plain = without_code(text)
    headings = list(_HEADING.finditer(plain))
    for index, found in enumerate(headings):
        if found[2] == title:
            rest = [one for one in headings[index + 1 :] if len(one[1]) <= len(found[1])]
            return plain[found.end() : rest[0].start() if rest else None]
    raise AssertionError(f"no heading {title!r}")


def rows(text: str) -> list[list[str]]:
    """The cells of every table row, headers and rulers left out."""
    found, lines = [], text.splitlines()
    for number, line in enumerate(lines):
        ruler = number + 1 < len(lines) and re.fullmatch(r"\|[-|]+\|", lines[number + 1])
        if line.startswith("|") and not re.fullmatch(r"\|[-|]+\|", line) and not ruler:
            found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def code_blocks(text: str, language: str) -> list[str]:
    """The contents of the fenced blocks of one language; "" for those of none."""
    found: list[str] = []
    fence: str | None = None
    for line in text.splitlines(keepends=True):
        if not line.startswith("```"):
            if fence == language:
                found[-1] += line
        elif fence is not None:
            fence = None
        else:
            fence = line[3:].strip()
            if fence == language:
                found.append("")
    return found


def links(text: str) -> list[str]:
    """Where the links of a page lead."""
    return _LINK.findall(without_code(text))


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    return {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        for _, title in _HEADING.findall(without_code(text))
    }
