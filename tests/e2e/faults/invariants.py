"""What must be true after every fault (reference on FIX gateways, section 3), seen from outside.

Every order has one terminal report or is open at the exchange, fills add up to what the exchange executed, no
ExecID(17) comes twice without 43=Y or 97=Y, what is at the exchange is in the journal, and both sides count alike.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import closing

from connector.core.records import Requested, decode
from connector.journal import rows
from connector.journal.database import connect_to_read
from tests.support.books import differences
from tests.support.daemon import Daemon
from tests.support.exchange import Exchange
from tests.support.oms import Oms


def journalled(daemon: Daemon) -> set[str]:
    """The client order ids of every order in the journal, read beside the running daemon."""
    path = daemon.directory / "journal.db"
    with closing(connect_to_read(path)) as database:
        facts = [decode(row.body) for row in rows.read(database, path)]
    return {fact.client_order_id for fact in facts if isinstance(fact, Requested)}


async def assert_invariants(
    venue: Exchange, daemon: Daemon, *clients: Oms, refused_once: Collection[str] = ()
) -> None:
    """All of the above; the clients are logged on again afterwards.

    `refused_once`: client order ids that were sent a second time because the first was refused for its
    timestamp, which is the only reason there is (P3).
    """
    excused = {f"{name}: placed 2 times" for name in refused_once}
    found = [text for text in await differences(venue, *clients) if text not in excused]
    assert not found, "\n".join(found)
    placed = (await venue.placements()).items()
    assert {name for name, count in placed if count["accepted"]} <= journalled(daemon)
    for client in clients:
        await assert_numbers_agree(client, daemon)


async def assert_numbers_agree(oms: Oms, daemon: Daemon) -> None:
    """After a reconnect neither side misses a message or is surprised by one."""
    asked_again = sum(sent.fields[0][1] == "2" for sent in oms.client.store.values())
    await oms.close()
    start = len(oms.client.seen)
    await oms.connect(daemon)
    await oms.client.send("1", {112: "counted"})
    async with asyncio.timeout(5):
        while not any(m[35] == "0" and m.get(112) == "counted" for m in oms.client.seen[start:]):
            await asyncio.sleep(0.01)
    assert not oms.client.faults
    assert not [m for m in oms.client.seen[start:] if m[35] == "2"], "it missed nothing of ours"
    assert sum(sent.fields[0][1] == "2" for sent in oms.client.store.values()) == asked_again, "nor we of its"


def exec_types(oms: Oms, cl_ord_id: str) -> str:
    """The ExecType(150) of every report of an order, its cancels' included, in the order of arrival."""
    found = [m for m in oms.client.handled if m[35] == "8" and cl_ord_id in (m[11], m.get(41))]
    return "".join(message[150] for message in found)
