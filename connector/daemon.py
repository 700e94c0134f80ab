"""The composition root: settings in, a running connector out; nothing else knows every part.

Order of the start: journal (replayed), venue accounts (clock, key, instruments, stream), first
reconciliation, then the FIX port. So an OMS that reconnects after a crash finds a connector that knows
the truth. If the venue stays silent the port opens all the same and orders are refused by name.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any, NoReturn

import structlog

from connector import exits
from connector.core.happenings import (
    Closing,
    Happening,
    MessageArrived,
    OrdersHeld,
    ReceiptGiven,
    SessionOpened,
    StoreGone,
)
from connector.core.router import Router
from connector.drive import Drive
from connector.fix.acceptor import FixAcceptor
from connector.fix.engine import EngineStartError
from connector.fix.engine_settings import UnknownEngineSettingError
from connector.fix.numbers import Numbers
from connector.fix.private_listener import ListenerNotFoundError
from connector.fix.store_check import StoreDamagedError, check_store
from connector.fix.store_lock import StoreBusyError
from connector.journal import Journal, JournalError
from connector.ops.milestones import Milestones
from connector.ops.probes import Probes
from connector.ops.space import SpaceWatch
from connector.ops.watchdog import Watchdog
from connector.plans import account_rules, desk_specs, profiles, session_specs
from connector.recovery import replay_into
from connector.settings import Settings, shipped
from connector.snapshots import Snapshots
from connector.supervised import Tasks
from connector.venue.desk import Desk, DeskSpec
from connector.venue.questions import KeyRefusedError
from connector.version import VERSION
from mappers.fix_in import read_message
from mappers.profile import SessionProfile

READY_WITHIN_S = 30.0  # after that the FIX port opens although the venue has not answered
LOGOUT_WITHIN_S = 4.0
IN_FLIGHT_WITHIN_S = 8.0  # SIGTERM to exit stays under 15 s; what is left is asked for at the next start

FIX_START_ERRORS = (
    EngineStartError,
    UnknownEngineSettingError,
    ListenerNotFoundError,
    StoreBusyError,
    StoreDamagedError,
)

Log = Any  # a structlog logger; its methods are made at run time


def epoch_clock() -> Callable[[], int]:
    """Epoch ns that only ever move forward: a step of the machine's clock cannot reach a deadline."""
    offset = time.time_ns() - time.monotonic_ns()
    return lambda: time.monotonic_ns() + offset


def stop_at_once(log: Log) -> Callable[[BaseException], NoReturn]:
    """What is called when the process can no longer be believed (P12): say why, and be gone."""

    def fail_stop(error: BaseException) -> NoReturn:
        try:
            log.error("fail_stop", error=str(error) or repr(error), exc_info=error)
        finally:
            os._exit(exits.FAILED)

    return fail_stop


