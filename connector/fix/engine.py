"""quickfix's acceptor, run by whoever calls `poll`: no thread of its own, callbacks on the caller's stack.

Every callback is total. An exception that leaves one makes the binding end the process with status 1 and no
word to the log, so it is caught here and handed to `fail_stop`, which must not return. Messages are borrowed
from the engine for the time of the callback: one `toString()` is taken and nothing else kept.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import quickfix as fix

from connector.fix.engine_settings import internal_store, session_id, session_settings
from connector.fix.framing import SOH
from connector.fix.numbers import LEAP, Numbers, behind
from connector.fix.private_listener import PrivateListener, free_port, open_descriptors
from connector.fix.session import Application, EventLog, FailStop, SessionSpec
from connector.fix.store_check import check_store
from connector.fix.store_lock import locked

EXIT_SOFTWARE = 70  # sysexits.h
MAX_RAISED = 10
PORT_ATTEMPTS = 20  # somebody else may take a free port between our look and the engine's bind
TOLD_ADMIN = {  # MsgType(35) of the session messages an operator wants to see, and their names
    "2": "resend_request",
    "3": "session_reject",
    "4": "sequence_reset",
    "5": "logout",
}


class EngineStartError(Exception):
    """The engine refuses its configuration, its store or its dictionary."""


class EngineStoreError(Exception):
    """The engine could not store a message, and will not until a restart."""

    def __init__(self, session: str) -> None:
        super().__init__(f"session {session}: the FIX engine did not store a message")
        self.session = session


class Engine:
    """The sessions of one acceptor.

    The engine keeps one registry of sessions per process: two engines of a process need different comp IDs.
    """

    def __init__(
        self,
        *,
        sessions: Sequence[SessionSpec],
        store_path: Path,
        dictionary: Path,
        application: Application,
        fail_stop: FailStop,
        log: EventLog,
        saved: Mapping[str, Numbers] | None = None,
        receipt: Callable[[str, str], int | None] = lambda _session, _test_req_id: None,
    ) -> None:
        """`saved`: the numbers the journal has of each session. `receipt`: see `Receipts.answered`."""
        self._sessions = sessions
        self._saved = saved or {}
        self._store_path = store_path
        self._dictionary_path = dictionary
        self._ids = {spec.key: session_id(spec) for spec in sessions}
        self._log = log
        self._callbacks = _Callbacks(
            ids=self._ids,
            internal={spec.key for spec in sessions if spec.internal},
            application=application,
            receipt=receipt,
            fail_stop=fail_stop,
            log=log,
        )
        self._acceptor: Any = None
        self._dictionary: Any = None
        self._known: dict[str, Any] = {}  # the engine's session objects, which live as long as the acceptor
        self._listener: PrivateListener | None = None
        self._lock: int | None = None
        self._polling = False
        self._raised = 0  # polls in a row that ended in an exception of the engine

    def open(self) -> PrivateListener:
        """Start the engine behind a private listener.

        Raises:
            EngineStartError: with the engine's own words.
            StoreDamagedError: the message store of a session contradicts itself.
            ListenerNotFoundError: the engine's listener could not be taken away from the network.
        """
        self._store_path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = locked(self._store_path)
        try:
            return self._open_locked()
        except BaseException:
            self.close()
            raise

    def _open_locked(self) -> PrivateListener:
        shutil.rmtree(internal_store(self._store_path), ignore_errors=True)
        check_store(self._store_path, [spec for spec in self._sessions if not spec.internal])
        try:
            self._dictionary = fix.DataDictionary(str(self._dictionary_path))
        except (fix.ConfigError, fix.RuntimeError) as error:
            raise EngineStartError(f"FIX dictionary {self._dictionary_path}: {error}") from error
        for attempt in range(1, PORT_ATTEMPTS + 1):
            try:
                return self._open_on(free_port())
            except fix.RuntimeError as error:
                self._forget()
                if attempt == PORT_ATTEMPTS:
                    raise EngineStartError(f"the FIX engine does not start: {error}") from error
        raise AssertionError("unreachable")

    def _open_on(self, port: int) -> PrivateListener:
        settings = session_settings(
            self._sessions,
            accept_port=port,
            store_path=self._store_path,
            dictionary=self._dictionary_path,
        )
        for key, identity in self._ids.items():
            assert not fix.Session.doesSessionExist(identity), f"{key} runs already in this process"
        try:
            stores = fix.FileStoreFactory(settings)
            self._acceptor = fix.SocketAcceptor(self._callbacks, stores, settings)
        except fix.ConfigError as error:
            raise EngineStartError(f"the FIX engine refuses its configuration: {error}") from error
        before = open_descriptors()
        self._acceptor.poll()  # binds and listens
        self._listener = PrivateListener()
        self._listener.replace(sorted(open_descriptors() - before), port)
        self._known = {key: fix.Session.lookupSession(identity) for key, identity in self._ids.items()}
        for key, saved in self._saved.items():
            if key in self._known:
                self._restore(key, saved)
        return self._listener

    def _restore(self, key: str, saved: Numbers) -> None:
        """Go on where the journal says, if the store knows less: see `connector.fix.numbers`."""
        stored, session = self.numbers(key), self._known[key]
        if not behind(stored, saved):
            return
        if stored.out < saved.out:
            session.setNextSenderMsgSeqNum(saved.out)
            for _ in range(LEAP):  # Heartbeats that never go out: no number is missing in the store
                if not self.send(key, "35=0\x01"):
                    raise EngineStartError(f"FIX session {key}: the store cannot be written")
        session.setNextTargetMsgSeqNum(max(stored.due, saved.due))
        self._log.error(
            "fix_numbers_restored", session=key, stored=stored, journal=saved, now=self.numbers(key)
        )

    def poll(self, times: int = 1) -> None:
        """Let the engine read, write and time out; it does none of these otherwise.

        One poll either buries the connections that were dropped, or accepts, reads at most 8 KiB of each
        connection, and writes one message of each queue it was woken for. It costs about a microsecond.
        """
        if self._polling or self._acceptor is None:
            return
        self._polling = True
        try:
            for _ in range(times):
                self._acceptor.poll()
            self._raised = 0
        except (fix.FIXException, RuntimeError) as error:  # C++ exceptions, as the binding gives them
            self._contain(error)
        finally:
            self._polling = False

    def _contain(self, error: Exception) -> None:
        """A client's message made the engine throw: that costs the client its connection (the link sees that
        it is not logged on) and nobody else anything. An engine that goes on throwing is broken (P12)."""
        self._log.error("fix_engine_raised", error=str(error))
        self._raised += 1
        if self._raised >= MAX_RAISED:
            self._callbacks.die(error)

    def tick(self, key: str) -> None:
        """Heartbeat, TestRequest and time-outs of a session, now. (The engine's own timer is only served by a
        poll that finds nothing else to do, which another busy session can put off.)"""
        self._known[key].next(fix.UtcTimeStamp.now())

    def send(self, key: str, body: str) -> bool:
        """Store an application message and send it if the client is there. See `FixAcceptor.send`."""
        if not body.isascii():
            body = body.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate cannot cross into C++
        end = "" if body.endswith("\x01") else "\x01"
        text = f"8=FIX.4.4\x019=0\x01{body}{end}10=000\x01"
        # with the dictionary: without it the entries of a repeating group are sorted apart
        message = fix.Message(text, self._dictionary, False)
        return bool(fix.Session.sendToTarget(message, self._ids[key]))

    def logged_on(self, key: str) -> bool:
        """Logon is complete in both directions."""
        session = self._known.get(key)
        return session is not None and bool(session.isLoggedOn())

    def expected(self, key: str) -> int:
        """The MsgSeqNum(34) that is due next from the client."""
        return int(self._known[key].getExpectedTargetNum())

    def numbers(self, key: str) -> Numbers:
        """The numbers that are due next, as the store has them."""
        session = self._known[key]
        return Numbers(int(session.getExpectedSenderNum()), int(session.getExpectedTargetNum()))

    def ask(self, key: str, test_req_id: str) -> None:
        """Send TestRequest(1); the answer comes as `Application.on_receipt`."""
        if not self.send(key, f"35=1\x01112={test_req_id}\x01"):
            self._callbacks.die(EngineStoreError(key))

    def note_reset(self, key: str) -> None:
        """A Logon with ResetSeqNumFlag(141)=Y is about to be handed over."""
        self._callbacks.reset(key)

    @contextlib.contextmanager
    def unsaid(self) -> Iterator[None]:
        """What passes meanwhile was logged before, as one."""
        self._callbacks.telling = False
        try:
            yield
        finally:
            self._callbacks.telling = True

    def logon_fault(self, text: str) -> str | None:
        """Why the dictionary refuses a Logon, or None. The engine itself would answer it with nothing."""
        try:
            self._dictionary.validate(fix.Message(text, self._dictionary, True))
        except fix.FIXException as error:
            return str(error)
        return None

    def farewell(self, key: str, text: str) -> bytes:
        """A Logout(5) with Text(58) for a client that is not logged on; it uses our next number."""
        if not self.send(key, f"35=5\x0158={text}\x01"):
            self._callbacks.die(EngineStoreError(key))
        return self._callbacks.last_logout.encode("utf-8", "replace")

    def log_out(self, key: str, text: str) -> None:
        """Send Logout(5) with Text(58) and take no Logon any more."""
        self._known[key].logout(text)
        self.tick(key)

    def close(self) -> None:
        """Forget the sessions and close what is left; numbers and messages are in the store."""
        self._forget()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _forget(self) -> None:
        self._known.clear()
        if self._acceptor is not None:
            self._acceptor.stop(True)
            self._acceptor = None  # its destructor takes the sessions out of the process-wide registry
        if self._listener is not None:
            self._listener.close()
            self._listener = None


class _Callbacks(fix.Application):  # type: ignore[misc]  # the binding has no types
    def __init__(
        self,
        *,
        ids: dict[str, Any],
        internal: set[str],
        application: Application,
        receipt: Callable[[str, str], int | None],
        fail_stop: FailStop,
        log: EventLog,
    ) -> None:
        super().__init__()
        self._keys = {identity.toString(): key for key, identity in ids.items()}
        self._internal = internal
        self._receipt = receipt
        self._application = application
        self._fail_stop = fail_stop
        self._log = log
        self._reset_asked: set[str] = set()
        self.telling = True  # session messages are logged
        self.last_logout = ""

    def reset(self, key: str) -> None:
        """Journalled before the engine forgets: a crash in between must not look like a lost store."""
        if key in self._internal:
            return
        try:
            self._reset_asked.add(key)
            self._application.on_reset(key)
        except BaseException as error:  # noqa: BLE001 - the caller is a callback of the loop
            self.die(error)

    def fromApp(self, message: Any, session_id: Any) -> None:
        try:
            key = self._keys[session_id.toString()]
            if key not in self._internal:  # the watchdog has nothing to order
                self._application.on_message(key, _text(message))
        except BaseException as error:  # noqa: BLE001 - total, see the module's first words
            self.die(error)

    def fromAdmin(self, message: Any, session_id: Any) -> None:
        """(Nothing is refused here by RejectLogon: the binding keeps each exception and its frames.)"""
        try:
            kind = message.getHeader().getField(35)
            if kind == "0" and message.isSetField(112):
                key = self._keys[session_id.toString()]
                if (mark := self._receipt(key, message.getField(112))) is not None:
                    self._application.on_receipt(key, mark)
            elif kind in TOLD_ADMIN:
                self._tell("received", kind, message, session_id)
        except BaseException as error:  # noqa: BLE001 - total
            self.die(error)

    def toAdmin(self, message: Any, session_id: Any) -> None:
        try:
            kind = message.getHeader().getField(35)
            if kind in TOLD_ADMIN:
                self._tell("sent", kind, message, session_id)
            if kind == "5":
                self.last_logout = message.toString()
        except BaseException as error:  # noqa: BLE001 - total
            self.die(error)

    def toApp(self, message: Any, session_id: Any) -> None:
        """Every report may go out again: the client judges 43=Y and 97=Y."""

    def onCreate(self, session_id: Any) -> None:
        """Nothing to do: sessions are known from the configuration."""

    def onLogon(self, session_id: Any) -> None:
        try:
            key = self._keys[session_id.toString()]
            if key in self._internal:
                return
            reset = key in self._reset_asked
            self._reset_asked.discard(key)
            self._log.info("fix_logon", session=key, reset=reset)
            self._application.on_logon(key, reset)
        except BaseException as error:  # noqa: BLE001 - total
            self.die(error)

    def onLogout(self, session_id: Any) -> None:
        try:
            key = self._keys[session_id.toString()]
            if key in self._internal:
                return
            self._log.info("fix_logout", session=key)
            self._application.on_logout(key)
        except BaseException as error:  # noqa: BLE001 - total
            self.die(error)

    def _tell(self, direction: str, kind: str, message: Any, session_id: Any) -> None:
        key = self._keys[session_id.toString()]
        if self.telling and key not in self._internal:
            body = _readable(_text(message))
            self._log.info(f"fix_{TOLD_ADMIN[kind]}_{direction}", session=key, message=body)

    def die(self, error: BaseException) -> NoReturn:
        """End the process."""
        try:
            self._fail_stop(error)
        finally:
            os._exit(EXIT_SOFTWARE)  # whatever became of it: never back into the engine


def _text(message: Any) -> str:
    """The message as text; bytes that are no UTF-8 (the binding gives surrogates) become U+FFFD."""
    text: str = message.toString()
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _readable(text: str) -> str:
    return text.replace(SOH.decode(), "|")
