"""The worked dialogues of docs/fix.md happen as they are written, with real processes and real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.docs.dialogue import Dialogue, Player, dialogues
from tests.support.daemon import PASSWORD, USER, Daemon, config
from tests.support.exchange import exchange
from tests.support.fix_client import FixClient

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def player(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Player]:
    """COMPOSITE, so that the venue's names are those on the page; a short recvWindow, so that P4 is short too."""
    directory: Path = tmp_path_factory.mktemp("dialogues")
    async with exchange() as venue:
        settings = config(
            venue,
            directory,
            settings={"orderMapperType": "COMPOSITE", "recvWindow": 1000},
            session={"account": "BINANCE"},
        )
        daemon = Daemon(directory, settings)
        client = FixClient("OMS1", "CONNECTOR", USER, PASSWORD)
        await daemon.start()
        try:
            yield Player(venue, daemon, client)
        finally:
            await client.close()
            await daemon.clean_up()


@pytest.mark.parametrize("dialogue", dialogues(), ids=str)
async def test_a_dialogue_of_the_page_happens_as_written(player: Player, dialogue: Dialogue) -> None:
    """Each line is sent, or is what comes; and nothing else comes."""
    await player.play(dialogue)


async def test_the_page_has_dialogues() -> None:
    """A changed heading or fence would silently leave nothing to play."""
    assert len(dialogues()) >= 12