class Daemon:
    """One connector process: all its accounts and sessions."""

    def __init__(self, settings: Settings, *, hook: Callable[[str], None] = lambda _point: None) -> None:
        """`hook` is told named points of the order path; tests kill the process there."""
        self._settings = settings
        self._hook = hook
        self._log: Log = structlog.get_logger("connector")
        self._now_ns = epoch_clock()
        self._fail_stop = stop_at_once(self._log)
        self._profiles = {profile.session: profile for profile in profiles(settings)}
        self._exit = exits.OK
        self.stopping = asyncio.Event()

    async def run(self) -> int:
        """Run until `stopping` is set; the exit code."""
        async with AsyncExitStack() as stack:
            try:
                return await self._run(stack)
            except JournalError as error:
                self._log.error("journal_refused", text=str(error))
                return exits.JOURNAL
            except (*FIX_START_ERRORS, OSError) as error:
                self._log.error("start_failed", text=str(error))
                return exits.START

    async def _run(self, stack: AsyncExitStack) -> int:
        settings = self._settings
        journal = Journal.open(settings.journal.path, product_version=VERSION, hook=self._hook)
        stack.callback(journal.close)
        router, snapshots = self._replayed(journal)
        drive = Drive(
            router,
            journal,
            now_ns=self._now_ns,
            fail_stop=self._fail_stop,
            observer=Milestones(router.state.book, structlog.get_logger("connector.orders")),
            hook=self._hook,
        )
        watchdog = Watchdog(environment=os.environ, fail_stop=self._fail_stop, log=self._log)
        watchdog.start()
        stack.callback(watchdog.stop)
        probes = Probes(
            settings.admin.host,
            settings.admin.port,
            ready=router.state.taking_orders,
            alive=lambda: (watchdog.alive, watchdog.unproven_s),
        )
        if settings.admin.enabled:
            await probes.start()
            stack.push_async_callback(probes.stop)
        desks = {spec.account: self._desk(spec, drive) for spec in desk_specs(settings)}
        drive.connect(desks, desks)
        for desk in desks.values():
            stack.push_async_callback(desk.stop)
        saved = {session: Numbers(*numbers) for session, numbers in router.state.book.numbers.items()}
        for session in check_store(settings.fix.acceptor.store_path, session_specs(settings), saved):
            drive.happen(StoreGone(session=session, reset=False))
        drive.carry_out(router.recover(self._now_ns()))
        for desk in desks.values():
            desk.start()
        await self._until_ready(router)
        if self.stopping.is_set():
            return self._exit
        space = self._space(drive)
        space.look()
        acceptor = self._acceptor(drive, watchdog, saved)
        port = await acceptor.start()
        drive.open_fix(acceptor)
        watchdog.ready()
        gc.collect()
        gc.freeze()  # what lives from start to end need not be looked at by every collection
        background = Tasks(self._fail_stop)
        stack.push_async_callback(background.stop)
        background.spawn(snapshots.keep())
        background.spawn(space.keep_looking())
        self._log.info("started", fix_port=port, admin_port=probes.port, journal=str(settings.journal.path))
        await self.stopping.wait()
        watchdog.stopping()
        await self._stop(drive, acceptor)
        return self._exit

    def _key_refused(self, error: KeyRefusedError) -> None:
        self._log.error("key_refused", account=error.account, text=str(error))
        self._exit = exits.KEY
        self.stopping.set()

    def _replayed(self, journal: Journal) -> tuple[Router, Snapshots]:
        router = Router(account_rules(self._settings), journal.next_position)
        start, count = replay_into(router, journal)
        book = router.state.book
        self._log.info(
            "journal_replayed",
            entries=count,
            after=start.position,
            from_snapshot=start.from_snapshot,
            orders=len(book.orders),
            unsettled=len(book.live),
        )
        return router, Snapshots(journal, unread=count, from_snapshot=start.from_snapshot, log=self._log)

    def _space(self, drive: Drive) -> SpaceWatch:
        return SpaceWatch(
            paths=(self._settings.journal.path.parent, self._settings.fix.acceptor.store_path),
            least_bytes=self._settings.journal.min_free_space_bytes,
            hold=lambda reason: drive.happen(OrdersHeld(reason=reason)),
            log=self._log,
        )

    def _desk(self, spec: DeskSpec, drive: Drive) -> Desk:
        return Desk(
            spec,
            happen=drive.happen,
            key_refused=self._key_refused,
            now_ns=self._now_ns,
            fail_stop=self._fail_stop,
            log=structlog.get_logger("connector.venue").bind(account=spec.account),
        )

    async def _until_ready(self, router: Router) -> None:
        deadline = self._now_ns() + int(READY_WITHIN_S * 1e9)
        accounts = router.state.accounts.values()
        while not all(account.open for account in accounts) and not self.stopping.is_set():
            if self._now_ns() > deadline:
                waiting = [account.rules.name for account in accounts if not account.open]
                self._log.error("venue_silent", accounts=waiting, waited_s=READY_WITHIN_S)
                return
            await asyncio.sleep(0.02)

    def _acceptor(self, drive: Drive, watchdog: Watchdog, saved: Mapping[str, Numbers]) -> FixAcceptor:
        settings = self._settings.fix.acceptor
        return FixAcceptor(
            host=settings.host,
            port=settings.port,
            sessions=session_specs(self._settings),
            store_path=settings.store_path,
            dictionary=shipped("FIX44.xml"),
            application=OmsSide(drive, self._profiles, structlog.get_logger("connector.fix")),
            fail_stop=self._fail_stop,
            first_message_deadline_s=settings.first_message_deadline_ms / 1000,
            heartbeat_range_s=settings.heartbeat_interval_range_s,
            saved=saved,
            proved=watchdog.proved,
            prove_every_s=watchdog.prove_every_s,
            log=structlog.get_logger("connector.fix"),
        )

    async def _stop(self, drive: Drive, acceptor: FixAcceptor) -> None:
        """SIGTERM: no new orders, those in flight get their outcome, clients a Logout; all under 15 s."""
        self._log.info("stopping", in_flight=drive.in_flight)
        drive.happen(Closing())
        left = await drive.settle(IN_FLIGHT_WITHIN_S)
        drive.save_numbers()
        await acceptor.stop(LOGOUT_WITHIN_S)
        drive.close_fix()
        await drive.stop()
        self._log.info("stopped", in_flight=left)


class OmsSide:
    """What the FIX engine tells us, as happenings."""

    def __init__(self, drive: Drive, profiles: Mapping[str, SessionProfile], log: Log) -> None:
        self._happen: Callable[[Happening], None] = drive.happen
        self._save_numbers = drive.save_numbers
        self._profiles = profiles
        self._log = log

    def on_message(self, session: str, text: str) -> None:
        """One application message; journalled when this returns (P2)."""
        self._happen(MessageArrived(received=read_message(text, self._profiles[session])))

    def on_logon(self, session: str, reset: bool) -> None:
        """A client is there."""
        self._log.info("session_opened", session=session, reset=reset)
        self._happen(SessionOpened(session=session, reset=reset))
        self._save_numbers()  # from its first message on, a lost store is noticed

    def on_reset(self, session: str) -> None:
        """The engine is about to empty its store of the session."""
        self._happen(StoreGone(session=session, reset=True))

    def on_receipt(self, session: str, mark: int) -> None:
        """The client has read the reports up to this position."""
        self._happen(ReceiptGiven(session=session, through=mark))

    def on_logout(self, session: str) -> None:
        """A client is gone."""
        self._log.info("session_closed", session=session)


def serve(settings: Settings, *, hook: Callable[[str], None] = lambda _point: None) -> int:
    """Run a connector in the foreground until SIGTERM or SIGINT; the exit code."""

    async def main() -> int:
        daemon = Daemon(settings, hook=hook)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, daemon.stopping.set)
        return await daemon.run()

    import uvloop  # noqa: PLC0415  # only here: tools that read settings need no event loop

    return uvloop.run(main())
