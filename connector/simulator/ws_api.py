"""`/ws-api/v3`: connections, request frames and their answers (reference sections 1.5 and 1.6)."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from aiohttp import WSMsgType, web

from connector.simulator.auth import text_of
from connector.simulator.errors import VenueError, refusal
from connector.simulator.fault import Action, Fault
from connector.simulator.faults import Occurrence
from connector.simulator.gateway import API_POOL, REFUSING, fault_reply, fault_text, skew_clock
from connector.simulator.session import Session
from connector.simulator.world import World
from connector.simulator.ws_methods import METHODS

CONNECTION_WEIGHT = 2
CONNECT_ROUTE = "WS connect"
BANNED = 418  # such a reply is the last frame of a connection
CUT_AFTER_S = 0.05  # time for that frame to leave
Json: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True)
class Request:
    """A request frame. `params` keep their JSON types, because signatures cover their text."""

    id: object
    method: str
    params: Mapping[str, object]


class WsApi:
    """Serves WS-API connections of one world."""

    def __init__(self, world: World) -> None:
        self.world = world

    # --- connection ----------------------------------------------------------------------------

    async def serve(self, request: web.BaseRequest, query: Mapping[str, str], ip: str) -> web.StreamResponse:
        """Run one connection until either side ends it or its life is over."""
        refused = await self._kept_out(request)
        if refused is not None:
            return refused
        now_us = self.world.clock.now_us()
        try:
            self.world.weights.check_ban(ip, now_us)
            self.world.weights.charge_connection(ip, now_us)
            self._charge(ip, CONNECTION_WEIGHT)
        except VenueError as error:
            return web.json_response(
                {"code": error.code, "msg": error.msg}, status=error.status, headers=error.headers
            )
        socket = web.WebSocketResponse(autoping=False, compress=False)
        await socket.prepare(request)
        session = Session(
            socket=socket,
            request=request,
            ip=ip,
            connected_us=now_us,
            microseconds=query.get("timeUnit", "").upper() == "MICROSECOND",
            rate_limits=query.get("returnRateLimits", "true") != "false",
        )
        self.world.hub.sessions.add(session)
        tasks = [asyncio.create_task(session.write_frames()), asyncio.create_task(self._keep_alive(session))]
        try:
            await self._read(session)
        finally:
            for task in tasks:
                task.cancel()
            self.world.hub.close(session)
        return socket

    async def _kept_out(self, request: web.BaseRequest) -> web.StreamResponse | None:
        """Return what a fault answers instead of the upgrade to a WebSocket, as a firewall would."""
        faults = self.world.faults.take(Occurrence(route=CONNECT_ROUTE))
        await _sleep(faults, Action.DELAY_REQUEST)
        for fault in faults:
            if fault.action in REFUSING:
                reply = fault_reply(fault)
                return web.Response(
                    status=reply.status,
                    body=reply.body,
                    headers=reply.headers,
                    content_type=reply.content_type,
                )
            if fault.action is Action.REQUEST_LOST:
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
        return None

    async def _read(self, session: Session) -> None:
        async for message in session.socket:
            if message.type is WSMsgType.TEXT:
                await self._answer(session, message.data)
            elif message.type is WSMsgType.PING:
                await session.socket.pong(message.data)
            elif message.type is WSMsgType.PONG:
                session.last_pong = asyncio.get_running_loop().time()

    async def _keep_alive(self, session: Session) -> None:
        """Ping, expect pongs, and end the connection when its life is over."""
        timers, loop = self.world.config.timers, asyncio.get_running_loop()
        begun = session.last_pong = loop.time()
        while loop.time() - begun < timers.life_s:
            await asyncio.sleep(min(timers.ping_s, max(0.0, begun + timers.life_s - loop.time())))
            if loop.time() - session.last_pong > timers.pong_s:
                session.cut()
                return
            try:
                await session.socket.ping(str(self.world.clock.now_us() // 1000).encode())
            except ConnectionError:
                return
        await session.socket.close(code=1008, message=b"connection lifetime exceeded")

    # --- requests ------------------------------------------------------------------------------

    async def _answer(self, session: Session, text: str) -> None:
        try:
            request = _parsed(text)
        except VenueError as error:
            session.send_json(self._refused(session, None, error))
            return
        if session.key is not None and session.key.api_key not in self.world.keys:
            session.key = None  # revoked while logged on: one answer without an id, then nobody again
            session.send_json(self._refused(session, None, refusal(-2015)))
            return
        faults = self._faults(session, request)
        if any(fault.action is Action.REQUEST_LOST for fault in faults):
            session.cut()
            return
        skew_clock(self.world, faults)
        await _sleep(faults, Action.DELAY_REQUEST)
        try:
            _refuse_by_fault(faults, after=False)
            result = self._perform(session, request)
            _refuse_by_fault(faults, after=True)
            reply: Json = {"id": request.id, "status": 200, "result": result}
            reply |= self._rate_limits(session, request.params)
        except VenueError as error:
            reply = self._refused(session, request, error)
        if any(fault.action is Action.REPLY_LOST for fault in faults):
            session.cut()
            return
        await _sleep(faults, Action.DELAY_REPLY)
        session.send_json(reply)
        if reply["status"] == BANNED:
            asyncio.get_running_loop().call_later(CUT_AFTER_S, session.cut)
        self.world.hub.flush()

    def _perform(self, session: Session, request: Request) -> object:
        """Find the method, charge its weight, run it.

        Raises:
            VenueError: whatever the method refuses; -1020 for one that is not simulated.
        """
        name = request.method.removeprefix("v3/")
        found = METHODS.get(name)
        if found is None:
            raise refusal(-1020, f" {name} is not simulated.")
        weight, method = found
        self.world.weights.check_ban(session.ip, self.world.clock.now_us())
        self._charge(session.ip, weight)
        return method(self.world, session, request.params)

    def _faults(self, session: Session, request: Request) -> list[Fault]:
        route = f"WS {request.method.removeprefix('v3/')}"
        params = {name: text_of(value) for name, value in request.params.items()}
        self.world.log.received(self.world.clock.now_us(), route, params)
        token = self.world.tokens.get(params.get("listenToken", ""))
        key = self.world.keys.get(params.get("apiKey", "")) or session.key
        account = token.account.user if token else (key.account if key else "")
        self.world.news.requested(route, params, account)
        occurrence = Occurrence(route=route, symbol=params.get("symbol", ""), account=account)
        return self.world.faults.take(occurrence)

    def _charge(self, ip: str, weight: int) -> None:
        limit = self.world.config.limits.api_weight
        now_us = self.world.clock.now_us()
        self.world.weights.charge(ip, API_POOL, ip, weight=weight, limit=limit, now_us=now_us)

    def _rate_limits(self, session: Session, params: Mapping[str, object]) -> Json:
        wanted = params.get("returnRateLimits", session.rate_limits)
        if wanted in (False, "false"):
            return {}
        limit, now_us = self.world.config.limits.api_weight, self.world.clock.now_us()
        row = {
            "rateLimitType": "REQUEST_WEIGHT",
            "interval": "MINUTE",
            "intervalNum": 1,
            "limit": limit,
            "count": self.world.weights.used(API_POOL, session.ip, now_us),
        }
        return {"rateLimits": [row]}

    def _refused(self, session: Session, request: Request | None, error: VenueError) -> Json:
        body: Json = {"code": error.code, "msg": error.msg}
        if error.data is not None:
            body["data"] = error.data
        params = request.params if request is not None else {}
        reply: Json = {
            "id": request.id if request is not None else None,
            "status": error.status,
            "error": body,
        }
        return reply | self._rate_limits(session, params)


def _parsed(text: str) -> Request:
    """Read a frame.

    Raises:
        VenueError: -1100 not a JSON object with a text `method` and, if any, object `params`.
    """
    try:
        frame = json.loads(text, parse_float=str)
    except ValueError:
        frame = None
    if not isinstance(frame, dict) or not isinstance(frame.get("method"), str):
        raise refusal(-1100, "request", "JSON object with id, method and params")
    params = frame.get("params") or {}
    if not isinstance(params, dict):
        raise refusal(-1100, "params", "JSON object")
    return Request(frame.get("id"), frame["method"], params)


def _refuse_by_fault(faults: list[Fault], *, after: bool) -> None:
    for fault in faults:
        if (fault.action is Action.ERROR_AFTER) if after else (fault.action in REFUSING):
            raise VenueError(fault.code, fault_text(fault), status=fault.status)


async def _sleep(faults: list[Fault], action: Action) -> None:
    delay_ms = sum(fault.delay_ms for fault in faults if fault.action is action)
    if delay_ms:
        await asyncio.sleep(delay_ms / 1000)
