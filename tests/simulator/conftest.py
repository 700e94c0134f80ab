"""A started simulator with still prices, and a signed client for it."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from connector.simulator.config import SimulatorConfig
from connector.simulator.server import RunningSimulator, start
from tests.simulator.client import Client


@pytest.fixture
def config() -> SimulatorConfig:
    return SimulatorConfig(price_moves=False, demo_accounts=("desk", "other"))


@pytest.fixture
async def simulator(config: SimulatorConfig) -> AsyncIterator[RunningSimulator]:
    running = await start(config)
    yield running
    await running.stop()


@pytest.fixture
async def client(simulator: RunningSimulator) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        client = Client(simulator, session, simulator.demo_keys[0])
        yield client
        await client.close()
