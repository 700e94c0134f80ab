"""The fault engine: which faults act on a request or an event. Pure: the shells ask and obey.

A fault waits for a request or an event that matches, acts `count` times and is spent. Requests pass
the stages before -> processing -> after; events pass one stage on their way to a stream.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from connector.simulator.fault import EVENT_ACTIONS, Fault, read


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """What a fault is matched against. `client_ids`: every client order id the request or event names."""

    route: str = ""
    event: str = ""
    symbol: str = ""
    client_ids: tuple[str, ...] = ()
    account: str = ""


class FaultEngine:
    """The faults in force, oldest first."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self._next_id = 1

    def add(self, description: Mapping[str, object]) -> Fault:
        """Add a fault described by its field names; `delay_ms` and all else have defaults.

        Raises:
            FaultError: an unknown field, action or type.
        """
        return self.add_all([description])[0]

    def add_all(self, descriptions: Sequence[Mapping[str, object]]) -> list[Fault]:
        """Add several faults, or none if one of them cannot be used.

        Raises:
            FaultError: as `add`.
        """
        faults = [read(description) for description in descriptions]
        for fault in faults:
            fault.id, self._next_id = self._next_id, self._next_id + 1
        self.faults += faults
        return faults

    def clear(self, fault_id: int | None = None) -> int:
        """Remove one fault, or all; return how many."""
        kept = [] if fault_id is None else [fault for fault in self.faults if fault.id != fault_id]
        removed = len(self.faults) - len(kept)
        self.faults = kept
        return removed

    def take(self, occurrence: Occurrence) -> list[Fault]:
        """Return the faults that act on a request or event, using up one count of each."""
        if not self.faults:
            return []
        acting = [fault for fault in self.faults if _matches(fault, occurrence) and _acts(fault)]
        if acting:
            self.faults = [fault for fault in self.faults if not fault.is_spent]
        return acting


def _acts(fault: Fault) -> bool:
    if fault.skip > 0:
        fault.skip -= 1
        return False
    fault.acted += 1
    return True


def _matches(fault: Fault, occurrence: Occurrence) -> bool:
    if (fault.action in EVENT_ACTIONS) != bool(occurrence.event):
        return False
    name, pattern = (occurrence.event, fault.event) if occurrence.event else (occurrence.route, fault.route)
    return (
        fnmatchcase(name, pattern)
        and fault.symbol in ("", occurrence.symbol)
        and fault.account in ("", occurrence.account)
        and (not fault.client_id or any(fnmatchcase(i, fault.client_id) for i in occurrence.client_ids))
    )
