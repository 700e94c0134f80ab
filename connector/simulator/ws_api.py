"""`/ws-api/v3`: sessions, user data subscriptions and public requests (reference sections 1.5-1.7)."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from aiohttp import WSMsgType, web

from connector.simulator import rest_public
from connector.simulator.auth import Timing, check_signature, find_key, text_of, ws_payload
from connector.simulator.call import Call, Handler
from connector.simulator.errors import VenueError, refusal
from connector.simulator.faults import Action, Fault, Occurrence
from connector.simulator.gateway import API_POOL, REFUSING, fault_text
from connector.simulator.keys import ApiKey
from connector.simulator.params import Params
from connector.simulator.streams import Session
from connector.simulator.world import World

CONNECTION_WEIGHT = 2
BANNED = 418  # such a reply is the last frame of a connection
CUT_AFTER_S = 0.05  # time for that frame to leave
Json: TypeAlias = dict[str, object]
Method: TypeAlias = Callable[["WsApi", Session, Mapping[str, object]], object]


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
        faults = self._faults(session, request)
        if any(fault.action is Action.REQUEST_LOST for fault in faults):
            session.cut()
            return
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
        return method(self, session, request.params)

    def _faults(self, session: Session, request: Request) -> list[Fault]:
        route = f"WS {request.method.removeprefix('v3/')}"
        params = {name: text_of(value) for name, value in request.params.items()}
        self.world.log.received(self.world.clock.now_us(), route, params)
        token = self.world.tokens.get(params.get("listenToken", ""))
        key = self.world.keys.get(params.get("apiKey", "")) or session.key
        account = token.account.user if token else (key.account if key else "")
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

    # --- methods -------------------------------------------------------------------------------

    def logon(self, session: Session, params: Mapping[str, object]) -> object:
        key = self._signed(params)
        if not key.can_logon:
            raise refusal(-1022)  # what users report for HMAC keys; no document says
        session.key, session.authorized_us = key, self.world.clock.now_us()
        return self.status(session, params)

    def status(self, session: Session, _: Mapping[str, object]) -> object:
        on = session.key is not None
        return {
            "apiKey": session.key.api_key if session.key else None,
            "authorizedSince": session.time(session.authorized_us) if on else None,
            "connectedSince": session.time(session.connected_us),
            "returnRateLimits": session.rate_limits,
            "serverTime": session.time(self.world.clock.now_us()),
            "userDataStream": any(s.by_logon for s in session.subscriptions.values()),
        }

    def logout(self, session: Session, params: Mapping[str, object]) -> object:
        """Forget the key; only the subscription it opened ends with it."""
        session.key = None
        for subscription in [s for s in session.subscriptions.values() if s.by_logon]:
            self.world.hub.terminate(subscription)
        return self.status(session, params)

    def subscriptions(self, session: Session, _: Mapping[str, object]) -> object:
        return [{"subscriptionId": number} for number in session.subscriptions]

    def subscribe(self, session: Session, _: Mapping[str, object]) -> object:
        """Listen to the logged-on key's spot account."""
        if session.key is None:
            raise refusal(-1002)
        account = self.world.exchange.users[session.key.account].spot
        return {"subscriptionId": self.world.hub.subscribe(session, account, by_logon=True).id}

    def subscribe_signed(self, session: Session, params: Mapping[str, object]) -> object:
        """Listen to the spot account of the key that signs this request."""
        account = self.world.exchange.users[self._signed(params).account].spot
        return {"subscriptionId": self.world.hub.subscribe(session, account).id}

    def subscribe_token(self, session: Session, params: Mapping[str, object]) -> object:
        """Listen to the margin account of a listenToken, or renew it. expirationTime is in microseconds."""
        text = Params({name: text_of(value) for name, value in params.items()}).required("listenToken")
        token = self.world.redeem_token(text)
        subscription = self.world.hub.subscribe(
            session,
            token.account,
            token=token.token,
            expires_us=token.expires_us,
            keeps_id=self.world.exchange.ledger.rules.renewal_keeps_id,
        )
        return {"subscriptionId": subscription.id, "expirationTime": token.expires_us}

    def unsubscribe(self, session: Session, params: Mapping[str, object]) -> object:
        """End one subscription, or all when no id is given."""
        wanted = params.get("subscriptionId")
        if wanted is None:
            ended = list(session.subscriptions.values())
        else:
            number = Params({"subscriptionId": text_of(wanted)}).integer("subscriptionId")
            subscription = session.subscriptions.get(-1 if number is None else number)
            if subscription is None:
                raise refusal(-2036)
            ended = [subscription]
        for subscription in ended:
            self.world.hub.terminate(subscription)
        return {}

    def _signed(self, params: Mapping[str, object]) -> ApiKey:
        """Authenticate one request.

        Raises:
            VenueError: -2014, -2015, -1102, -1021, -1131, -1022.
        """
        texts = Params({name: text_of(value) for name, value in params.items()})
        key = find_key(self.world.keys, texts.values.get("apiKey"))
        Timing(texts).check_received(self.world.clock.now_us())
        check_signature(key, ws_payload(params), texts)
        return key


def _public(handler: Handler) -> Method:
    """Serve a public REST handler over the WS-API."""

    def perform(api: WsApi, session: Session, params: Mapping[str, object]) -> object:
        texts = {
            name: json.dumps(value) if isinstance(value, list) else text_of(value)
            for name, value in params.items()
        }
        call = Call(
            world=api.world,
            method="WS",
            path="/ws-api/v3",
            params=Params(texts),
            ip=session.ip,
            now_us=api.world.clock.now_us(),
            microseconds=session.microseconds,
        )
        return handler(call)

    return perform


METHODS: Mapping[str, tuple[int, Method]] = {
    "ping": (1, _public(rest_public.ping)),
    "time": (1, _public(rest_public.time)),
    "exchangeInfo": (20, _public(rest_public.exchange_info)),
    "depth": (5, _public(rest_public.depth)),
    "trades.recent": (25, _public(rest_public.trades)),
    "ticker.price": (4, _public(rest_public.price_ticker)),
    "ticker.book": (4, _public(rest_public.book_ticker)),
    "avgPrice": (2, _public(rest_public.average_price)),
    "session.logon": (2, WsApi.logon),
    "session.status": (2, WsApi.status),
    "session.logout": (2, WsApi.logout),
    "session.subscriptions": (2, WsApi.subscriptions),
    "userDataStream.subscribe": (2, WsApi.subscribe),
    "userDataStream.subscribe.signature": (2, WsApi.subscribe_signed),
    "userDataStream.subscribe.listenToken": (2, WsApi.subscribe_token),
    "userDataStream.unsubscribe": (2, WsApi.unsubscribe),
}


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
