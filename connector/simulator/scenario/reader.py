"""A document -> a scenario, or everything that is wrong with it at once."""

from collections.abc import Iterable, Mapping

import yaml

from connector.simulator.fault import FIELD_TYPES, complaints
from connector.simulator.happenings import Kind
from connector.simulator.nearest import nearest
from connector.simulator.orders import OrderType, Side
from connector.simulator.scenario import scalars
from connector.simulator.scenario.document import Document, Path, Value, parse
from connector.simulator.scenario.model import FOR_EVER, Scenario, Step, Trigger
from connector.simulator.scenario.scalars import Parser
from connector.simulator.scenario.vocabulary import (
    ACTS,
    EVERY_SYMBOL,
    FAULT,
    SCENARIO_KEYS,
    STEP_KEYS,
    Fields,
    Known,
)

ANYWHERE = Known()
WHEN = Fields(
    parsers={
        "event": scalars.one_of(Kind),
        "count": scalars.positive,
        "clientOrderId": scalars.text,
        "symbol": scalars.text,
        "account": scalars.text,
        "side": scalars.one_of(Side),
        "type": scalars.one_of(OrderType),
        "route": scalars.text,
        "since": scalars.one_of(("start", "previous")),
    },
    required=("event",),
)


class ScenarioError(Exception):
    """A scenario cannot be used. `faults`: all that is wrong, with line, path and what is allowed."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(self.faults))


def read(text: str, known: Known = ANYWHERE) -> Scenario:
    """Read a scenario from YAML or JSON text.

    Raises:
        ScenarioError: with every fault.
    """
    try:
        document = parse(text)
    except yaml.YAMLError as error:
        raise ScenarioError([f"not YAML: {' '.join(str(error).split())}"]) from error
    reader = Reader(document, known)
    scenario = reader.scenario()
    if reader.faults or scenario is None:
        raise ScenarioError(reader.complaints())
    return scenario


def shown(path: Path) -> str:
    """`steps[0].fault.delay_ms`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


