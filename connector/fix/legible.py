"""Frames whose sum is right and whose inside the engine cannot parse.

The engine drops such a frame without consuming its number and asks for it again, and gets the same bytes
again: the session, cancels included, would stand still for ever. So they do not reach it: what does is the
frame's header alone, which it answers by Reject(3) and counts, and the client is told why by
BusinessMessageReject(j).
"""

from __future__ import annotations

import re

from connector.fix.framing import SOH, Frame, fields
from connector.fix.resend import framed

_PLAIN = re.compile(rb"(?:[1-9][0-9]{0,8}=[^\x01]*\x01)+")
_SUSPECT = re.compile(rb"\x01(?:8|9|10|91|96|89|213|349|351|353|355|357|359|361|363|365|446|619|621|623)=")
_LENGTH_OF = {
    b"91": b"90", b"96": b"95", b"89": b"93", b"213": b"212", b"349": b"348", b"351": b"350", b"353": b"352",
    b"355": b"354", b"357": b"356", b"359": b"358", b"361": b"360", b"363": b"362", b"365": b"364",
    b"446": b"445", b"619": b"618", b"621": b"620", b"623": b"622",
}  # fmt: skip
_TRAILER_SIZE = len(b"10=000\x01")
_HEADER = (b"35", b"34", b"49", b"56", b"52", b"43", b"122", b"97")
_SHOWN = 40


def fault_of(raw: bytes) -> str | None:
    """What the engine could not parse, in words; None when all is well. `raw` is a frame with a right sum."""
    body_start = raw.index(b"\x0135=") + 1
    body = raw[body_start:-_TRAILER_SIZE]
    if _PLAIN.fullmatch(body) and _SUSPECT.search(body) is None:
        return None
    return _looked_at(body)


def header_only(frame: Frame) -> Frame | None:
    """The frame with nothing but its header; None when that cannot be told either."""
    given: dict[bytes, bytes] = {}
    for tag, value in fields(frame.raw):
        given.setdefault(tag, value)
    if not all(given.get(tag) for tag in _HEADER[:5]):
        return None
    return Frame(framed([(tag, given[tag]) for tag in _HEADER if given.get(tag)]), frame.msg_type)


def _looked_at(body: bytes) -> str | None:
    at = 0
    before = (b"", b"")
    while at < len(body):
        end = body.find(SOH, at)
        tag, equals, value = body[at:end].partition(b"=")
        if not equals or not tag.isdigit() or tag.startswith(b"0") or len(tag) > 9:
            return f"{_shown(body[at:end])} is not tag=value"
        if tag in (b"8", b"9", b"10"):
            return f"tag {tag.decode()} stands within the message"
        if tag in _LENGTH_OF:
            length_tag = _LENGTH_OF[tag]
            if before[0] != length_tag or not before[1].isdigit():
                return f"tag {tag.decode()} does not follow its length, tag {length_tag.decode()}"
            end = at + len(tag) + 1 + int(before[1])
            if body[end : end + 1] != SOH:
                return f"tag {tag.decode()} is not as long as tag {length_tag.decode()} says"
        before = (tag, value)
        at = end + 1
    return None


def _shown(part: bytes) -> str:
    text = part[:_SHOWN].decode("ascii", "replace")
    return repr("".join(letter if letter.isprintable() else "?" for letter in text))
