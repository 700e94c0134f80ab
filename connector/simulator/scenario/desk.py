"""`/sim/scenario`: where a scenario stands, start one, stop it."""

from connector.simulator.control_body import Body
from connector.simulator.operations import ControlError
from connector.simulator.scenario import shelf
from connector.simulator.scenario.director import Director
from connector.simulator.scenario.model import Scenario
from connector.simulator.scenario.reader import read
from connector.simulator.scenario.vocabulary import Known
from connector.simulator.world import World


class ScenarioDesk:
    """Answers for the scenario of one world."""

    def __init__(self, world: World, director: Director) -> None:
        self.world, self.director = world, director

    def state(self) -> object:
        return {**self.director.state(), "shipped": shelf.names()}

    def start(self, body: Body) -> object:
        """Start a shipped scenario (`name` in the query) or the one in the body, YAML or JSON.

        Raises:
            ScenarioError: what is wrong with it.
            ControlError: neither or both are given, or another one is running and `replace` is not asked for.
        """
        scenario = self._read(body)
        replace = body.optional_text("replace") or "false"
        if replace not in ("true", "false"):
            raise ControlError(f"replace: {replace!r} is neither true nor false")
        if replace == "true":
            self.director.stop()
        self.director.start(scenario)
        return self.director.state()

    def stop(self) -> object:
        """Stop what runs, undoing what is in force."""
        self.director.stop()
        return self.director.state()

    def _read(self, body: Body) -> Scenario:
        name, document = body.optional_text("name"), body.optional_text("document")
        if name is not None and document is None:
            return shelf.shipped(name, known_of(self.world))
        if document is not None and name is None:
            return read(document, known_of(self.world))
        raise ControlError("give the name of a shipped scenario in the query, or a scenario in the body")


def known_of(world: World) -> Known:
    """Return the names scenarios may use in a world."""
    return Known(symbols=frozenset(world.exchange.markets), accounts=frozenset(world.exchange.users))
