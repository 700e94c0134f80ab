"""Settings as the plain values each part takes: nobody but the composition root reads settings."""

from __future__ import annotations

from connector.core.turn import AccountRules
from connector.fix.session import SessionSpec
from connector.settings import OrderMapperType, Settings
from connector.venue.desk import DeskSpec
from mappers.ids import CompositeIds, IdMapper, SequenceIds
from mappers.profile import SessionProfile

STREAM_ATTEMPTS = 250  # of the 300 connections in 5 minutes that the venue grants one address


def id_mapper(mapper: OrderMapperType, prefix: str) -> IdMapper:
    """`orderMapperType` and `clientOrderIdPrefix`."""
    return CompositeIds() if mapper is OrderMapperType.COMPOSITE else SequenceIds(prefix)


def account_rules(settings: Settings) -> dict[str, AccountRules]:
    """What the router needs to know of each account."""
    rules = {}
    for connector in settings.connectors.values():
        its = connector.settings
        for key in its.api_keys:
            rules[key.account] = AccountRules(
                name=key.account,
                ids=id_mapper(its.order_mapper_type, its.client_order_id_prefix),
                isolated_symbols=key.isolated_symbols,
                recv_window_ms=its.recv_window_ms,
                orders_request_size_limit=its.sync.orders_request_size_limit,
                trades_request_size_limit=its.sync.trades_request_size_limit,
                reconcile_interval_ms=its.reconcile_interval_ms,
                stale_order_age_ms=settings.fix.acceptor.stale_order_age_ms,
            )
    return rules


def desk_specs(settings: Settings) -> list[DeskSpec]:
    """What each account's way to the venue needs to know."""
    accounts = sum(len(connector.settings.api_keys) for connector in settings.connectors.values())
    return [
        DeskSpec(
            account=key.account,
            rest_url=connector.settings.rest_url,
            websocket_url=connector.settings.websocket_url,
            api_key=key.api_key.reveal(),
            api_secret=key.api_secret.reveal(),
            isolated_symbols=key.isolated_symbols,
            recv_window_ms=connector.settings.recv_window_ms,
            request_timeout_ms=connector.settings.request_timeout_ms,
            warm_connections=connector.settings.warm_connections,
            heartbeat_interval_ms=connector.settings.websocket_heartbeat_interval_ms,
            stale_timeout_ms=connector.settings.stale_websocket_timeout_ms,
            auto_repay_at_cancel=connector.settings.auto_repay_at_cancel,
            instruments_refresh_interval_ms=connector.settings.instruments_refresh_interval_ms,
            stream_attempts=max(1, STREAM_ATTEMPTS // accounts),
        )
        for connector in settings.connectors.values()
        for key in connector.settings.api_keys
    ]


def profiles(settings: Settings) -> list[SessionProfile]:
    """What each FIX session's messages mean."""
    result = []
    for session in settings.fix.sessions:
        its = settings.connectors[session.connector].settings
        result.append(
            SessionProfile(
                session=f"{session.target_comp_id}->{session.sender_comp_id}",
                client_comp_id=session.target_comp_id,
                on_behalf_of=session.on_behalf_of,
                side_effect=its.side_effect_type,
                stp_mode=its.self_trade_prevention_mode,
                day_time_in_force=session.day_time_in_force,
                default_account=session.account,
                accounts={key.account: key.isolated_symbols for key in its.api_keys},
            )
        )
    return result


def session_specs(settings: Settings) -> list[SessionSpec]:
    """Who may log on."""
    return [
        SessionSpec(
            sender_comp_id=session.sender_comp_id,
            target_comp_id=session.target_comp_id,
            username=session.username,
            password=session.password.reveal(),
        )
        for session in settings.fix.sessions
    ]
