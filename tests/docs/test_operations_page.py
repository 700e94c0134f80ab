"""docs/operations.md lists what the daemon logs and how it ends; the README says the same of its exit codes."""

from __future__ import annotations

import pytest

from connector import exits
from tests.docs.events import events
from tests.docs.pages import read, rows, section

PAGE = read("docs/operations.md")


def catalogue() -> list[tuple[str, str]]:
    """(level, event) of every row."""
    return [(cells[1], cells[0]) for cells in rows(section(PAGE, "Log events"))]


def test_every_event_the_code_logs_is_in_the_catalogue() -> None:
    """Whoever is woken by an event must find it here."""
    assert events() - set(catalogue()) == set()


def test_the_catalogue_has_no_event_that_the_code_does_not_log() -> None:
    assert set(catalogue()) - events() == set()


def test_no_event_is_listed_twice() -> None:
    assert len(set(catalogue())) == len(catalogue())


def test_every_error_says_what_to_do() -> None:
    """An error wakes a person."""
    for cells in rows(section(PAGE, "Log events")):
        if cells[1] == "error":
            assert len(cells[3]) > 20, cells[0]


@pytest.mark.parametrize("page", ["docs/operations.md", "README.md"])
def test_exit_codes_are_those_of_the_command(page: str) -> None:
    told = {
        int(cells[0]): cells[1]
        for cells in rows(read(page))
        if cells[0].isdigit() and int(cells[0]) in exits.MEANING and cells[1] in exits.MEANING.values()
    }

    assert told == exits.MEANING


def test_the_unit_restarts_what_the_page_says() -> None:
    """deploy/connector.service follows the table of exit codes."""
    asked = {int(cells[0]): cells[2] for cells in rows(section(PAGE, "Exit codes"))}
    unit = read("deploy/connector.service")
    line = next(line for line in unit.splitlines() if line.startswith("RestartPreventExitStatus="))
    prevented = {int(code) for code in line.partition("=")[2].split()}

    assert prevented == {code for code, answer in asked.items() if answer.startswith("no") and code}
    assert "Restart=on-failure" in unit.splitlines()
