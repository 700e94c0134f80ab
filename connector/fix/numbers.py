"""Sequence numbers after the engine's store was lost, or is older than what the journal says.

The engine would go on at whatever it finds, at 1 in an empty directory. The rules that decide what is safe
instead (FIX 4.4 vol. 2, "Sequence Numbers", "Gap Fill"):

* Ours must never fall below one the client has seen: it would take the session for broken ("MsgSeqNum too
  low", a logout and a human). Too high is harmless: the client asks for the gap and gets it filled. The
  journal's number may be older than the last message by what was sent since it was written (the same turn
  of the loop for reports, a minute for heartbeats, and after a power cut what the disk had not taken yet),
  so we go on `LEAP` above it.
* The client's must never rise above the last one we processed: the messages in between would be lost in
  silence. Too low is harmless: we ask for them again, they come with PossDupFlag(43)=Y, and orders known to
  the journal are not placed again (P3). So the higher of the two numbers that we have is taken, without a
  leap.

The reports in the gap are gone from the store; those the client has not proven to have read are told again
with PossResend(97)=Y (see `connector.core.records.StoreForgotten`).
"""

from __future__ import annotations

from typing import NamedTuple

LEAP = 10_000


class Numbers(NamedTuple):
    """The next MsgSeqNum(34) in each direction."""

    out: int  # of ours
    due: int  # of the client's


def behind(stored: Numbers, saved: Numbers) -> bool:
    """The store knows less than the journal."""
    return stored.out < saved.out or stored.due < saved.due
