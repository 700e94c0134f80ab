"""What was asked of the venue: proof that nothing was sent twice."""

from collections import deque
from dataclasses import dataclass, field

LOG_SIZE = 20_000
PLACEMENT_ROUTE = "POST /sapi/v1/margin/order"


@dataclass(slots=True, kw_only=True)
class LoggedRequest:
    """One request as received and as answered. `status` 0 = no reply was given."""

    number: int
    time_us: int
    route: str
    params: dict[str, str]  # without signature
    status: int = 0
    code: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Placements:
    """Placement requests for one client order id, as they arrived and as they were accepted."""

    received: int = 0
    accepted: int = 0


class RequestLog:
    """The latest requests, and counts per client order id that are never forgotten."""

    def __init__(self) -> None:
        self.requests: deque[LoggedRequest] = deque(maxlen=LOG_SIZE)
        self.placements: dict[str, Placements] = {}
        self.routes: dict[str, int] = {}
        self._next_number = 1

    def received(self, time_us: int, route: str, params: dict[str, str]) -> LoggedRequest:
        params = {name: value for name, value in params.items() if name != "signature"}
        entry = LoggedRequest(number=self._next_number, time_us=time_us, route=route, params=params)
        self._next_number += 1
        self.requests.append(entry)
        self.routes[route] = self.routes.get(route, 0) + 1
        client_order_id = params.get("newClientOrderId")
        if route == PLACEMENT_ROUTE and client_order_id:
            self.placement(client_order_id).received += 1
        return entry

    def placement(self, client_order_id: str) -> Placements:
        return self.placements.setdefault(client_order_id, Placements())

    def naming(self, client_order_id: str) -> list[LoggedRequest]:
        """Return the logged requests that name a client order id in any parameter."""
        return [entry for entry in self.requests if client_order_id in entry.params.values()]
