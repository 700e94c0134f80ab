"""Reading a configuration file as text, with one sentence for each way this can fail."""

import os
from pathlib import Path

from connector.settings.errors import Fault, SettingsError

_LONGEST_BYTES = (
    262_144  # a desk with a hundred sessions writes 20,000; the HOCON parser needs seconds for more
)


def read_text(path: Path) -> str:
    """The file's text.

    Raises:
        SettingsError: it is missing, unreadable, no regular file, too large or not UTF-8.
    """
    try:
        if path.is_dir():
            raise SettingsError([Fault(str(path), "is a directory; name the configuration file in it")])
        with path.open("rb") as file:
            data = file.read(_LONGEST_BYTES + 1)
    except FileNotFoundError:
        raise SettingsError([Fault(str(path), "there is no such file; check the path")]) from None
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise SettingsError([Fault(str(path), f"cannot be read: {reason}")]) from None
    except ValueError:
        raise SettingsError([Fault(repr(str(path)), "is no possible path")]) from None
    if len(data) > _LONGEST_BYTES:
        text = f"is larger than {_LONGEST_BYTES} bytes; this is no configuration"
        raise SettingsError([Fault(str(path), text)])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        text = f"is not UTF-8 text (line {line}); save it as UTF-8"
        raise SettingsError([Fault(str(path), text)]) from None
