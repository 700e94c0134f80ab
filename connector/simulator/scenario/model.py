"""A scenario as values: steps in order, what each waits for, what it does and for how long."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from connector.simulator.happenings import Happening, Kind

FOR_EVER = 0  # a scenario that is repeated until stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """The `count`th happening that matches; empty matchers match everything, `*` stands for any text."""

    kind: Kind
    count: int = 1
    client_order_id: str = "*"
    symbol: str = ""
    account: str = ""
    side: str = ""
    type: str = ""
    route: str = "*"
    since_start: bool = False  # count from the start of the scenario, not from the step before

    def matches(self, happening: Happening) -> bool:
        return (
            happening.kind is self.kind
            and fnmatchcase(happening.client_order_id, self.client_order_id)
            and fnmatchcase(happening.route, self.route)
            and self.symbol in ("", happening.symbol)
            and self.account in ("", happening.account)
            and self.side in ("", happening.side)
            and self.type in ("", happening.type)
        )

    def __str__(self) -> str:
        names = [self.client_order_id, self.route, self.symbol, self.account, self.side, self.type]
        count = [f"number {self.count}"] if self.count > 1 else []
        return " ".join([self.kind, *(name for name in names if name not in ("", "*")), *count])


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step. It waits for `when`, then for `after_ms`, acts, and undoes it `for_ms` later.

    number: from 1. act: "" = it only waits and says its note. repeat: how often, each time with its own wait.
    within_ms: how long it waits for `when` before it is skipped; None = for ever.
    """

    number: int
    act: str = ""
    values: Mapping[str, object] = field(default_factory=dict)
    note: str = ""
    when: Trigger | None = None
    within_ms: int | None = None
    after_ms: int = 0
    for_ms: int | None = None
    repeat: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A named script. `expect`: what a good connector and OMS show under it, for people."""

    name: str
    description: str
    steps: tuple[Step, ...]
    expect: str = ""
    rounds: int = 1  # FOR_EVER = until stopped
