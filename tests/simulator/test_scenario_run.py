"""The scenario engine: which step is due when. No clock, no socket: times and happenings are arguments."""

from typing import Any

from connector.simulator.happenings import Happening, Kind
from connector.simulator.scenario.model import FOR_EVER, Scenario, Step, Trigger
from connector.simulator.scenario.run import Do, Finish, Run, Skip, Undo

FILL = Happening(kind=Kind.FILL, client_order_id="a", account="desk", symbol="BTCUSDT", order_id=7)
OTHER = Happening(kind=Kind.FILL, client_order_id="b", account="desk", symbol="BTCUSDT", order_id=8)


def run_of(*steps: dict[str, Any], rounds: int = 1) -> Run:
    made = tuple(Step(number=number, **step) for number, step in enumerate(steps, 1))
    return Run(Scenario(name="n", description="d", steps=made, rounds=rounds), 0)


def told(run: Run, now_ms: int) -> list[str]:
    """`do 1`, `undo 1`, `skip 1`, `finish`."""
    names = {Do: "do", Undo: "undo", Skip: "skip"}
    return [
        "finish" if isinstance(one, Finish) else f"{names[type(one)]} {one.step.number}"
        for one in run.advance(now_ms)
    ]


def test_steps_without_a_wait_come_at_once_and_in_order() -> None:
    run = run_of({}, {}, {})

    assert told(run, 0) == ["do 1", "do 2", "do 3", "finish"]
    assert run.is_over
    assert told(run, 1) == []


def test_after_counts_from_the_step_before() -> None:
    run = run_of({"after_ms": 100}, {"after_ms": 50})

    assert (told(run, 99), run.next_ms) == ([], 100)
    assert (told(run, 120), run.next_ms) == (["do 1"], 170)
    assert told(run, 169) == []
    assert told(run, 170) == ["do 2", "finish"]


def test_when_waits_for_the_nth_happening_that_matches() -> None:
    run = run_of({"when": Trigger(kind=Kind.FILL, client_order_id="a*", count=2)})

    assert run.next_ms is None
    assert not run.hear(FILL, 10)
    assert not run.hear(OTHER, 11)
    assert (told(run, 1000), run.counted) == ([], 1)
    assert run.hear(FILL, 1001)
    (do, _) = run.advance(1001)
    assert isinstance(do, Do)
    assert do.trigger is FILL


def test_after_follows_when() -> None:
    run = run_of({"when": Trigger(kind=Kind.FILL), "after_ms": 30})

    run.hear(FILL, 10)

    assert (told(run, 39), run.next_ms) == ([], 40)
    assert told(run, 40) == ["do 1", "finish"]


def test_only_what_happens_while_a_step_waits_counts() -> None:
    run = run_of({"after_ms": 10}, {"when": Trigger(kind=Kind.FILL)})

    run.hear(FILL, 5)
    assert told(run, 10) == ["do 1"]
    assert told(run, 500) == []
    run.hear(FILL, 600)
    assert told(run, 600) == ["do 2", "finish"]


def test_since_start_counts_what_came_earlier() -> None:
    run = run_of({"after_ms": 10}, {"when": Trigger(kind=Kind.FILL, since_start=True), "after_ms": 3})

    run.hear(FILL, 5)

    assert told(run, 10) == ["do 1"]
    assert told(run, 13) == ["do 2", "finish"]


def test_a_wait_that_lasts_too_long_is_skipped() -> None:
    run = run_of({"when": Trigger(kind=Kind.FILL), "within_ms": 100, "repeat": 3}, {"after_ms": 10})

    assert run.next_ms == 100
    assert told(run, 100) == ["skip 1"]
    assert told(run, 110) == ["do 2", "finish"]


def test_what_was_heard_in_time_is_done_even_if_after_ends_later() -> None:
    run = run_of({"when": Trigger(kind=Kind.FILL), "within_ms": 100, "after_ms": 50})

    run.hear(FILL, 90)

    assert told(run, 100) == []
    assert told(run, 140) == ["do 1", "finish"]


