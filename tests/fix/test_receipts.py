"""Fault 12: what a client has read is proven by its answer to our question, and by nothing else."""

from __future__ import annotations

import asyncio

import pytest

from connector.fix import receipts
from connector.fix.receipts import Receipts
from tests.fix.conftest import Desk, report


class Questions:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.receipts = Receipts(lambda session, identity: self.asked.append((session, identity)), 5.0)

    def tick(self, now_s: float, *there: str) -> None:
        self.receipts.tick(now_s, lambda session: session in there)


def test_a_client_is_asked_a_while_after_it_was_told_and_again_until_it_answers() -> None:
    questions = Questions()
    questions.receipts.told("a", 7)
    for now_s in range(13):
        questions.tick(float(now_s), "a")
    assert questions.asked == [("a", "READ-7")] * 2
    assert questions.receipts.answered("a", "READ-7") == 7
    questions.tick(100.0, "a")
    assert len(questions.asked) == 2


def test_who_is_away_is_asked_when_it_is_back() -> None:
    questions = Questions()
    questions.receipts.told("a", 7)
    for now_s in range(20):
        questions.tick(float(now_s))
    assert questions.asked == []
    questions.tick(20.0, "a")
    assert questions.asked == [("a", "READ-7")]


def test_an_answer_for_less_than_the_last_leaves_the_rest_open() -> None:
    questions = Questions()
    questions.receipts.told("a", 7)
    questions.receipts.told("a", 9)
    assert questions.receipts.answered("a", "READ-7") == 7
    assert questions.receipts.answered("a", "READ-9") == 9


@pytest.mark.parametrize("identity", ["", "READ-", "READ-8", "READ--1", "READ-" + "9" * 30, "7", "READ-²"])
def test_an_answer_to_no_question_of_ours_proves_nothing(identity: str) -> None:
    questions = Questions()
    questions.receipts.told("a", 7)
    assert questions.receipts.answered("a", identity) is None
    assert questions.receipts.answered("b", "READ-7") is None


async def test_the_receipt_reaches_the_application(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert desk.acceptor is not None
    monkeypatch.setattr(desk.acceptor._receipts, "_every_s", 0.2)
    client = await desk.logged_on()
    mute = await desk.logged_on("OMS2", answers=False)
    for session in ("OMS1->GW", "OMS2->GW"):
        assert desk.send(report("e1"), session)
        desk.acceptor.told(session, 41)
    async with asyncio.timeout(5):
        while not desk.app.receipts:
            await asyncio.sleep(0.01)
    assert desk.app.receipts == [("OMS1->GW", 41)]
    assert [message[112] for message in client.seen if message[35] == "1"] == ["READ-41"]
    assert [message[112] for message in mute.seen if message[35] == "1"][:1] == ["READ-41"]


def test_the_question_comes_soon() -> None:
    """docs/fix.md says so."""
    assert receipts.EVERY_S == 5.0
