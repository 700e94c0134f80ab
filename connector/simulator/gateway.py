"""REST requests: limits, authentication, faults, the handler, and the reply as bytes."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from connector.simulator.auth import Timing, check_signature, find_key, unauthorized_trading
from connector.simulator.call import Call, Endpoint, Pool, Security
from connector.simulator.errors import TEXTS, VenueError, refusal
from connector.simulator.fault import Action, Fault
from connector.simulator.faults import Occurrence
from connector.simulator.params import Params, Raw
from connector.simulator.rest_account import ROUTES as ACCOUNT_ROUTES
from connector.simulator.rest_loans import ROUTES as LOAN_ROUTES
from connector.simulator.rest_public import ROUTES as PUBLIC_ROUTES
from connector.simulator.rest_reference import ROUTES as REFERENCE_ROUTES
from connector.simulator.rest_trade import ROUTES as TRADE_ROUTES
from connector.simulator.session import encoder
from connector.simulator.world import World

ROUTES = {**PUBLIC_ROUTES, **TRADE_ROUTES, **ACCOUNT_ROUTES, **LOAN_ROUTES, **REFERENCE_ROUTES}
API_POOL = "api"
JSON = "application/json"


@dataclass(slots=True, kw_only=True)
class Reply:
    """What goes back. `lost` closes the connection instead; `delay_ms` holds the reply, not its events."""

    status: int = 200
    code: int = 0  # of the error in the body, for the request log
    body: bytes = b"{}"
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    lost: bool = False
    delay_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A request as it came off the wire."""

    method: str
    path: str
    raw: Raw
    api_key: str | None
    ip: str
    time_unit: str | None = None


class Gateway:
    """Serves one REST request at a time through the stages faults can act on."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._late: set[asyncio.Task[None]] = set()

    async def serve(self, arrival: Arrival) -> Reply:
        """Answer a request; never raises for what the client did."""
        world = self.world
        try:
            params = Params(arrival.raw.decoded())
        except VenueError as error:
            return _error_reply(error)
        route = f"{arrival.method} {arrival.path}"
        entry = world.log.received(world.clock.now_us(), route, params.values)
        key = world.keys.get(arrival.api_key or "")
        account = key.account if key else ""
        world.news.requested(route, params.values, account)
        faults = self._faults(route, params, account)
        entry.faults = [str(fault.action) for fault in faults]
        skew_clock(world, faults)
        reply = _before(faults)
        if reply is None:
            reply = await self._processed(arrival, params, _delay(faults, Action.DELAY_REQUEST))
            reply = _after(faults, reply)
        entry.status, entry.code = (0, 0) if reply.lost else (reply.status, reply.code)
        return reply

    def close(self) -> None:
        """Drop requests that are still on their way to the matching engine."""
        for task in self._late:
            task.cancel()

    def _faults(self, route: str, params: Params, account: str) -> list[Fault]:
        engine = self.world.faults
        if not engine.faults:
            return []
        names = (params.values.get(name, "") for name in ("newClientOrderId", "origClientOrderId"))
        return engine.take(
            Occurrence(
                route=route,
                symbol=params.values.get("symbol", ""),
                client_ids=tuple(name for name in names if name),
                account=account,
            )
        )

    async def _processed(self, arrival: Arrival, params: Params, delay_ms: int) -> Reply:
        """Check, wait as long as a fault says, then act; past the processing limit the client gets -1007."""
        call = Call(
            world=self.world,
            method=arrival.method,
            path=arrival.path,
            params=params,
            ip=arrival.ip,
            now_us=self.world.clock.now_us(),
        )
        try:
            call.microseconds = _wants_microseconds(arrival.time_unit)
            endpoint, timing = self._admit(call, arrival)
            limit_ms = self.world.config.processing_limit_ms
            if delay_ms >= limit_ms:
                self._act_late(call, endpoint, timing, delay_ms)
                await asyncio.sleep(limit_ms / 1000)
                raise refusal(-1007)
            if delay_ms:
                await asyncio.sleep(delay_ms / 1000)
            return Reply(body=encoder.encode(self._act(call, endpoint, timing)), headers=call.headers)
        except VenueError as error:
            return _error_reply(error, call.headers)

    def _admit(self, call: Call, arrival: Arrival) -> tuple[Endpoint, Timing | None]:
        """Everything that happens on receipt: ban, raw count, route, weight, key, timestamp A, signature."""
        weights = self.world.weights
        weights.check_ban(call.ip, call.now_us)
        weights.charge_raw(call.ip, call.now_us)
        endpoint = ROUTES.get((call.method, call.path))
        if endpoint is None:
            raise VenueError(-1099, TEXTS[-1099], status=404)
        if endpoint.security is not Security.NONE:
            call.key = find_key(self.world.keys, arrival.api_key)
            call.user = self.world.exchange.users[call.key.account]
        self._charge(call, endpoint)
        if endpoint.security not in (Security.SIGNED, Security.TRADE):
            return endpoint, None
        assert call.key is not None
        timing = Timing(call.params)
        timing.check_received(call.now_us)
        if not arrival.raw.is_percent_encoded():
            raise refusal(-1022)
        check_signature(call.key, arrival.raw.signed_payload(), call.params)
        if endpoint.security is Security.TRADE and not call.key.can_trade:
            raise unauthorized_trading()
        return endpoint, timing

    def _charge(self, call: Call, endpoint: Endpoint) -> None:
        """Add the weight to its pool and put the used amount into the reply's headers."""
        limits, weights = self.world.config.limits, self.world.weights
        weight = endpoint.weight_of(call.params)
        if endpoint.pool is Pool.API:
            pool, owner, limit, header = API_POOL, call.ip, limits.api_weight, "X-MBX-USED-WEIGHT-1M"
        else:
            pool = f"{call.method} {call.path}"
            if endpoint.pool is Pool.UID and call.key is not None:
                owner, limit, header = call.key.account, limits.uid_weight, "X-SAPI-USED-UID-WEIGHT-1M"
            else:
                owner, limit, header = call.ip, limits.ip_weight, "X-SAPI-USED-IP-WEIGHT-1M"
        try:
            weights.charge(call.ip, pool, owner, weight=weight, limit=limit, now_us=call.now_us)
        finally:
            call.headers[header] = str(weights.used(pool, owner, call.now_us))

    def _act(self, call: Call, endpoint: Endpoint, timing: Timing | None) -> object:
        """Forward to the matching engine, if the request is still good (checks B and C)."""
        call.now_us = self.world.clock.now_us()
        if timing is not None:
            timing.check_age(call.now_us)
        return endpoint.handler(call)

    def _act_late(self, call: Call, endpoint: Endpoint, timing: Timing | None, delay_ms: int) -> None:
        """Let a request arrive after its client was told -1007: the order may be placed all the same."""

        async def arrive() -> None:
            await asyncio.sleep(delay_ms / 1000)
            try:
                self._act(call, endpoint, timing)
            except VenueError:
                return  # nobody is left to be told
            finally:
                self.world.hub.flush()

        task = asyncio.create_task(arrive())
        self._late.add(task)
        task.add_done_callback(self._late.discard)