def test_an_act_is_undone_after_its_time_while_the_steps_go_on() -> None:
    run = run_of({"for_ms": 100}, {"after_ms": 30}, {"after_ms": 30, "for_ms": 10})

    assert told(run, 0) == ["do 1"]
    assert [step.number for step in run.in_force] == [1]
    assert told(run, 60) == ["do 2"]
    assert told(run, 90) == ["do 3"]
    assert told(run, 100) == ["undo 1", "undo 3", "finish"]


def test_an_undo_that_is_due_first_comes_first() -> None:
    run = run_of({"for_ms": 20}, {"after_ms": 30})
    told(run, 0)

    assert told(run, 40) == ["undo 1", "do 2", "finish"]


def test_the_undo_belongs_to_its_do() -> None:
    run = run_of({"for_ms": 20, "repeat": 2})

    first = run.advance(0)
    second = run.advance(20)

    assert isinstance(first[0], Do)
    assert isinstance(second[0], Undo)
    assert isinstance(second[1], Do)
    assert first[0].token == second[0].token != second[1].token


def test_a_repeated_step_waits_anew_and_until_it_is_undone() -> None:
    run = run_of({"when": Trigger(kind=Kind.FILL), "for_ms": 50, "repeat": 2})

    run.hear(FILL, 1)
    assert told(run, 1) == ["do 1"]
    run.hear(FILL, 2)
    assert told(run, 2) == []
    assert told(run, 51) == ["undo 1", "do 1"]
    assert told(run, 101) == ["undo 1", "finish"]


def test_a_scenario_can_have_rounds_each_with_fresh_counts() -> None:
    run = run_of({"when": Trigger(kind=Kind.FILL, count=2)}, {"for_ms": 5}, rounds=2)

    for now in (1, 2):
        run.hear(FILL, now)
    assert told(run, 2) == ["do 1", "do 2"]
    run.hear(FILL, 3)  # belongs to no round: the first one is not undone yet
    assert told(run, 7) == ["undo 2"]
    assert run.round == 2
    for now in (8, 9):
        run.hear(FILL, now)
    assert told(run, 20) == ["do 1", "do 2"]
    assert told(run, 25) == ["undo 2", "finish"]


def test_for_ever_ends_only_when_stopped() -> None:
    run = run_of({"after_ms": 10, "for_ms": 5}, rounds=FOR_EVER)

    acts = sum(told(run, now).count("do 1") for now in range(0, 1500, 1))

    assert acts == 100
    run.advance(1510)
    assert [undo.step.number for undo in run.stop()] in ([], [1])
    assert (run.is_over, told(run, 9999)) == (True, [])


def test_stopping_hands_over_what_is_still_in_force() -> None:
    run = run_of({"for_ms": 1000}, {"for_ms": 500}, {"after_ms": 9000})
    told(run, 0)

    assert [undo.step.number for undo in run.stop()] == [2, 1]
    assert run.stop() == []


def test_matchers_choose() -> None:
    placed = Happening(
        kind=Kind.ORDER_ACCEPTED,
        client_order_id="fx-12",
        symbol="ETHUSDT",
        account="desk",
        side="BUY",
        type="LIMIT",
    )
    for trigger, matches in (
        (Trigger(kind=Kind.ORDER_ACCEPTED), True),
        (Trigger(kind=Kind.FILL), False),
        (Trigger(kind=Kind.ORDER_ACCEPTED, client_order_id="fx-*", symbol="ETHUSDT", side="BUY"), True),
        (Trigger(kind=Kind.ORDER_ACCEPTED, client_order_id="gx-*"), False),
        (Trigger(kind=Kind.ORDER_ACCEPTED, symbol="BTCUSDT"), False),
        (Trigger(kind=Kind.ORDER_ACCEPTED, account="other"), False),
        (Trigger(kind=Kind.ORDER_ACCEPTED, side="SELL"), False),
        (Trigger(kind=Kind.ORDER_ACCEPTED, type="MARKET"), False),
        (Trigger(kind=Kind.ORDER_ACCEPTED, route="POST *"), False),
    ):
        assert trigger.matches(placed) is matches, trigger
