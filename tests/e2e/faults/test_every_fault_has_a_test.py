"""The 27 faults a gateway has to survive: each has tests that carry its number, and docs/faults.md names them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "faults.md"

FAULTS = {
    1: "the exchange answers 5xx, -1006, -1007, or the socket dies after the order was sent",
    2: 'the same, and "no such order" (-2013) for a while',
    3: '"Duplicate order sent."',
    4: "the user data stream drops, or falls silent, during a fill",
    5: "the same fill by reply and by stream; events doubled, out of order, late, lost",
    6: "the listen token expires; the exchange cuts the stream after 24 h, or announces that it will",
    7: "kill -9 between the journal and the request",
    8: "kill -9 after the exchange took the order, before any report",
    9: "kill -9 after the report was stored, before it was on the socket",
    10: "the OMS comes back with a lower sequence number",
    11: "the OMS comes back with a higher sequence number",
    12: "the OMS resets with 141=Y in the middle of the day",
    13: "ResendRequest over 10,000 messages and more, and again",
    14: "a ClOrdID(11) used before, without 97=Y",
    15: "PossResend(97)=Y with a known or an unknown ClOrdID(11)",
    16: "a half-open TCP connection",
    17: "a client that does not read",
    18: "slow, huge, garbled, unknown first messages; port scans",
    19: "a Logon with a wrong password, also with 141=Y",
    20: "a second Logon with the same comp IDs",
    21: "clocks: -1021 from the exchange; SendingTime(52) more than 120 s off",
    22: "429, 418, -1003, -1015, a banned address",
    23: "a cancel races a fill, comes before the acknowledgement, names an unknown or finished order",
    24: "an IOC or FOK that cannot trade whole, self-trade prevention",
    25: "borrowing refused, isolated pair not enabled, a liquidation",
    26: "exchange maintenance, refused connections, an expired TLS certificate",
    27: "disk full, store damaged, an exception in a callback, SIGTERM during traffic",
}

_TEST = re.compile(r"^(?:async )?def (test_fault_(\d+)_\w+)\(", re.MULTILINE)


class Row(NamedTuple):
    """One row of the page."""

    fault: str
    connector: str
    oms: str
    tests: tuple[str, ...]


def named_tests() -> Iterator[tuple[int, str]]:
    """Every test named after a fault, anywhere under tests/: its number and its name."""
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for name, number in _TEST.findall(file.read_text(encoding="utf-8")):
            yield int(number), name


def rows() -> dict[int, Row]:
    """The page's table."""
    found = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if cells and cells[0].isdigit():
            found[int(cells[0])] = Row(*cells[1:4], tuple(re.findall(r"`(\w+)`", cells[4])))
    return found


def test_every_test_that_names_a_fault_names_one_of_the_27() -> None:
    assert {number for number, _ in named_tests()} <= set(FAULTS)


def test_the_page_has_a_row_for_every_fault() -> None:
    assert {number: row.fault for number, row in rows().items()} == FAULTS


@pytest.mark.parametrize("number", sorted(FAULTS))
def test_every_fault_has_a_test_and_its_row_names_them_all(number: int) -> None:
    row = rows()[number]

    assert row.connector
    assert row.oms
    assert row.tests
    assert sorted(row.tests) == sorted(name for found, name in named_tests() if found == number)
