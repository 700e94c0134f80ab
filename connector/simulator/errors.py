"""The venue's error codes, texts and HTTP statuses, as one table.

Texts are those of the venue's error pages; `%s` takes the named parameter. A code that is missing
here cannot be raised, which keeps the simulator from inventing codes.
"""

from collections.abc import Mapping

TEXTS: Mapping[int, str] = {
    -1000: "An unknown error occurred while processing the request.",
    -1001: "Internal error; unable to process your request. Please try again.",
    -1002: "You are not authorized to execute this request.",
    -1003: "%s",  # weight, ban and queue texts differ by pool; see limits.py
    -1006: "An unexpected response was received from the message bus. Execution status unknown.",
    -1007: "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
    -1008: "Server is currently overloaded with other requests. Please try again in a few minutes.",
    -1013: "%s",  # "Filter failure: LOT_SIZE", "Market is closed.", ...
    -1014: "Unsupported order combination.",
    -1015: "Too many new orders; current limit is %s orders per %s.",
    -1016: "This service is no longer available.",
    -1020: "This operation is not supported.%s",
    -1021: "%s",
    -1022: "Signature for this request is not valid.",
    -1099: "Not found, authenticated, or authorized",
    -1100: "Illegal characters found in parameter '%s'; legal range is '%s'.",
    -1101: "Duplicate values for a parameter detected.",
    -1102: "Mandatory parameter '%s' was not sent, was empty/null, or malformed.",
    -1105: "Parameter '%s' was empty.",
    -1106: "Parameter '%s' sent when not required.",
    -1111: "Parameter '%s' has too much precision.",
    -1115: "Invalid timeInForce.",
    -1116: "Invalid orderType.",
    -1117: "Invalid side.",
    -1121: "Invalid symbol.",
    -1125: "This listenKey does not exist.",
    -1127: "More than %s hours between startTime and endTime.",
    -1128: "Combination of optional parameters invalid.",
    -1130: "Data sent for parameter '%s' is not valid.",
    -1131: "recvWindow must be less than 60000",
    -1136: "Invalid newOrderRespType",
    -1194: "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.",
    -1209: "Invalid listenToken.",  # the venue's text is unpublished: match by code
    -2010: "%s",
    -2011: "%s",
    -2013: "Order does not exist.",
    -2014: "API-key format invalid.",
    -2015: "Invalid API-key, IP, or permissions for action.",
    -2035: "User Data Stream subscription already active.",
    -2036: "User Data Stream subscription not active.",
    -2039: "Client order ID is not correct for this order ID.",
    -2042: "Maximum subscription ID reached for this connection.",
    -3003: "Margin account does not exist.",
    -3006: "Your borrow amount has exceed maximum borrow amount.",
    -3007: "You have pending transaction, please try again later..",
    -3012: "Borrow is banned for this asset.",
    -3015: "Repay amount exceeds borrow amount.",
    -3020: "Transfer out amount exceeds max amount.",
    -3021: "Margin account are not allowed to trade this trading pair.",
    -3027: "Not a valid margin asset.",
    -3028: "Not a valid margin pair.",
    -3041: "Balance is not enough",
    -3042: "PriceIndex not available for this margin pair.",
    -3045: "The system does not have enough asset now.",
    -3067: "%s",
    -11001: "Isolated margin account does not exist.",
}

# Everything else is HTTP 400: the request was understood and refused.
STATUSES: Mapping[int, int] = {
    -1000: 500,
    -1001: 500,
    -1002: 401,
    -1003: 429,
    -1006: 500,
    -1007: 504,
    -1008: 503,
    -1015: 429,
    -1016: 410,
    -2014: 401,
    -2015: 401,
}

INSUFFICIENT_BALANCE = "Account has insufficient balance for requested action."


class VenueError(Exception):
    """The venue refuses: becomes `{"code":…,"msg":…}` with `status`, over REST or WS-API.

    `headers` are HTTP only; `data` is WS-API only (`error.data`).
    """

    def __init__(
        self,
        code: int,
        msg: str,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        data: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(f"{code}: {msg}")
        self.code, self.msg = code, msg
        self.status = STATUSES.get(code, 400) if status is None else status
        self.headers, self.data = headers or {}, data


def refusal(code: int, *values: object) -> VenueError:
    """Build the error of the table with its text filled in.

    Raises:
        KeyError: the code is not in the table (our bug).
    """
    text = TEXTS[code]
    return VenueError(code, text % values if values else text.replace("%s", ""))


def filter_failure(name: str) -> VenueError:
    """-1013 naming the filter of `exchangeInfo` that refused."""
    return refusal(-1013, f"Filter failure: {name}")


def order_rejected(text: str) -> VenueError:
    """-2010 with the matching engine's text."""
    return refusal(-2010, text)


def cancel_rejected(text: str) -> VenueError:
    """-2011 with the matching engine's text."""
    return refusal(-2011, text)
