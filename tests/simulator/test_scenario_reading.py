"""A scenario is read strictly: everything that is wrong with it, at once, by line, path and nearest name."""

import pytest

from connector.simulator.happenings import Kind
from connector.simulator.scenario.model import FOR_EVER, Step, Trigger
from connector.simulator.scenario.reader import ScenarioError, read
from connector.simulator.scenario.vocabulary import ACTS, Known

HEAD = "name: n\ndescription: d\nsteps:\n"


def faults(text: str, known: Known | None = None) -> list[str]:
    with pytest.raises(ScenarioError) as refused:
        read(text, known or Known())
    return list(refused.value.faults)


def step(text: str) -> Step:
    return read(f"{HEAD}  - {text}\n").steps[0]


def test_a_step_is_read_with_its_wait_its_act_and_its_end() -> None:
    found = step(
        "{note: quiet, when: {event: fill, count: 3, clientOrderId: a*, since: previous}, "
        "after: 1.5s, within: 2m, streams: freeze, for: 500ms, repeat: 2}"
    )

    assert found == Step(
        number=1,
        act="streams",
        values={"action": "freeze"},
        note="quiet",
        when=Trigger(kind=Kind.FILL, count=3, client_order_id="a*"),
        within_ms=120_000,
        after_ms=1500,
        for_ms=500,
        repeat=2,
    )


@pytest.mark.parametrize(
    ("text", "act", "values"),
    [
        (
            "fault: {action: 429, retry_after: 3}",
            "fault",
            {"faults": [{"action": "429", "retry_after": 3}]},
        ),
        ("fault: [{action: cut}]", "fault", {"faults": [{"action": "cut"}]}),
        ("clock: -20s", "clock", {"offset": -20_000}),
        ("ban: 1m", "ban", {"time": 60_000}),
        ("moves: false", "moves", {"enabled": False}),
        ("clear_faults: true", "clear_faults", {"all": True}),
        ("streams: {action: cut, account: a}", "streams", {"action": "cut", "account": "a"}),
        ("cross: {}", "cross", {}),
    ],
)
def test_acts_take_the_fields_of_their_control_request_or_a_lone_value(
    text: str, act: str, values: dict[str, object]
) -> None:
    found = step(text)

    assert (found.act, dict(found.values)) == (act, values)


def test_prices_keep_the_digits_that_were_written() -> None:
    """No float comes near money: 59000.10 is not 59000.1."""
    assert step("price: {symbol: BTCUSDT, price: 59000.10}").values["price"] == "59000.10"


