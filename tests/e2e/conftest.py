"""Simulator, daemon and OMS: three parties, two real processes and real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import Daemon, config
from tests.support.exchange import Exchange, exchange
from tests.support.oms import Oms


@pytest.fixture
async def venue() -> AsyncIterator[Exchange]:
    async with exchange() as running:
        yield running


@pytest.fixture
async def make_daemon(venue: Exchange, tmp_path: Path) -> AsyncIterator[Callable[..., Daemon]]:
    """A daemon, configured against the simulator, not started yet."""
    made: list[Daemon] = []

    def make(**changes: Any) -> Daemon:
        directory = tmp_path / f"daemon{len(made)}"
        daemon = Daemon(directory, config(venue, directory, **changes))
        made.append(daemon)
        return daemon

    yield make
    for daemon in made:
        await daemon.clean_up()


@pytest.fixture
async def daemon(make_daemon: Callable[..., Daemon]) -> Daemon:
    """A running daemon with the usual configuration."""
    made = make_daemon()
    await made.start()
    return made


@pytest.fixture
async def oms(daemon: Daemon) -> AsyncIterator[Oms]:
    """A client that is logged on."""
    client = Oms()
    await client.connect(daemon)
    yield client
    await client.close()
