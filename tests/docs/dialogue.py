"""The worked dialogues of docs/fix.md, read and played against the real daemon and the real simulator.

One line each, in the order of the page:

    # comment
    OMS  35=D|11=a1|55=BTCUSDT|54=1|38=0.01|40=2|44=59000     the client sends; TransactTime(60) is added
    OMS  35=A   (35=A|141=Y)                                  it connects and logs on
    OMS  goes away                                            its connection breaks
    GW   35=8|11=a1|150=0|39=0|17=<e1>                        the next report of that ClOrdID says at least this
    sim  POST /sim/fill {"clientOrderId": "OMS1-a1"}          a hand on the exchange
    host kill -9                                              the connector dies
    host starts                                               and is there again

`<name>` stands for any value, and for the same one wherever it comes again in the dialogue. At the end of a
dialogue every message that arrived must have been shown, but for what is told again (97=Y).
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.daemon import Daemon
from tests.support.exchange import Exchange
from tests.support.fix_client import FixClient, Message, utc_now

PAGE = Path(__file__).parents[2] / "docs" / "fix.md"
HEADER = frozenset({43, 97, 115, 122})
TIMED = frozenset("DFG")
NAMES = (11, 45, 379)  # what a report or reject is about
LONGEST_S = 20.0  # "never reached the venue" takes recvWindow, the venue's 10 s and the clock's share

_NAME = re.compile(r"<(\w+)>")


@dataclass(frozen=True)
class Dialogue:
    """One block of the page."""

    title: str
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return self.title


def dialogues() -> list[Dialogue]:
    """All of the page, in its order; each is named by the heading above it."""
    found: list[tuple[str, list[str]]] = []
    title, inside = "", False
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if inside and line.startswith("```"):
            inside = False
        elif inside:
            found[-1][1].append(line.rstrip())
        elif line == "```fix":
            inside = True
            found.append((title, []))
        elif line.startswith("#"):
            title = line.lstrip("# ")
    return [Dialogue(title, tuple(filter(None, lines))) for title, lines in found]


def fields_of(text: str) -> list[tuple[int, str]]:
    """`35=D|11=a1` as pairs."""
    return [(int(tag), value) for tag, _, value in (part.partition("=") for part in text.split("|") if part)]


@dataclass
class Player:
    """Plays the dialogues of one page with one client."""

    venue: Exchange
    daemon: Daemon
    client: FixClient
    names: dict[str, str] = field(default_factory=dict)

    async def play(self, dialogue: Dialogue) -> None:
        """Raises AssertionError with the line that is not true."""
        self.names.clear()
        self.client.inbox.clear()  # what a dialogue that failed left behind
        if self.client.closed.is_set():
            await self._log_on("")
            await self.client.expect("A")
        for line in dialogue.lines:
            who, _, rest = line.partition(" ")
            try:
                await self._line(who, rest.strip())
            except AssertionError as error:
                raise AssertionError(f"{dialogue}: {line}\n{error}") from error
        self.client.inbox = [message for message in self.client.inbox if message.get(97) != "Y"]
        await self.client.expect_silence(0.2)

    async def _line(self, who: str, rest: str) -> None:
        match who:
            case "#":
                return
            case "OMS" if rest == "goes away":
                await self._until_read()
                await self.client.close()
            case "OMS":
                await self._send(rest)
            case "GW":
                await self._expect(rest)
            case "sim":
                await self._control(rest)
                if self.client.closed.is_set():
                    await asyncio.sleep(0.2)  # what it leads to is reported before the OMS comes back
            case "host" if rest == "kill -9":
                await asyncio.sleep(
                    0.2
                )  # past the instant in which a report is out, but not noted as told (97=Y)
                await self.daemon.kill()
                await self.client.close()
            case "host" if rest == "starts":
                await self.daemon.start()
            case _:
                raise AssertionError("no such line in a dialogue")

    async def _until_read(self) -> None:
        """The connector has asked whether its last report was read, and been answered; what was told after
        that is what it tells again when the client comes back with 141=Y."""

        def proven() -> bool:
            for message in reversed(self.client.seen):
                if message[35] == "1" and message[112].startswith("READ-"):
                    return True
                if message[35] in "89" and message.get(150) != "I":
                    return False
            return True

        async with asyncio.timeout(LONGEST_S):
            while not proven():
                await asyncio.sleep(0.05)

    async def _send(self, text: str) -> None:
        (_, kind), *rest = fields_of(text)
        if kind == "A":
            await self._log_on(text)
            return
        header = {tag: utc_now() if value == "now" else value for tag, value in rest if tag in HEADER}
        body = [(tag, value) for tag, value in rest if tag not in HEADER]
        if kind in TIMED:
            body.append((60, utc_now()))
        await self.client.send(kind, body, header=header)

    async def _log_on(self, text: str) -> None:
        await self.client.connect("127.0.0.1", self.daemon.port)
        await self.client.send_logon(reset="141=Y" in text)

    async def _expect(self, text: str) -> None:
        wanted = fields_of(text)
        known = {tag: self._filled(value) for tag, value in wanted if not self._is_new(value)}
        kind = known.pop(35)
        again = known.get(97) == "Y"  # among others that are told again: found by all it says
        address: dict[int, str] = known if again else {tag: known[tag] for tag in NAMES if tag in known}
        message = await self.client.expect(kind, address, timeout_s=LONGEST_S)
        told = {tag: message.get(tag) for tag in known}
        assert told == known, f"it says instead: {message}"
        self._learn(wanted, message)

    def _is_new(self, value: str) -> bool:
        name = _NAME.fullmatch(value)
        return name is not None and name[1] not in self.names

    def _filled(self, value: str) -> str:
        name = _NAME.fullmatch(value)
        return value if name is None else self.names[name[1]]

    def _learn(self, wanted: list[tuple[int, str]], message: Message) -> None:
        for tag, value in wanted:
            if (name := _NAME.fullmatch(value)) is not None:
                assert message.get(tag), f"no tag {tag}: {message}"
                self.names.setdefault(name[1], message[tag])

    async def _control(self, text: str) -> None:
        found = re.fullmatch(r"(\w+) /sim/(\S+)(?: (\{.*\}))?", text)
        assert found, text
        await self.venue.sim(found[2], found[1], **json.loads(found[3] or "{}"))