def test_json_is_read_as_well() -> None:
    scenario = read(
        '{"name": "n", "description": "d", "repeat": "forever", "steps": [{"after": "1s", "note": "x"}]}'
    )

    assert (scenario.rounds, scenario.steps[0].after_ms) == (FOR_EVER, 1000)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("fautl: {action: cut}", "steps[0].fautl: unknown key; did you mean fault?"),
        ("{streams: cut, cancel: {}}", "steps[0]: does streams and cancel; one thing a step"),
        ("{after: 1s}", "steps[0]: does nothing"),
        ("just text", "steps[0]: not a mapping of after, when"),
        ("{note: x, after: 5}", "steps[0].after: '5' is not a duration such as 500ms"),
        ("{note: x, after: -5s}", "steps[0].after: -5s is negative"),
        ("{note: x, after: [1s]}", "steps[0].after: not a single value"),
        ("{note: x, repeat: 0}", "steps[0].repeat: 0 is not positive"),
        ("{note: x, within: 5s}", "steps[0].within: limits the wait for `when`, which is missing"),
        ("{note: x, for: 5s}", "steps[0].for: a note cannot be undone"),
        ("{cancel: {}, for: 5s}", "steps[0].for: cancel cannot be undone; these can: fault, price"),
        ("{streams: cut, for: 5s}", "steps[0].for: streams cannot be undone"),
        ("{note: x, when: order_acepted}", "steps[0].when.event: 'order_acepted': did you mean order_accepted?"),
        ("{note: x, when: {evnt: fill}}", "steps[0].when.evnt: unknown key; did you mean event?"),
        ("{note: x, when: {count: 2}}", "steps[0].when: event is missing"),
        ("{note: x, when: {event: fill, count: 0}}", "steps[0].when.count: 0 is not positive"),
        ("{note: x, when: {event: fill, since: start}, repeat: 2}", "steps[0].repeat: `since: start` is counted once"),
        ("fault: {action: reply_los}", "steps[0].fault.action: action 'reply_los': did you mean reply_lost?"),
        ("fault: {action: cut, cuont: 2}", "steps[0].fault.cuont: unknown field 'cuont': did you mean count?"),
        ("fault: {action: cut, count: x}", "steps[0].fault.count: 'x' is not a whole number"),
        ("fault: {action: delay_reply}", "steps[0].fault: delay_reply: delay_ms must be given"),
        ("fault: cut", "steps[0].fault: not a mapping with an action"),
        ("clear_faults: false", "steps[0].clear_faults: write true"),
        ("streams: frieze", "steps[0].streams.action: 'frieze': did you mean freeze?"),
        ("clock: 3", "steps[0].clock.offset: '3' is not a duration"),
        ("price: {symbol: X, price: 1, move: 1%}", "steps[0].price: give one of price and move"),
        ("price: {symbol: X, price: 1e}", "steps[0].price.price: '1e' is not a number"),
        ("price: {symbol: X, price: -1}", "steps[0].price.price: -1 is not a non-negative number"),
        ("price: {symbol: X, move: 1}", "steps[0].price.move: '1' is not a percentage"),
        ("fill: {share: 0%}", "steps[0].fill.share: 0% is not above 0%"),
        ("fill: {which: lst}", "steps[0].fill.which: 'lst': did you mean last?"),
        ("moves: maybe", "steps[0].moves.enabled: 'maybe' is neither true nor false"),
        ("liquidate: {symbol: X}", "steps[0].liquidate: quantity is missing"),
        ("{note: a, note: b}", "steps[0].note: given twice"),
    ],
)  # fmt: skip
def test_a_fault_is_told_by_line_path_and_what_is_allowed(text: str, complaint: str) -> None:
    found = faults(f"{HEAD}  - {text}\n")

    assert any(fault.startswith(f"line 4: {complaint}") for fault in found), found


def test_all_faults_are_told_at_once_in_the_order_of_the_text() -> None:
    found = faults("nmae: n\nsteps:\n  - fautl: {}\n  - streams: frieze\n    after: 3\n")

    assert [fault.split(": ")[0] for fault in found] == ["line 1"] * 3 + ["line 3", "line 4", "line 5"]
    assert "name is missing" in found[0] + found[1] + found[2]


def test_symbols_and_accounts_are_those_of_the_venue() -> None:
    known = Known(symbols=frozenset({"BTCUSDT"}), accounts=frozenset({"desk"}))
    text = (
        HEAD + "  - streams: {action: cut, account: dsek}\n  - fault: {action: cut, symbol: BTCUSD}\n"
        '  - status: {symbol: "*", status: HALT}\n  - {note: x, when: {event: fill, account: x}}\n'
    )

    assert [fault.partition(": ")[2].partition(":")[0] for fault in faults(text, known)] == [
        "steps[0].streams.account",
        "steps[1].fault.symbol",
        "steps[3].when.account",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "not YAML"),
        ("", "not a mapping of name"),
        ("- a", "not a mapping of name"),
        ("name: n\ndescription: d\nsteps: []", "steps: not a list of steps"),
        ("name: n\ndescription: d\nsteps: &a [*a]", "nested too deep"),
        ("name: n\ndescription: d\nrepeat: forever\nsteps: [{note: x}]", "must wait somewhere"),
        ("name: n\ndescription: d\nrepeat: forever\nsteps: [{note: x, when: fill, within: 0s}]", "must wait"),
        ("name: n\ndescription: d\nrepeat: often\nsteps: [{note: x}]", "repeat: 'often' is not a whole number"),
    ],
)  # fmt: skip
def test_what_is_no_scenario_at_all_is_refused(text: str, complaint: str) -> None:
    assert any(complaint in fault for fault in faults(text))


def test_every_act_that_can_be_undone_says_how() -> None:
    """`undo` is "", "*" or `field=value` of a field the act has."""
    for name, spec in ACTS.items():
        field = spec.undo.partition("=")[0]
        assert spec.undo in ("", "*") or field in spec.fields, name
