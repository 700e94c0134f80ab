"""What a configuration file may refer to: environment variables and files beside it."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from connector.settings.errors import RefusedError

_SECRET_FILE_BYTES = 65_536  # an RSA-4096 PEM has 3,300


@dataclass(slots=True)
class Surroundings:
    """Where values come from beside the file itself; collects what is noticed while one value is read."""

    environment: Mapping[str, str]
    directory: Path  # of the configuration file: relative paths start here
    notes: list[str] = field(default_factory=list)  # warnings about the value being read
    origin: str = ""  # where the value being read came from, when not from the file
    secrets: list[str] = field(default_factory=list)  # all that was read, to be kept out of every text

    def secret(self, reference: str) -> str:
        """The secret behind `env:NAME` or `file:PATH`; any other text is the secret itself.

        Raises:
            RefusedError: the variable is not set, or the file cannot be read; the text names it.
        """
        if reference.startswith("env:"):
            value = self._variable(reference.removeprefix("env:").strip())
        elif reference.startswith("file:"):
            value = self._file(self.directory / reference.removeprefix("file:").strip())
        else:
            value = reference
        self.secrets.append(value)
        return value

    def _variable(self, name: str) -> str:
        if name not in self.environment:
            raise RefusedError(f"environment variable {name} is not set; set it, or use file:PATH")
        self.origin = f"environment variable {name}"
        return self.environment[name].rstrip("\r\n")

    def _file(self, path: Path) -> str:
        self.origin = f"file {path}"
        try:
            mode = path.stat().st_mode
            if not stat.S_ISREG(mode):
                raise RefusedError(f"{path} is not a regular file; name the file that holds the secret")
            with path.open("rb") as file:
                data = file.read(_SECRET_FILE_BYTES + 1)
        except OSError as error:
            raise RefusedError(f"cannot read {path}: {os.strerror(error.errno or 0)}") from None
        except ValueError:
            raise RefusedError("file: names no possible path") from None
        if len(data) > _SECRET_FILE_BYTES:
            raise RefusedError(f"{path} is larger than {_SECRET_FILE_BYTES} bytes; it holds no secret")
        if mode & stat.S_IROTH:
            self.notes.append(f"{path} can be read by every user of this machine; run: chmod o-rwx {path}")
        try:
            return data.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise RefusedError(f"{path} is not UTF-8 text") from None
