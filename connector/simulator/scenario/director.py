"""Plays a scenario on the running loop: hears what happens, wakes when a step is due, tells how it goes."""

import asyncio
from collections import deque
from collections.abc import Callable

from connector.simulator.errors import VenueError
from connector.simulator.fault import FaultError
from connector.simulator.happenings import Happening, Kind
from connector.simulator.operations import ControlError
from connector.simulator.scenario.model import FOR_EVER, Scenario, Step
from connector.simulator.scenario.progress import Progress, Result
from connector.simulator.scenario.run import Do, Finish, Instruction, Run, Skip, Undo
from connector.simulator.scenario.stage import Back, Call, Stage
from connector.simulator.world import World

KEPT_LINES = 1000
IMPOSSIBLE = (ControlError, VenueError, FaultError)


class Director:
    """Plays one scenario at a time. `speed`: how much faster than written its times pass."""

    def __init__(self, world: World, call: Call, *, speed: float = 1.0) -> None:
        self.world, self.speed = world, speed
        self.listeners: list[Callable[[Progress], None]] = []
        self.told: deque[Progress] = deque(maxlen=KEPT_LINES)
        self._stage = Stage(world, call)
        self._run: Run | None = None
        self._ended = Result.STOPPED
        self._end_ms = 0
        self._backs: dict[int, Back] = {}
        self._begun_s = 0.0
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None

    @property
    def is_running(self) -> bool:
        return self._run is not None and not self._run.is_over

    def start(self, scenario: Scenario) -> None:
        """Begin a scenario on the running loop.

        Raises:
            ControlError: another one is running.
        """
        if self._run is not None and self.is_running:
            raise ControlError(f"scenario {self._run.scenario.name} is running; stop it first")
        self._begun_s = asyncio.get_running_loop().time()
        self._run = Run(scenario, 0)
        self._backs.clear()
        self.told.clear()
        self._tell(Result.STARTED, text=scenario.description)
        self.world.news.observers.append(self._hear)
        for account in self._subscribed():  # for `since: start`: who is there need not come again
            self._run.hear(Happening(kind=Kind.STREAM_SUBSCRIBED, account=account), 0)
        self._wake()

    def stop(self) -> None:
        """End the scenario now and undo what is in force; nothing if none runs."""
        if self._run is None or not self.is_running:
            return
        for undo in self._run.stop():
            self._undo(undo)
        self._end(Result.STOPPED)

    def forget(self) -> None:
        """End the scenario without undoing anything: the venue starts afresh."""
        if self.is_running:
            assert self._run is not None
            self._run.stop()
            self._end(Result.STOPPED)

    def state(self) -> dict[str, object]:
        """Where it stands: `GET /sim/scenario`."""
        run = self._run
        if run is None:
            return {"scenario": None, "state": "none"}
        scenario = run.scenario
        return {
            "scenario": scenario.name,
            "description": scenario.description,
            "expect": scenario.expect,
            "state": "running" if not run.is_over else self._ended,
            "timeMs": self._now_ms() if not run.is_over else self._end_ms,
            "round": run.round,
            "rounds": "forever" if scenario.rounds == FOR_EVER else scenario.rounds,
            "step": None if run.is_over or run.step is None else run.step.number,
            "of": len(scenario.steps),
            "waitingFor": _waiting(run, self._now_ms()),
            "inForce": [step.number for step in run.in_force],
            "progress": [line.as_json() for line in self.told],
        }

    # --- inside --------------------------------------------------------------------------------

    def _now_ms(self) -> int:
        return int((asyncio.get_running_loop().time() - self._begun_s) * 1000 * self.speed)

    def _subscribed(self) -> set[str]:
        sessions = self.world.hub.sessions
        return {s.account.user for session in sessions for s in session.subscriptions.values()}

    def _hear(self, happening: Happening) -> None:
        """Act after what happened, not in the middle of it."""
        if self._run is not None and self._run.hear(happening, self._now_ms()):
            self._wake()

    def _wake(self) -> None:
        self._arm(asyncio.get_running_loop().call_soon(self._turn))

    def _arm(self, timer: asyncio.TimerHandle | asyncio.Handle | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = timer

    def _turn(self) -> None:
        """Do what is due, then sleep until the next step."""
        run = self._run
        if run is None or run.is_over:
            return
        for instruction in run.advance(self._now_ms()):
            self._obey(instruction)
        if run.next_ms is not None and not run.is_over:
            delay_s = max(0.0, (run.next_ms - self._now_ms()) / 1000 / self.speed)
            self._arm(asyncio.get_running_loop().call_later(delay_s + 0.001, self._turn))

    def _obey(self, instruction: Instruction) -> None:
        match instruction:
            case Do():
                self._do(instruction)
            case Undo():
                self._undo(instruction)
            case Skip(step):
                assert step.when is not None
                self._tell(Result.SKIPPED, step, text=f"no {step.when}", note=step.note)
            case Finish():
                self._end(Result.FINISHED)

    def _do(self, do: Do) -> None:
        step, trigger = do.step, "" if do.trigger is None else str(do.trigger)
        try:
            done = self._stage.perform(step, do.trigger)
        except IMPOSSIBLE as error:
            self._tell(
                Result.FAILED, step, text=f"{step.act}: {_text(error)}", note=step.note, trigger=trigger
            )
            return
        if step.for_ms is not None and done.undo is not None:
            self._backs[do.token] = done.undo
        self._tell(Result.DONE, step, text=done.text, note=step.note, trigger=trigger)

    def _undo(self, undo: Undo) -> None:
        back = self._backs.pop(undo.token, None)
        if back is None:
            return  # it failed when it was due
        try:
            back()
        except IMPOSSIBLE as error:
            self._tell(Result.FAILED, undo.step, text=f"undoing {undo.step.act}: {_text(error)}")
            return
        self._tell(Result.UNDONE, undo.step, text=undo.step.act)

    def _end(self, result: Result) -> None:
        self._ended, self._end_ms = result, self._now_ms()
        self._arm(None)
        self.world.news.observers.remove(self._hear)
        assert self._run is not None
        self._tell(result, text=self._run.scenario.expect if result is Result.FINISHED else "")

    def _tell(
        self, result: Result, step: Step | None = None, *, text: str = "", note: str = "", trigger: str = ""
    ) -> None:
        assert self._run is not None
        scenario = self._run.scenario
        line = Progress(
            scenario=scenario.name,
            time_ms=self._now_ms(),
            result=result,
            step=0 if step is None else step.number,
            of=len(scenario.steps),
            round=self._run.round,
            act="" if step is None else step.act,
            text=text,
            note=note,
            trigger=trigger,
        )
        self.told.append(line)
        for listener in self.listeners:
            listener(line)


def _waiting(run: Run, now_ms: int) -> str:
    """In words: what the present step waits for."""
    if run.is_over:
        return ""
    step = run.step
    if step is not None and step.when is not None and run.next_ms is None:
        return f"{step.when} ({run.counted} of {step.when.count} so far)"
    if run.next_ms is None:
        return ""
    seconds = max(0, run.next_ms - now_ms) / 1000
    if step is not None and step.when is not None and run.counted < step.when.count:
        return f"{step.when} ({run.counted} of {step.when.count} so far), or something in {seconds:.1f} s"
    return f"{seconds:.1f} s"


def _text(error: Exception) -> str:
    return error.msg if isinstance(error, VenueError) else str(error)
