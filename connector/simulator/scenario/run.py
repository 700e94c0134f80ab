"""The engine: which step is due. Pure: what happens and what time it is come from outside."""

from dataclasses import dataclass
from typing import TypeAlias

from connector.simulator.happenings import Happening
from connector.simulator.scenario.model import FOR_EVER, Scenario, Step


@dataclass(frozen=True, slots=True)
class Do:
    """Act now. `trigger`: what the step waited for, if anything."""

    step: Step
    token: int
    trigger: Happening | None


@dataclass(frozen=True, slots=True)
class Undo:
    """The time of an act is over; `token` is that of its `Do`."""

    step: Step
    token: int


@dataclass(frozen=True, slots=True)
class Skip:
    """What the step waited for did not come within its time."""

    step: Step


@dataclass(frozen=True, slots=True)
class Finish:
    """Every step is done and undone."""


Instruction: TypeAlias = Do | Undo | Skip | Finish


@dataclass(slots=True)
class _Wait:
    """The happenings a step has counted, and when it had heard enough."""

    count: int = 0
    heard: Happening | None = None
    heard_ms: int = 0


class Run:
    """One performance of a scenario. Times are milliseconds of any clock that does not go back."""

    def __init__(self, scenario: Scenario, now_ms: int) -> None:
        self.scenario = scenario
        self.round = 1
        self.is_over = False
        self._position, self._repetition = 0, 1
        self._begun_ms = now_ms  # since when the present step waits
        self._waits = {step.number: _Wait() for step in scenario.steps}
        self._undos: list[tuple[int, Undo]] = []  # in the order they are due
        self._next_token = 1

    @property
    def step(self) -> Step | None:
        """The step that waits; None when all are done."""
        steps = self.scenario.steps
        return steps[self._position] if self._position < len(steps) else None

    @property
    def repetition(self) -> int:
        return self._repetition

    @property
    def counted(self) -> int:
        """How many of the happenings it waits for the present step has seen."""
        return self._waits[self.step.number].count if self.step else 0

    @property
    def in_force(self) -> list[Step]:
        """Steps whose undoing is still to come."""
        return [undo.step for _, undo in self._undos]

    def hear(self, happening: Happening, now_ms: int) -> bool:
        """Take note of a happening; whether `advance` may have something to say now."""
        complete = False
        for step in self.scenario.steps[self._position :]:
            when, wait = step.when, self._waits[step.number]
            if when is None or wait.heard is not None or not (step is self.step or when.since_start):
                continue
            if when.matches(happening):
                wait.count += 1
                if wait.count == when.count:
                    wait.heard, wait.heard_ms = happening, now_ms
                    complete = True
        return complete

    def advance(self, now_ms: int) -> list[Instruction]:
        """Return what is to be done by now, in order."""
        found: list[Instruction] = []
        while not self.is_over:
            undo_ms, step_ms = self._undo_ms(), self._step_ms()
            if undo_ms is not None and undo_ms <= now_ms and (step_ms is None or undo_ms <= step_ms):
                found.append(self._undos.pop(0)[1])
            elif step_ms is not None and step_ms <= now_ms:
                found.append(self._pass(now_ms))
            elif self.step is None and self._another_round(now_ms):
                continue
            elif self.step is None and not self._undos:
                self.is_over = True
                found.append(Finish())
            else:
                break
        return found

    @property
    def next_ms(self) -> int | None:
        """When `advance` has something to do if nothing happens before; None = only a happening helps."""
        times = [time for time in (self._undo_ms(), self._step_ms()) if time is not None]
        return min(times, default=None)

    def stop(self) -> list[Undo]:
        """End it now; return what is still to be undone."""
        self.is_over = True
        undos, self._undos = [undo for _, undo in self._undos], []
        return undos

    # --- inside --------------------------------------------------------------------------------

    def _undo_ms(self) -> int | None:
        return self._undos[0][0] if self._undos else None

    def _step_ms(self) -> int | None:
        """When the present step acts or is skipped, as far as is known."""
        step = self.step
        if step is None:
            return None
        if step.when is None:
            return self._begun_ms + step.after_ms
        wait = self._waits[step.number]
        if wait.heard is not None:
            return max(self._begun_ms, wait.heard_ms) + step.after_ms
        return None if step.within_ms is None else self._begun_ms + step.within_ms

    def _pass(self, now_ms: int) -> Instruction:
        """Do or skip the present step and go on to the next one, or to its repetition."""
        step = self.step
        assert step is not None
        wait = self._waits[step.number]
        if step.when is not None and wait.heard is None:
            self._repetition = step.repeat  # what did not come once is not waited for again
            self._go_on(step, now_ms)
            return Skip(step)
        do = Do(step, self._next_token, wait.heard)
        self._next_token += 1
        if step.for_ms is not None:
            self._undos.append((now_ms + step.for_ms, Undo(step, do.token)))
            self._undos.sort(key=lambda entry: entry[0])
        self._go_on(step, now_ms)
        return do

    def _go_on(self, step: Step, now_ms: int) -> None:
        self._begun_ms = now_ms
        if self._repetition < step.repeat:
            self._repetition += 1
            self._waits[step.number] = _Wait()
            self._begun_ms += step.for_ms or 0  # again only when undone
        else:
            self._position, self._repetition = self._position + 1, 1

    def _another_round(self, now_ms: int) -> bool:
        if self._undos or (self.scenario.rounds != FOR_EVER and self.round >= self.scenario.rounds):
            return False
        self.round += 1
        self._position, self._begun_ms = 0, now_ms
        self._waits = {step.number: _Wait() for step in self.scenario.steps}
        return True
