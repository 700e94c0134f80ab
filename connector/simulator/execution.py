"""What happens to wallets, statuses and event streams when orders trade, expire or are cancelled."""

from decimal import Decimal

from connector.simulator import events
from connector.simulator.account import TradingAccount
from connector.simulator.errors import VenueError
from connector.simulator.ledger import Ledger
from connector.simulator.market import Market
from connector.simulator.matching import match, plan
from connector.simulator.numbers import ZERO, rounded_down, rounded_up
from connector.simulator.orders import (
    BORROWING,
    REPAYING,
    STOP_TYPES,
    UNPRICED_TYPES,
    Order,
    PreventedMatch,
    Side,
    Status,
    StpMode,
    TimeInForce,
    Trade,
)
from connector.simulator.wallets import InsufficientBalanceError


class Execution:
    """One operation on one market at one instant: all its events carry the same transaction time.

    Call `finish` once at the end: it tells the changed balances, one position event per account.
    """

    def __init__(self, ledger: Ledger, market: Market, now_us: int) -> None:
        self.ledger, self.market, self.now_us = ledger, market, now_us
        self._accounts: dict[TradingAccount, None] = {}  # touched, in order

    # --- placing -------------------------------------------------------------------------------

    def fund(self, order: Order, needed: Decimal) -> None:
        """Lock `needed` of the asset the order spends, borrowing the shortfall if the order asks for it.

        Raises:
            InsufficientBalanceError: own balance is short and the order does not borrow.
            VenueError: the loan was refused (-3006, -3007, -3012, -3045).
        """
        account = order.account
        assert account is not None
        needed = rounded_up(needed)
        shortfall = needed - account.wallet.balance(order.spends).free
        if shortfall > 0 and order.side_effect in BORROWING:
            user = self.ledger.users[account.user]
            self.ledger.lender.borrow(user, account, order.spends, shortfall, self.now_us, row_type="AUTO")
            order.borrowed += shortfall
        account.wallet.lock(order.spends, needed)
        order.locked += needed
        self._touch(account)

    def accept(self, order: Order) -> None:
        """Tell NEW: a stop waits with `w` false, everything else works at once."""
        account = order.account
        assert account is not None
        account.admit(order)
        if order.type in STOP_TYPES:
            self.market.stops.add(order)
        else:
            order.working_us = self.now_us
        self._report(order, "NEW")

    def work(self, order: Order, limit: Decimal | None) -> None:
        """Run the taker phase, then let the remainder rest or expire as its type and timeInForce say."""
        if order.time_in_force is TimeInForce.FOK and (
            plan(self.market.book, order, limit).quantity < order.remaining
        ):
            self.expire(order, "UNFILLED_FOK_ORDER_EXPIRED")
            return
        match(self.market.book, order, limit, self)
        if not order.is_open or order.remaining == 0:
            return
        if limit is None:
            self.expire(order, "INSUFFICIENT_LIQUIDITY")
        elif order.time_in_force is TimeInForce.IOC:
            self.expire(order, "UNFILLED_IOC_QUANTITY_EXPIRED")
        else:
            self.market.book.add(order)

    # --- matching sink -------------------------------------------------------------------------

    def traded(self, taker: Order, maker: Order, price: Decimal, quantity: Decimal) -> None:
        """Settle one trade of both sides, the taker's first."""
        trade_id = self.market.print_trade(
            price, quantity, self.now_us, buyer_is_maker=maker.side is Side.BUY
        )
        for order, is_maker in ((taker, False), (maker, True)):
            order.executed_quote += rounded_down(price * quantity)
            order.updated_us = self.now_us
            order.status = Status.FILLED if order.remaining == 0 else Status.PARTIALLY_FILLED
            if order.account is not None:
                self._settle(order, order.account, trade_id, price, quantity, is_maker=is_maker)

    def prevented(self, taker: Order, maker: Order) -> None:
        """Close the side(s) the taker's mode names; the match does not happen."""
        account = taker.account
        assert account is not None
        quantity = min(taker.remaining, maker.remaining)
        ends_maker = taker.stp_mode in (StpMode.EXPIRE_MAKER, StpMode.EXPIRE_BOTH)
        ends_taker = taker.stp_mode in (StpMode.EXPIRE_TAKER, StpMode.EXPIRE_BOTH)
        match_ = PreventedMatch(
            prevented_match_id=self.ledger.next_prevented_id,
            symbol=self.market.spec.name,
            taker_order_id=taker.order_id,
            maker_order_id=maker.order_id,
            mode=taker.stp_mode,
            price=maker.price,
            quantity=quantity,
            maker_quantity=maker.remaining if ends_maker else ZERO,
            taker_quantity=taker.remaining if ends_taker else ZERO,
            time_us=self.now_us,
        )
        self.ledger.next_prevented_id += 1
        account.prevented.setdefault(match_.symbol, []).append(match_)
        for order, ends in ((taker, ends_taker), (maker, ends_maker)):
            if ends:
                order.prevented = order.remaining
                self._close(order, Status.EXPIRED_IN_MATCH)
                self._report(order, "TRADE_PREVENTION", prevention=match_)

    # --- ending --------------------------------------------------------------------------------

    def cancel(self, order: Order, cancel_id: str) -> None:
        """End an open order at its owner's request."""
        self._close(order, Status.CANCELED)
        self._report(order, "CANCELED", cancel_id=cancel_id)

    def expire(self, order: Order, reason: str) -> None:
        """End an open order by the venue's own decision."""
        order.expiry_reason = reason
        self._close(order, Status.EXPIRED)
        self._report(order, "EXPIRED")

    def trigger(self, order: Order) -> None:
        """Turn a stop the last price has reached into its market or limit order."""
        order.working_us = order.updated_us = self.now_us
        limit = None if order.type in UNPRICED_TYPES else order.price
        if limit is None and not self._fund_market_stop(order):
            self.expire(order, "REJECTED")
            return
        if limit is not None and self.ledger.rules.trigger_repeats_new:
            self._report(order, "NEW")
        self.work(order, limit)

    def finish(self) -> None:
        """Tell every touched account its changed balances."""
        for account in self._accounts:
            assets = account.wallet.take_touched()
            if assets:
                event = events.account_position(account.wallet, assets, self.now_us)
                self.ledger.outbox.append((account, event))
        self._accounts.clear()

    # --- inside --------------------------------------------------------------------------------

    def _fund_market_stop(self, order: Order) -> bool:
        """Exchange the amount locked at the stop price for what the book costs now."""
        account = order.account
        assert account is not None
        if order.side is Side.SELL:
            return True
        account.wallet.unlock(order.spends, order.locked)
        order.locked = ZERO
        try:
            self.fund(order, plan(self.market.book, order, None).quote)
        except (InsufficientBalanceError, VenueError):
            return False
        return True

    def _settle(
        self,
        order: Order,
        account: TradingAccount,
        trade_id: int,
        price: Decimal,
        quantity: Decimal,
        *,
        is_maker: bool,
    ) -> None:
        """Move the money of one side, repay what the order asked to repay, tell the trade."""
        quote = rounded_down(price * quantity)
        paid, received = (quote, quantity) if order.side is Side.BUY else (quantity, quote)
        self._pay(order, account, paid, quantity)
        rules = self.ledger.rules
        rate = rules.maker_commission if is_maker else rules.taker_commission
        commission = rounded_down(received * rate)
        account.wallet.credit(order.receives, received - commission)
        if not order.trades:
            account.counter.credit_fill(self.now_us, is_maker=is_maker)
        trade = Trade(
            trade_id=trade_id,
            order_id=order.order_id,
            symbol=self.market.spec.name,
            price=price,
            quantity=quantity,
            commission=commission,
            commission_asset=order.receives,
            is_buyer=order.side is Side.BUY,
            is_maker=is_maker,
            time_us=self.now_us,
        )
        order.trades.append(trade)
        account.trades.setdefault(trade.symbol, []).append(trade)
        if order.side_effect in REPAYING:
            self._repay(account, order.receives, received - commission)
        if order.status is Status.FILLED:
            self._release(order, account)
            account.retire(order)
        self._touch(account)
        self._report(order, "TRADE", trade=trade)

    def _pay(self, order: Order, account: TradingAccount, paid: Decimal, quantity: Decimal) -> None:
        """Take what was paid out of the lock; what a better price saved becomes free again."""
        assert paid <= order.locked, f"{order.client_order_id}: pays {paid}, locked {order.locked}"
        account.wallet.spend(order.spends, paid)
        order.locked -= paid
        if order.side is Side.BUY and order.price > 0:
            saved = rounded_down(order.price * quantity - paid)
            if 0 < saved <= order.locked:
                account.wallet.unlock(order.spends, saved)
                order.locked -= saved

    def _repay(self, account: TradingAccount, asset: str, amount: Decimal) -> None:
        self.ledger.lender.repay(account, asset, amount, self.now_us, row_type="AUTO")

    def _release(self, order: Order, account: TradingAccount) -> Decimal:
        released = order.locked
        if released:
            account.wallet.unlock(order.spends, released)
            order.locked = ZERO
        return released

    def _close(self, order: Order, status: Status) -> None:
        """Take an open order off book or stop list and give its lock back."""
        if self.market.book.holds(order):
            self.market.book.remove(order)
        elif not order.is_working:
            self.market.stops.remove(order)
        order.status, order.updated_us = status, self.now_us
        account = order.account
        if account is None:
            return
        released = self._release(order, account)
        if order.borrowed and order.auto_repay_at_cancel:
            self._repay(account, order.spends, min(order.borrowed, released))
        account.retire(order)
        self._touch(account)

    def _touch(self, account: TradingAccount) -> None:
        self._accounts[account] = None

    def _report(
        self,
        order: Order,
        execution_type: str,
        *,
        trade: Trade | None = None,
        cancel_id: str | None = None,
        prevention: PreventedMatch | None = None,
    ) -> None:
        if order.account is None:
            return
        event = events.execution_report(
            order,
            execution_type,
            self.ledger.execution_id(),
            self.now_us,
            trade=trade,
            cancel_id=cancel_id,
            prevention=prevention,
        )
        self.ledger.outbox.append((order.account, event))