def _wants_microseconds(time_unit: str | None) -> bool:
    if time_unit is None or time_unit.upper() == "MILLISECOND":
        return False
    if time_unit.upper() == "MICROSECOND":
        return True
    raise refusal(-1194)


def _error_reply(error: VenueError, headers: Mapping[str, str] | None = None) -> Reply:
    body = encoder.encode({"code": error.code, "msg": error.msg})
    return Reply(
        status=error.status, code=error.code, body=body, headers={**(headers or {}), **error.headers}
    )


def _delay(faults: list[Fault], *actions: Action) -> int:
    return sum(fault.delay_ms for fault in faults if fault.action in actions)


REFUSING = frozenset(
    {
        Action.ERROR_BEFORE,
        Action.RATE_LIMITED,
        Action.BANNED,
        Action.TOKEN_REFUSED,
        Action.SUBSCRIBE_REFUSED,
    }
)


def skew_clock(world: World, faults: list[Fault]) -> None:
    """Let the venue's clock jump before the request is judged; it stays so."""
    for fault in faults:
        if fault.action is Action.CLOCK_SKEW:
            world.clock.offset_us = fault.offset_ms * 1000


def _before(faults: list[Fault]) -> Reply | None:
    """Return the reply of a fault that keeps the request from being processed."""
    for fault in faults:
        if fault.action is Action.REQUEST_LOST:
            return Reply(lost=True)
        if fault.action in REFUSING:
            return fault_reply(fault)
    return None


def _after(faults: list[Fault], reply: Reply) -> Reply:
    """Replace, lose or hold the reply of a request that was processed."""
    for fault in faults:
        if fault.action is Action.ERROR_AFTER:
            reply = fault_reply(fault)
    reply.lost = any(fault.action is Action.REPLY_LOST for fault in faults)
    reply.delay_ms = _delay(faults, Action.DELAY_REPLY, Action.EVENT_FIRST)
    return reply


def fault_text(fault: Fault) -> str:
    """The message of an injected error: the given one, else the table's."""
    text = TEXTS.get(fault.code, "")
    return fault.msg or (text if "%s" not in text else "Injected by a fault of the simulator.")


def fault_reply(fault: Fault) -> Reply:
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    if fault.body is not None:
        return Reply(
            status=fault.status,
            body=fault.body.encode(),
            content_type=fault.content_type,
            headers=headers,
        )
    body = encoder.encode({"code": fault.code, "msg": fault_text(fault)})
    return Reply(status=fault.status, code=fault.code, body=body, headers=headers)
