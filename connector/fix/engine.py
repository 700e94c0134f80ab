"""quickfix's acceptor, run by whoever calls `poll`: no thread of its own, callbacks on the caller's stack.

Every callback is total. An exception that leaves one makes the binding end the process with status 1 and no
word to the log, so it is caught here and handed to `fail_stop`, which must not return. Messages are borrowed
from the engine for the time of the callback: one `toString()` is taken and nothing else kept.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import quickfix as fix

from connector.fix.engine_settings import session_id, session_settings
from connector.fix.framing import SOH
from connector.fix.private_listener import PrivateListener, free_port, open_descriptors
from connector.fix.session import Application, EventLog, FailStop, SessionSpec
from connector.fix.store_check import check_store

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
    ) -> None:
        self._sessions = sessions
        self._store_path = store_path
        self._dictionary_path = dictionary
        self._ids = {spec.key: session_id(spec) for spec in sessions}
        self._log = log
        self._callbacks = _Callbacks(self._ids, application, fail_stop, log)
        self._acceptor: Any = None
        self._dictionary: Any = None
        self._known: dict[str, Any] = {}  # the engine's session objects, which live as long as the acceptor
        self._listener: PrivateListener | None = None
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
        check_store(self._store_path, self._sessions)
        try:
            self._dictionary = fix.DataDictionary(str(self._dictionary_path))
        except (fix.ConfigError, fix.RuntimeError) as error:
            raise EngineStartError(f"FIX dictionary {self._dictionary_path}: {error}") from error
        for attempt in range(1, PORT_ATTEMPTS + 1):
            try:
                return self._open_on(free_port())
            except fix.RuntimeError as error:
                self.close()
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
        return self._listener

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

    def note_reset(self, key: str) -> None:
        """A Logon with ResetSeqNumFlag(141)=Y is about to be handed over."""
        self._callbacks.reset_asked.add(key)

    def logon_fault(self, text: str) -> str | None:
        """Why the dictionary refuses a Logon, or None. The engine itself would answer it with nothing."""
        try:
            self._dictionary.validate(fix.Message(text, self._dictionary, True))
        except fix.FIXException as error:
            return str(error)
        return None

    def farewell(self, key: str, text: str) -> bytes:
        """A Logout(5) with Text(58) for a client that is not logged on; it uses our next number."""
        self.send(key, f"35=5\x0158={text}\x01")
        return self._callbacks.last_logout.encode("utf-8", "replace")

    def log_out(self, key: str, text: str) -> None:
        """Send Logout(5) with Text(58) and take no Logon any more."""
        self._known[key].logout(text)
        self.tick(key)

    def close(self) -> None:
        """Forget the sessions and close what is left; numbers and messages are in the store."""
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
        ids: dict[str, Any],
        application: Application,
        fail_stop: FailStop,
        log: EventLog,
    ) -> None:
        super().__init__()
        self._keys = {identity.toString(): key for key, identity in ids.items()}
        self._application = application
        self._fail_stop = fail_stop
        self._log = log
        self.reset_asked: set[str] = set()
        self.last_logout = ""

    def fromApp(self, message: Any, session_id: Any) -> None:
        try:
            self._application.on_message(self._keys[session_id.toString()], _text(message))
        except BaseException as error:  # noqa: BLE001 - total, see the module's first words
            self.die(error)

    def fromAdmin(self, message: Any, session_id: Any) -> None:
        """(Nothing is refused here by RejectLogon: the binding keeps each exception and its frames.)"""
        try:
            kind = message.getHeader().getField(35)
            if kind in TOLD_ADMIN:
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
            reset = key in self.reset_asked
            self.reset_asked.discard(key)
            self._log.info("fix_logon", session=key, reset=reset)
            self._application.on_logon(key, reset)
        except BaseException as error:  # noqa: BLE001 - total
            self.die(error)

    def onLogout(self, session_id: Any) -> None:
        try:
            key = self._keys[session_id.toString()]
            self._log.info("fix_logout", session=key)
            self._application.on_logout(key)
        except BaseException as error:  # noqa: BLE001 - total
            self.die(error)

    def _tell(self, direction: str, kind: str, message: Any, session_id: Any) -> None:
        body = _readable(_text(message))
        self._log.info(
            f"fix_{TOLD_ADMIN[kind]}_{direction}", session=self._keys[session_id.toString()], message=body
        )

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
