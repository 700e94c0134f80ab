"""A disk that runs full: new orders are refused by name, cancels pass (fix-gateway.md, fault 27)."""

from __future__ import annotations

from collections.abc import Callable

import aiohttp

from tests.support.books import assert_books_agree
from tests.support.daemon import Daemon
from tests.support.exchange import Exchange
from tests.support.oms import Oms


async def test_with_little_room_left_new_orders_are_refused_and_cancels_pass(
    venue: Exchange, make_daemon: Callable[..., Daemon]
) -> None:
    daemon, oms = make_daemon(admin=True), Oms()
    await daemon.start()
    await oms.connect(daemon)
    resting = await oms.order(px="50000.00")
    await oms.report(resting, "0")
    await oms.close()
    await daemon.stop()
    daemon.settings["journal"]["minFreeSpace"] = "1000TiB"  # more than any disk of ours has

    await daemon.start()
    await oms.connect(daemon)

    refused = await oms.report(await oms.order(px="50000.00"), "8")
    assert "the connector's disk is nearly full" in refused[58]
    assert "journal.minFreeSpace is 1048576000 MiB: the order was not sent" in refused[58]
    assert (await oms.report(await oms.cancel(resting), "4"))[39] == "4"
    assert daemon.events("disk_space_low")
    port = daemon.events("started")[0]["admin_port"]
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/readyz") as reply:
        assert reply.status == 503
    await assert_books_agree(venue, oms)
