"""The tables of docs/fix.md that are written from the code: python -m tests.docs.tables writes them again.

On the page a table stands between `<!-- table: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET  # our own file
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

from mappers import reasons
from mappers.fix_tags import LIMITED, MESSAGES, NAMES
from mappers.model import Side, SideEffectType

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "fix.md"

_BLOCK = re.compile(r"(<!-- table: (?P<name>[a-z ]+) -->\n).*?(<!-- end -->\n)", re.DOTALL)


@cache
def dictionary() -> Mapping[str, Mapping[int, str]]:
    """config/FIX44.xml: MsgType(35), or "header", to the tags it may carry and their names."""
    root = ET.parse(ROOT / "config" / "FIX44.xml").getroot()
    numbers = {one.attrib["name"]: int(one.attrib["number"]) for one in root.iterfind("fields/field")}
    components = {one.attrib["name"]: one for one in root.iterfind("components/component")}

    def names(node: ET.Element) -> Iterator[str]:
        for child in node:
            if child.tag == "component":
                yield from names(components[child.attrib["name"]])
            else:
                yield child.attrib["name"]
                yield from names(child)

    found = {one.attrib["msgtype"]: one for one in root.iterfind("messages/message")}
    header = root.find("header")
    assert header is not None
    return {
        kind: {numbers[name]: name for name in names(node)}
        for kind, node in {"header": header, **found}.items()
    }


def limited() -> list[str]:
    """Tags that would change what an order does (mappers.fix_tags.LIMITED), and who answers them."""
    order = dictionary()["D"]
    rows = ["| tag | name | honoured | refused by | why, and what to send instead |", "|---|---|---|---|---|"]
    for tag, (allowed, remedy) in LIMITED.items():
        answered = "35=8, 103=11" if tag in order else "35=3, 373=2"
        values = ", ".join(allowed) if tag in order else ""
        rows.append(f"| {tag} | {NAMES[tag]} | {values or 'nothing'} | {answered} | {remedy} |")
    return rows


def unsupported() -> list[str]:
    """mappers.fix_tags.MESSAGES."""
    rows = ["| 35 | message | instead |", "|---|---|---|"]
    return rows + [f"| {kind} | {name} | {remedy} |" for kind, (name, remedy) in MESSAGES.items()]


def venue_codes() -> list[str]:
    """Codes that decide OrdRejReason(103) whatever the text says."""
    by_reason: dict[int, list[int]] = {}
    for code, reason in reasons._ORDER_CODES.items():
        if code == -2013:
            continue  # answers questions; what it means for an order is decided by waiting (P4)
        by_reason.setdefault(reason, []).append(code)
    rows = ["| 103 | the venue's codes |", "|---|---|"]
    return rows + [f"| {reason} | {', '.join(map(str, by_reason[reason]))} |" for reason in sorted(by_reason)]


def venue_texts() -> list[str]:
    """Words that decide it where the code does not."""
    by_reason: dict[int, list[str]] = {}
    for words, reason in reasons._ORDER_TEXTS:
        by_reason.setdefault(reason, []).append(words)
    rows = ["| 103 | words in the venue's text |", "|---|---|"]
    return rows + [
        f"| {reason} | {'; '.join(f'`{words}`' for words in by_reason[reason])} |"
        for reason in sorted(by_reason)
    ]


def side_effects() -> list[str]:
    """SideEffectType.on_wire."""
    rows = [
        "| SideEffectType(6101) or `sideEffectType` | sent for a buy | sent for a sell |",
        "|---|---|---|",
    ]
    return rows + [
        f"| {effect} | {effect.on_wire(Side.BUY)} | {effect.on_wire(Side.SELL)} |"
        for effect in SideEffectType
    ]


TABLES: Mapping[str, Callable[[], list[str]]] = {
    "limited tags": limited,
    "unsupported messages": unsupported,
    "venue codes": venue_codes,
    "venue texts": venue_texts,
    "side effects": side_effects,
}


def rewritten(page: str) -> str:
    """The page with every table as the code has it now."""

    def table(found: re.Match[str]) -> str:
        return found[1] + "\n".join(TABLES[found["name"]]()) + "\n" + found[3]

    return _BLOCK.sub(table, page)


if __name__ == "__main__":
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
