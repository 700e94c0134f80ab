"""The OMS's side of the translation, in one import: messages in, reports out."""

from mappers.fix_in import read_message
from mappers.fix_out import write_report
from mappers.fix_time import utc
from mappers.profile import DayTimeInForce, SessionProfile

__all__ = [
    "DayTimeInForce",
    "SessionProfile",
    "read_message",
    "utc",
    "write_report",
]
