"""Orders and trades as the margin endpoints write them (reference sections 2.3-2.9), quirks included."""

from connector.simulator.call import Call
from connector.simulator.numbers import as_number, padded, stripped
from connector.simulator.orders import Order, PreventedMatch, RespType, Trade

Json = dict[str, object]


def placed(call: Call, order: Order, resp_type: RespType) -> Json:
    """ACK, RESULT or FULL reply of a placement."""
    reply = _ack(call, order)
    if resp_type is RespType.ACK:
        return reply
    reply |= {
        "price": stripped(order.price),
        "origQty": stripped(order.quantity),
        "executedQty": stripped(order.executed),
        "cummulativeQuoteQty": stripped(order.executed_quote),
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.type,
        "side": order.side,
        "selfTradePreventionMode": order.stp_mode,
    }
    if order.stop_price:
        reply["stopPrice"] = stripped(order.stop_price)
    if order.iceberg_qty:
        reply["icebergQty"] = stripped(order.iceberg_qty)
    if order.expiry_reason:
        reply["expiryReason"] = order.expiry_reason
    if order.borrowed:
        # A JSON number here, a string in order lists: the venue's own inconsistency.
        reply |= {"marginBuyBorrowAmount": as_number(order.borrowed), "marginBuyBorrowAsset": order.spends}
    if resp_type is RespType.FULL:
        reply["fills"] = [_fill(trade) for trade in order.trades]
    return reply


def _ack(call: Call, order: Order) -> Json:
    return {
        "symbol": order.symbol.name,
        "orderId": order.order_id,
        "clientOrderId": order.client_order_id,
        "isIsolated": _is_isolated(order),
        "transactTime": call.time(order.created_us),
    }


def _fill(trade: Trade) -> Json:
    return {
        "price": stripped(trade.price),
        "qty": stripped(trade.quantity),
        "commission": stripped(trade.commission),
        "commissionAsset": trade.commission_asset,
        "tradeId": trade.trade_id,
    }


def cancelled(order: Order, cancel_id: str) -> Json:
    """Reply of a single cancel: `orderId` is a string here, and only here."""
    return {
        "symbol": order.symbol.name,
        "orderId": str(order.order_id),
        "origClientOrderId": order.client_order_id,
        "clientOrderId": cancel_id,
        "price": stripped(order.price),
        "origQty": stripped(order.quantity),
        "executedQty": stripped(order.executed),
        "cummulativeQuoteQty": stripped(order.executed_quote),
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.type,
        "side": order.side,
        "isIsolated": _is_isolated(order),
    }


def cancelled_of_many(order: Order, cancel_id: str) -> Json:
    """A row of `DELETE openOrders`: integer id, padded numbers, list id and STP mode."""
    return cancelled(order, cancel_id) | {
        "orderId": order.order_id,
        "orderListId": -1,
        "price": padded(order.price),
        "origQty": padded(order.quantity),
        "executedQty": padded(order.executed),
        "cummulativeQuoteQty": padded(order.executed_quote),
        "selfTradePreventionMode": order.stp_mode,
    }


def queried(call: Call, order: Order) -> Json:
    """An order as the three queries write it."""
    row: Json = {
        "clientOrderId": order.client_order_id,
        "cummulativeQuoteQty": stripped(order.executed_quote),
        "executedQty": stripped(order.executed),
        "icebergQty": stripped(order.iceberg_qty),
        "isWorking": order.is_working,
        "orderId": order.order_id,
        "origQty": stripped(order.quantity),
        "price": stripped(order.price),
        "side": order.side,
        "status": order.status,
        "stopPrice": stripped(order.stop_price),
        "symbol": order.symbol.name,
        "isIsolated": _is_isolated(order),
        "time": call.time(order.created_us),
        "timeInForce": order.time_in_force,
        "type": order.type,
        "selfTradePreventionMode": order.stp_mode,
        "updateTime": call.time(order.updated_us),
    }
    if order.expiry_reason:
        row["expiryReason"] = order.expiry_reason
    if order.prevented:
        row["preventedQuantity"] = stripped(order.prevented)
    return row


def traded(call: Call, trade: Trade, *, is_isolated: bool) -> Json:
    """A row of `myTrades`: no client order id, no quote quantity."""
    return {
        "commission": stripped(trade.commission),
        "commissionAsset": trade.commission_asset,
        "id": trade.trade_id,
        "isBestMatch": True,
        "isBuyer": trade.is_buyer,
        "isMaker": trade.is_maker,
        "orderId": trade.order_id,
        "price": stripped(trade.price),
        "qty": stripped(trade.quantity),
        "symbol": trade.symbol,
        "isIsolated": is_isolated,
        "time": call.time(trade.time_us),
    }


def prevented(call: Call, row: PreventedMatch) -> Json:
    """A row of `myPreventedMatches`."""
    reply: Json = {
        "symbol": row.symbol,
        "preventedMatchId": row.prevented_match_id,
        "takerOrderId": row.taker_order_id,
        "makerSymbol": row.symbol,
        "makerOrderId": row.maker_order_id,
        "tradeGroupId": -1,
        "selfTradePreventionMode": row.mode,
        "price": stripped(row.price),
        "transactTime": call.time(row.time_us),
    }
    if row.maker_quantity:
        reply["makerPreventedQuantity"] = stripped(row.maker_quantity)
    if row.taker_quantity:
        reply["takerPreventedQuantity"] = stripped(row.taker_quantity)
    return reply


def liquidated(call: Call, order: Order) -> Json:
    """A row of `forceLiquidationRec`."""
    average = order.executed_quote / order.executed if order.executed else order.executed
    return {
        "avgPrice": stripped(average),
        "executedQty": stripped(order.executed),
        "orderId": order.order_id,
        "price": stripped(order.price),
        "qty": stripped(order.quantity),
        "side": order.side,
        "symbol": order.symbol.name,
        "timeInForce": order.time_in_force,
        "isIsolated": _is_isolated(order),
        "updatedTime": call.time(order.updated_us),
    }


def _is_isolated(order: Order) -> bool:
    return order.account is not None and order.account.is_isolated
