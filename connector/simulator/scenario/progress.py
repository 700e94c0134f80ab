"""What a scenario has done so far, for people and for programs."""

from dataclasses import dataclass
from enum import StrEnum


class Result(StrEnum):
    STARTED = "started"
    DONE = "done"
    FAILED = "failed"  # impossible as things stood; the scenario goes on
    SKIPPED = "skipped"
    UNDONE = "undone"
    FINISHED = "finished"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One line. `time_ms`: since the scenario's start, in its own time; step 0 = the scenario itself."""

    scenario: str
    time_ms: int
    result: Result
    step: int = 0
    of: int = 0
    round: int = 1
    act: str = ""
    text: str = ""
    note: str = ""
    trigger: str = ""

    def as_json(self) -> dict[str, object]:
        values: dict[str, object] = {
            "scenario": self.scenario,
            "timeMs": self.time_ms,
            "result": self.result,
            "round": self.round,
        }
        if self.step:
            values |= {"step": self.step, "of": self.of, "act": self.act}
        optional = {"text": self.text, "note": self.note, "trigger": self.trigger}
        return values | {name: value for name, value in optional.items() if value}

    def as_line(self) -> str:
        """`  12.300  3/9  streams of all accounts: freeze  (after order_accepted c-3)`."""
        time = f"{self.time_ms / 1000:9.3f}"
        place = f"{self.step}/{self.of}" if self.step else ""
        if not self.step:
            what = f"scenario {self.scenario} {self.result}"
        elif self.result in (Result.DONE, Result.SKIPPED) and not self.text:
            what = "skipped" if self.result is Result.SKIPPED else ""
        else:
            what = self.text if self.result is Result.DONE else f"{self.result}: {self.text}"
        if self.result is Result.FINISHED and self.text:
            expected = "".join(f"\n    {line}" for line in self.text.splitlines())
            return f"{time}  {place:>5}  {what}\n\nWhat a good connector has shown:{expected}"
        parts = [
            what,
            f'"{self.note}"' if self.note else "",
            f"(after {self.trigger})" if self.trigger else "",
        ]
        if not self.step and self.text:
            parts.append(" ".join(self.text.split()))
        return f"{time}  {place:>5}  " + "  ".join(part for part in parts if part)