class Reader:
    """Reads one document; what it cannot read becomes a fault, and reading goes on."""

    def __init__(self, document: Document, known: Known) -> None:
        self.document, self.known = document, known
        self.faults: list[tuple[Path, str]] = list(document.faults)

    def complaints(self) -> list[str]:
        """Return the faults in the order of the text."""
        placed = sorted(self.faults, key=lambda fault: self.document.line(fault[0]))
        return [
            f"line {self.document.line(path)}: {shown(path) or 'the scenario'}: {text}"
            for path, text in placed
        ]

    # --- parts ---------------------------------------------------------------------------------

    def scenario(self) -> Scenario | None:
        top = self._mapping((), self.document.value, SCENARIO_KEYS)
        if top is None:
            return None
        for name in ("name", "description", "steps"):
            if name not in top:
                self._fault((), f"{name} is missing")
        steps = top.get("steps", [])
        if not isinstance(steps, list) or ("steps" in top and not steps):
            self._fault(("steps",), "not a list of steps")
            return None
        rounds = self._rounds(top)
        read_steps = tuple(self._step(number, step) for number, step in enumerate(steps))
        if rounds == FOR_EVER and not any(_waits(step) for step in read_steps):
            self._fault(
                ("repeat",), "what is repeated for ever must wait somewhere: give a step `after` or `when`"
            )
        return Scenario(
            name=self._text((), top, "name"),
            description=self._text((), top, "description"),
            expect=self._text((), top, "expect"),
            steps=read_steps,
            rounds=rounds,
        )

    def _rounds(self, top: Mapping[str, Value]) -> int:
        if top.get("repeat") == "forever":
            return FOR_EVER
        return int(str(self._scalar((), top, "repeat", scalars.positive, "1") or 1))

    def _step(self, number: int, value: Value) -> Step:
        path: Path = ("steps", number)
        found = self._mapping(path, value, (*STEP_KEYS, *ACTS)) or {}
        acts = [name for name in found if name in ACTS]
        if len(acts) > 1:
            self._fault(path, f"does {' and '.join(acts)}; one thing a step")
        is_clear = isinstance(value, dict) and len(found) == len(
            value
        )  # else the unknown key is the complaint
        if not acts and "note" not in found and is_clear:
            self._fault(path, f"does nothing; give a note or one of {', '.join(ACTS)}")
        act = acts[0] if acts else ""
        values = self._values((*path, act), act, found[act]) if act else {}
        step = Step(
            number=number + 1,
            act=act,
            values=values,
            note=self._text(path, found, "note"),
            when=self._trigger((*path, "when"), found["when"]) if "when" in found else None,
            within_ms=self._milliseconds(path, found, "within"),
            after_ms=self._milliseconds(path, found, "after") or 0,
            for_ms=self._milliseconds(path, found, "for"),
            repeat=int(str(self._scalar(path, found, "repeat", scalars.positive, "1") or 1)),
        )
        self._check_together(path, step)
        return step

    def _check_together(self, path: Path, step: Step) -> None:
        if step.within_ms is not None and step.when is None:
            self._fault((*path, "within"), "limits the wait for `when`, which is missing")
        if step.for_ms is not None and not undoable(step):
            allowed = ", ".join(
                name + (f" ({s.undo})" if s.undo != "*" else "") for name, s in ACTS.items() if s.undo
            )
            self._fault((*path, "for"), f"{step.act or 'a note'} cannot be undone; these can: {allowed}")
        if step.when is not None and step.when.since_start and step.repeat > 1:
            self._fault((*path, "repeat"), "`since: start` is counted once and cannot be repeated")

    def _trigger(self, path: Path, value: Value) -> Trigger:
        found = self._fields(path, {"event": value} if isinstance(value, str) else value, self._checked(WHEN))
        kind = found.get("event")
        return Trigger(
            kind=Kind(str(kind)) if kind is not None else Kind.REQUEST,
            count=int(str(found.get("count", 1))),
            client_order_id=str(found.get("clientOrderId", "*")),
            symbol=str(found.get("symbol", "")),
            account=str(found.get("account", "")),
            side=str(found.get("side", "")),
            type=str(found.get("type", "")),
            route=str(found.get("route", "*")),
            since_start=found.get("since") == "start",
        )

    # --- acts ----------------------------------------------------------------------------------

    def _values(self, path: Path, act: str, value: Value) -> Mapping[str, object]:
        if act == FAULT:
            several = value if isinstance(value, list) else [value]
            return {"faults": [self._fault_fields(path, one) for one in several]}
        spec = ACTS[act]
        if isinstance(value, str) and spec.short:
            value = {spec.short: value}
        fields = self._checked(Fields(spec.fields, spec.required, spec.either), every=act == "status")
        found = self._fields(path, value, fields)
        if act == "clear_faults" and found.get("all") is False:
            self._fault(path, "write true, or leave the step out")
        return found

    def _checked(self, fields: Fields, *, every: bool = False) -> Fields:
        """Let symbols and accounts be those of the venue; with `every`, `*` stands for all symbols."""
        parsers = {name: self.known.parser(name) or parser for name, parser in fields.parsers.items()}
        if every and self.known.symbols is not None:
            parsers["symbol"] = scalars.one_of((EVERY_SYMBOL, *sorted(self.known.symbols)))
        return Fields(parsers, fields.required, fields.either)

    def _fault_fields(self, path: Path, value: Value) -> dict[str, object]:
        """Read the description of a fault: as `POST /sim/faults` takes it."""
        if not isinstance(value, dict):
            self._fault(path, "not a mapping with an action")
            return {}
        description: dict[str, object] = {}
        for name, item in value.items():
            is_number = int in FIELD_TYPES.get(name, ())
            if isinstance(item, str) and is_number:
                item_read = self._parsed((*path, name), item, scalars.whole)
                description[name] = 1 if item_read is None else item_read  # the complaint is made
            else:
                description[name] = item
        for name, complaint in complaints(description):
            self._fault((*path, name) if name in value else path, complaint)
        for name in ("symbol", "account"):
            if (parser := self.known.parser(name)) is not None and isinstance(value.get(name), str):
                self._parsed((*path, name), str(value[name]), parser)
        return description

    # --- leaves --------------------------------------------------------------------------------

    def _fields(self, path: Path, value: Value, fields: Fields) -> dict[str, object]:
        found = self._mapping(path, value, fields.parsers)
        if found is None:
            return {}
        for name in fields.required:
            if name not in found:
                self._fault(path, f"{name} is missing")
        for names in fields.either:
            if sum(name in found for name in names) != 1:
                self._fault(path, f"give one of {' and '.join(names)}")
        values = {}
        for name in found:
            parsed = self._scalar(path, found, name, fields.parsers[name])
            if parsed is not None:
                values[name] = parsed
        return values

    def _mapping(self, path: Path, value: Value, allowed: Iterable[str]) -> dict[str, Value] | None:
        """Return the known keys of a mapping; the others are faults."""
        names = tuple(allowed)
        if not isinstance(value, dict):
            self._fault(path, f"not a mapping of {', '.join(names)}")
            return None
        for name in value:
            if name not in names:
                hint = nearest(name, names)
                self._fault((*path, name), f"unknown key; {hint}one of {', '.join(names)}")
        return {name: item for name, item in value.items() if name in names}

    def _scalar(
        self, path: Path, found: Mapping[str, Value], name: str, parser: Parser, default: str | None = None
    ) -> object:
        value = found.get(name, default)
        if value is None:
            return None
        if not isinstance(value, str):
            self._fault((*path, name), "not a single value")
            return None
        return self._parsed((*path, name), value, parser)

    def _parsed(self, path: Path, value: str, parser: Parser) -> object:
        try:
            return parser(value)
        except ValueError as error:
            self._fault(path, str(error))
            return None

    def _text(self, path: Path, found: Mapping[str, Value], name: str) -> str:
        return str(self._scalar(path, found, name, scalars.text) or "").strip()

    def _milliseconds(self, path: Path, found: Mapping[str, Value], name: str) -> int | None:
        value = self._scalar(path, found, name, scalars.duration)
        return None if value is None else int(str(value))

    def _fault(self, path: Path, text: str) -> None:
        self.faults.append((path, text))


def _waits(step: Step) -> bool:
    return bool(step.after_ms or (step.when and step.within_ms != 0))


def undoable(step: Step) -> bool:
    """Whether `for` means something for what a step does."""
    if not step.act:
        return False
    undo = ACTS[step.act].undo
    if undo in ("", "*"):
        return bool(undo)
    name, _, value = undo.partition("=")
    return step.values.get(name) == value
