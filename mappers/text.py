"""Text from outside, made safe to write into FIX, the journal and the log.

The FIX engine hands bytes that are not UTF-8 over as lone surrogates, and takes none back: a string
holding one raises inside the engine (quickfix 1.16.0, SWIG wrapper). The venue's texts may hold anything.
"""

from __future__ import annotations

TEXT_LIMIT = 512  # characters of Text(58): room for any venue message, no room for an HTML page


def printable(text: str, limit: int = TEXT_LIMIT) -> str:
    """`text` with every unprintable character (SOH, line ends, lone surrogates) replaced by '?', cut at
    `limit`.
    """
    if len(text) > limit:
        text = text[: limit - 3] + "..."
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "?" for character in text)
