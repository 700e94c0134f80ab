"""Every link of our pages leads somewhere in this repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, anchors, links


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_resolves(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    broken = []
    for link in links(text):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            broken.append(link)

    assert broken == []


def test_the_pages_an_operator_needs_are_there() -> None:
    names = {str(page.relative_to(ROOT)) for page in PAGES}

    assert {
        "README.md",
        "CHANGELOG.md",
        "docs/fix.md",
        "docs/operations.md",
        "docs/configuration.md",
        "docs/simulator.md",
        "deploy/RUNBOOK.md",
    } <= names
