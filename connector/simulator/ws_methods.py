"""The methods of the WS-API: sessions, user data subscriptions, public data (reference sections 1.5-1.7)."""

import json
from collections.abc import Callable, Mapping
from typing import TypeAlias

from connector.simulator import rest_public
from connector.simulator.auth import Timing, check_signature, find_key, text_of, ws_payload
from connector.simulator.call import Call, Handler
from connector.simulator.errors import refusal
from connector.simulator.keys import ApiKey
from connector.simulator.params import Params
from connector.simulator.session import Session
from connector.simulator.world import World

# A method gets the parameters with their JSON types, because signatures cover their text.
Method: TypeAlias = Callable[[World, Session, Mapping[str, object]], object]


def logon(world: World, session: Session, params: Mapping[str, object]) -> object:
    key = _signed(world, params)
    if not key.can_logon:
        raise refusal(-1022)  # what users report for HMAC keys; no document says
    session.key, session.authorized_us = key, world.clock.now_us()
    return status(world, session, params)


def status(world: World, session: Session, _: Mapping[str, object]) -> object:
    on = session.key is not None
    return {
        "apiKey": session.key.api_key if session.key else None,
        "authorizedSince": session.time(session.authorized_us) if on else None,
        "connectedSince": session.time(session.connected_us),
        "returnRateLimits": session.rate_limits,
        "serverTime": session.time(world.clock.now_us()),
        "userDataStream": any(s.by_logon for s in session.subscriptions.values()),
    }


def logout(world: World, session: Session, params: Mapping[str, object]) -> object:
    """Forget the key; only the subscription it opened ends with it."""
    session.key = None
    for subscription in [s for s in session.subscriptions.values() if s.by_logon]:
        world.hub.terminate(subscription)
    return status(world, session, params)


def subscriptions(_world: World, session: Session, _: Mapping[str, object]) -> object:
    return [{"subscriptionId": number} for number in session.subscriptions]


def subscribe(world: World, session: Session, _: Mapping[str, object]) -> object:
    """Listen to the logged-on key's spot account."""
    if session.key is None:
        raise refusal(-1002)
    account = world.exchange.users[session.key.account].spot
    return {"subscriptionId": world.hub.subscribe(session, account, by_logon=True).id}


def subscribe_signed(world: World, session: Session, params: Mapping[str, object]) -> object:
    """Listen to the spot account of the key that signs this request."""
    account = world.exchange.users[_signed(world, params).account].spot
    return {"subscriptionId": world.hub.subscribe(session, account).id}


def subscribe_token(world: World, session: Session, params: Mapping[str, object]) -> object:
    """Listen to the margin account of a listenToken, or renew it. expirationTime is in microseconds."""
    text = Params({name: text_of(value) for name, value in params.items()}).required("listenToken")
    token = world.redeem_token(text)
    subscription = world.hub.subscribe(
        session,
        token.account,
        token=token.token,
        expires_us=token.expires_us,
        keeps_id=world.exchange.ledger.rules.renewal_keeps_id,
    )
    return {"subscriptionId": subscription.id, "expirationTime": token.expires_us}


def unsubscribe(world: World, session: Session, params: Mapping[str, object]) -> object:
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
        world.hub.terminate(subscription)
    return {}


def _signed(world: World, params: Mapping[str, object]) -> ApiKey:
    """Authenticate one request.

    Raises:
        VenueError: -2014, -2015, -1102, -1021, -1131, -1022.
    """
    texts = Params({name: text_of(value) for name, value in params.items()})
    key = find_key(world.keys, texts.values.get("apiKey"))
    Timing(texts).check_received(world.clock.now_us())
    check_signature(key, ws_payload(params), texts)
    return key


def _public(handler: Handler) -> Method:
    """Serve a public REST handler over the WS-API."""

    def perform(world: World, session: Session, params: Mapping[str, object]) -> object:
        texts = {
            name: json.dumps(value) if isinstance(value, list) else text_of(value)
            for name, value in params.items()
        }
        call = Call(
            world=world,
            method="WS",
            path="/ws-api/v3",
            params=Params(texts),
            ip=session.ip,
            now_us=world.clock.now_us(),
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
    "session.logon": (2, logon),
    "session.status": (2, status),
    "session.logout": (2, logout),
    "session.subscriptions": (2, subscriptions),
    "userDataStream.subscribe": (2, subscribe),
    "userDataStream.subscribe.signature": (2, subscribe_signed),
    "userDataStream.subscribe.listenToken": (2, subscribe_token),
    "userDataStream.unsubscribe": (2, unsubscribe),
}
