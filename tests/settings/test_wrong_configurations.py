"""Each wrong configuration gets a message that names path, value, what is allowed and what to do."""

from pathlib import Path

import pytest

from tests.settings.sample import SAMPLE, SECRET, changed, faults, written, written_text

S = "connectors.BINANCE.settings"
KEY0 = f"{S}.apiKeys.0"
SESSION0 = "fix.sessions.0"

SINGLE_SETTINGS = [
    (f"{S}.recvwindow", 5, f"{S}.recvwindow: unknown setting; did you mean recvWindow?"),
    (f"{S}.restURL", "https://x", f"{S}.restURL: unknown setting; did you mean restUrl?"),
    (f"{S}.clientIdPrefix", "a", f"{S}.clientIdPrefix: unknown setting; did you mean clientOrderIdPrefix?"),
    ("journal.zzz", 1, "journal.zzz: unknown setting; known here: path, minFreeSpace"),
    ("loging", {}, "loging: unknown setting; did you mean logging?"),
    (
        f"{S}.binanceSyncSettings.orderRequestSizeLimit",
        5,
        f"{S}.binanceSyncSettings.orderRequestSizeLimit: unknown setting; did you mean ordersRequestSizeLimit?",
    ),
    (
        f"{S}.recvWindow",
        60001,
        f"{S}.recvWindow: 60001 is out of range; allowed: a whole number of milliseconds from 0 to 60000",
    ),
    (
        f"{S}.recvWindow",
        "5s",
        f"{S}.recvWindow: '5s' is not a whole number; allowed: a whole number of milliseconds from 0 to 60000",
    ),
    (
        f"{S}.recvWindow",
        5.5,
        f"{S}.recvWindow: 5.5 is not a whole number; allowed: a whole number of milliseconds from 0 to 60000",
    ),
    (
        f"{S}.recvWindow",
        True,
        f"{S}.recvWindow: true is not a whole number; allowed: a whole number of milliseconds from 0 to 60000",
    ),
    (
        f"{S}.binanceSyncSettings.tradesRequestSizeLimit",
        1001,
        f"{S}.binanceSyncSettings.tradesRequestSizeLimit: 1001 is out of range; "
        "allowed: a whole number from 1 to 1000",
    ),
    (
        f"{S}.staleWebsocketTimeout",
        "5 sekunds",
        f"{S}.staleWebsocketTimeout: '5 sekunds' is not a duration; write 500ms, 5s, 30m, 1h or 1d",
    ),
    (
        f"{S}.staleWebsocketTimeout",
        5000,
        f"{S}.staleWebsocketTimeout: 5000 has no unit; write 500ms, 5s, 30m, 1h or 1d",
    ),
    (
        f"{S}.staleWebsocketTimeout",
        "5000",
        f"{S}.staleWebsocketTimeout: '5000' has no unit; write 500ms, 5s, 30m, 1h or 1d",
    ),
    (
        f"{S}.websocketHeartbeatInterval",
        "60m",
        f"{S}.websocketHeartbeatInterval: 1h is out of range; allowed: a duration from 1s to 59m",
    ),
    (
        f"{S}.selfTradePreventionMode",
        "EXPIRE_MAKERS",
        f"{S}.selfTradePreventionMode: 'EXPIRE_MAKERS' is not one of "
        "EXPIRE_MAKER, EXPIRE_TAKER, EXPIRE_BOTH, NONE; did you mean EXPIRE_MAKER?",
    ),
    (
        f"{S}.orderMapperType",
        "composite",
        f"{S}.orderMapperType: 'composite' is not one of SEQUENCE, COMPOSITE; did you mean COMPOSITE?",
    ),
    (f"{S}.orderMapperType", 7, f"{S}.orderMapperType: 7 is not one of SEQUENCE, COMPOSITE"),
    (
        f"{S}.clientOrderIdPrefix",
        "a.b",
        f"{S}.clientOrderIdPrefix: 'a.b' is not allowed; allowed: 0 to 16 characters of a-z, A-Z, 0-9, '-' and '_'",
    ),
    (
        f"{S}.clientOrderIdPrefix",
        "x" * 17,
        f"{S}.clientOrderIdPrefix: '{'x' * 17}' has 17 characters; "
        "allowed: 0 to 16 characters of a-z, A-Z, 0-9, '-' and '_'",
    ),
    (
        f"{S}.clientOrderIdPrefix",
        17,
        f"{S}.clientOrderIdPrefix: 17 unquoted is not read as text; write it in quotes",
    ),
    (
        f"{S}.restUrl",
        "api.binance.com",
        f"{S}.restUrl: 'api.binance.com' is not allowed; allowed: an address beginning with https:// (or http://)",
    ),
    (
        f"{S}.websocketUrl",
        "https://ws-api.binance.com",
        f"{S}.websocketUrl: 'https://ws-api.binance.com' is not allowed; "
        "allowed: an address beginning with wss:// (or ws://)",
    ),
    (
        f"{S}.restUrl",
        "https://me:hunter2@api.binance.com",
        f"{S}.restUrl: an address with a user name or password; write it without, keys go into apiKeys",
    ),
    (
        f"{S}.restUrl",
        ...,
        f"{S}.restUrl: missing; write an address beginning with https:// (or http://), "
        "for example https://api.binance.com",
    ),
    (
        f"{KEY0}.apiSecret",
        ...,
        f"{S}.apiKeys[0].apiSecret: missing; write 1 to 16384 characters of printable ASCII; "
        "by value, env:NAME or file:PATH, for example env:BINANCE_API_SECRET",
    ),
    (
        f"{KEY0}.apiKey",
        "env:NOT_SET",
        f"{S}.apiKeys[0].apiKey: environment variable NOT_SET is not set; set it, or use file:PATH",
    ),
    (
        f"{KEY0}.apiKey",
        "${BINANCE_API_KEY}",
        f"{S}.apiKeys[0].apiKey: "
        "${…} is followed in HOCON files only, and not inside quotes; write env:NAME",
    ),
    (
        f"{KEY0}.isolatedSymbols",
        ["BTCUSDT", "ethusdt"],
        f"{S}.apiKeys[0].isolatedSymbols: item [1]: 'ethusdt' is not allowed; "
        "allowed: 1 to 50 characters of A-Z (upper case), 0-9, '_', '.' and '-'",
    ),
    (
        f"{KEY0}.isolatedSymbols",
        ["BTCUSDT", "BTCUSDT"],
        f"{S}.apiKeys[0].isolatedSymbols: 'BTCUSDT' is listed twice",
    ),
    (
        f"{S}.apiKeys",
        [],
        f"{S}.apiKeys: missing; at least 1 block is needed: One block for each key.",
    ),
    (
        f"{S}.apiKeys",
        SECRET,
        f"{S}.apiKeys: a text is written where a list of blocks [ {{ … }} ] belongs",
    ),
    (
        f"{S}.apiKeys.1",
        {"apiKey": "other", "apiSecret": "other secret", "account": "BINANCE"},
        f"{S}.apiKeys[1].account: 'BINANCE' already names {S}.apiKeys[0]; give it another name",
    ),
    (
        "connectors",
        {},
        "connectors: missing; at least 1 block is needed: Connections to the exchange, each under a name.",
    ),
    (
        "fix.acceptor.port",
        65536,
        "fix.acceptor.port: 65536 is out of range; allowed: a whole number from 0 to 65535",
    ),
    (
        "fix.acceptor.heartbeatIntervalRange",
        [60, 5],
        "fix.acceptor.heartbeatIntervalRange: [60, 5] is empty; the lowest comes first",
    ),
    (
        "fix.acceptor.heartbeatIntervalRange",
        30,
        "fix.acceptor.heartbeatIntervalRange: 30 is not a range; "
        "allowed: two numbers [lowest, highest], each a whole number of seconds from 1 to 3600",
    ),
    (
        f"{SESSION0}.connector",
        "BINNACE",
        "fix.sessions[0].connector: there is no connector 'BINNACE'; did you mean BINANCE?",
    ),
    (
        f"{SESSION0}.account",
        "MAIN",
        "fix.sessions[0].account: there is no account 'MAIN'; there is BINANCE (of connector BINANCE)",
    ),
    (
        f"{SESSION0}.targetCompId",
        "../OMS",
        "fix.sessions[0].targetCompId: '../OMS' is not allowed; "
        "allowed: 1 to 64 characters of A-Z, a-z, 0-9, '_', '.', '@' and '-'",
    ),
    (
        "fix.sessions.1",
        SAMPLE["fix"]["sessions"][0],
        "fix.sessions[1].targetCompId: targetCompId 'OMS1' with senderCompId 'CONNECTOR' is already fix.sessions[0]",
    ),
    (
        "journal.minFreeSpace",
        "lots",
        "journal.minFreeSpace: 'lots' is not allowed; allowed: a size from 16MiB to 1PiB, "
        "written as 256MiB, 2GiB, 500MB or bytes without a unit",
    ),
    ("journal", 5, "journal: a single value is written where a block of settings { … } belongs"),
    ("admin.enabled", "maybe", "admin.enabled: 'maybe' is not allowed; allowed: true or false"),
    ("admin.port", 9878, "admin.port: 9878 is already fix.acceptor.port; choose another"),
    (
        "logging.level",
        "INFO",
        "logging.level: 'INFO' is not one of debug, info, warning, error; did you mean info?",
    ),
]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    SINGLE_SETTINGS,
    ids=[f"{row[0]}={str(row[1])[:20]}" for row in SINGLE_SETTINGS],
)
def test_a_wrong_setting_is_named_with_its_remedy(
    tmp_path: Path, path: str, value: object, message: str
) -> None:
    """Design P10 and the issue: path and remedy, one message for one fault."""
    assert faults(written(tmp_path, changed(path, value))) == [message]


def test_a_connector_name_follows_its_rule(tmp_path: Path) -> None:
    data = changed("connectors.BINANCE-2", SAMPLE["connectors"]["BINANCE"])

    assert faults(written(tmp_path, data)) == [
        "connectors.BINANCE-2: this name is not allowed; allowed: 1 to 32 characters of A-Z, a-z, 0-9 and '_'"
    ]


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    """An operator who starts a daemon at night fixes a file once, not seven times."""
    data = changed(f"{S}.recvWindow", -1)
    data["connectors"]["BINANCE"]["settings"]["sideEffectType"] = "BORROW"
    data["connectors"]["BINANCE"]["settings"]["apiKeys"][0]["apiSecret"] = "env:NONE"
    data["fix"]["sessions"][0]["connector"] = "OTHER"
    data["fix"]["acceptor"] = {"prot": 1}
    data["journal"] = {"path": 5}

    assert [fault.split(": ")[0] for fault in faults(written(tmp_path, data))] == [
        f"{S}.apiKeys[0].apiSecret",
        f"{S}.recvWindow",
        f"{S}.sideEffectType",
        "fix.acceptor.prot",
        "journal.path",
        "fix.sessions[0].connector",
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("OMS-1", "'OMS-1' holds '-'; with orderMapperType COMPOSITE allowed: A-Z, a-z, 0-9, '_'"),
        (
            "O" * 35,
            f"'{'O' * 35}' has 35 characters; with orderMapperType COMPOSITE at most 34 leave room for '-' and ClOrdID(11)",
        ),
    ],
)
def test_composite_ids_need_names_the_exchange_can_carry(tmp_path: Path, name: str, message: str) -> None:
    """The product's page: sourceId and orderId are joined with '-', which sourceId must not hold; 36 characters."""
    data = changed(f"{S}.orderMapperType", "COMPOSITE")
    data["fix"]["sessions"][0]["targetCompId"] = name
    data["fix"]["sessions"].append(
        {**SAMPLE["fix"]["sessions"][0], "targetCompId": "HUB", "onBehalfOf": [name]}
    )

    assert faults(written(tmp_path, data)) == [
        f"fix.sessions[0].targetCompId: {message}",
        f"fix.sessions[1].onBehalfOf[0]: {message}",
        f"fix.sessions[1].onBehalfOf[0]: '{name}' is already fix.sessions[0].targetCompId; "
        "orderMapperType COMPOSITE finds an order's owner by it",
    ]


def test_an_unknown_template_names_the_nearest(tmp_path: Path) -> None:
    yaml = written(tmp_path, changed("connectors.BINANCE.template", "connector.crypto.binanse"))
    hocon = written_text(
        tmp_path, "connectors { B: ${template.connector.crypto.binanse} { settings {} } }", "connector.conf"
    )

    assert faults(yaml) == [
        "connectors.BINANCE: there is no template 'connector.crypto.binanse'; did you mean connector.crypto.binance?"
    ]
    assert faults(hocon) == [
        "connectors.B: line 1: there is no ${template.connector.crypto.binanse}; "
        "did you mean ${template.connector.crypto.binance}?"
    ]


def test_a_missing_hocon_variable_is_told_at_its_setting(tmp_path: Path) -> None:
    text = "connectors { B: ${template.connector.crypto.binance} { settings {\n apiKeys: [{ apiKey = ${KEY}\n apiSecret = x }]\n} } }"

    assert faults(written_text(tmp_path, text, "connector.conf")) == [
        "connectors.B.settings.apiKeys[0].apiKey: line 2: environment variable KEY is not set; "
        "set it, or write ${?KEY} where the default will do"
    ]


SYNTAX = [
    ("a.conf", "connectors {\n BINANCE {\n }\n", "line 4: a '}' is missing before this place (column 1)"),
    ("a.conf", "connectors {\n}\n}\n", "line 3: the file should end here; is there a '}' too many? (column 1)"),
    (
        "a.conf",
        "connectors {\n  BINANCE\n}\n",
        "line 3: cannot be read; a setting such as `name = value` or `name { … }` is expected here or just before (column 1)",
    ),
    ("a.conf", "[1, 2]", "line 1: settings are expected at the top, such as connectors { … }"),
    ("a.conf", "a = {} 5", "line 1: a block, a list and a text cannot be joined into one value"),
    (
        "a.conf",
        'connectors {}\ninclude "other.conf"\n',
        "line 2: include is not supported; write one file, secrets by env:NAME or file:PATH",
    ),
    ("a.conf", "a = [1]\na += 2\n", "line 2: += is not supported; write the whole list"),
    ("a.conf", 'a = [1, "" , 2]', 'line 1: a list holds an empty text ""; leave it out'),
    ("a.conf", 'a = "\\u0041"\n', "line 1: \\u escapes are not supported; write the character itself"),
    ("a.yaml", "connectors:\n  a: 1\n  a: 2\n", "line 3: 'a' is written twice in one block"),
    ("a.yaml", "connectors:\n  - a\n b: 1\n", "line 3: expected <block end>, but found '<block mapping start>'"),
    ("a.yaml", "a: b: c\n", "line 1: mapping values are not allowed here"),
    ("a.yaml", "a:\n\t- b\n", "line 2: found character '\\t' that cannot start any token"),
    ("a.yaml", "a: 1\n---\nb: 1\n", "line 2: but found another document"),
    ("a.yaml", "- a\n", "line 1: settings are expected at the top, such as connectors"),
    ("a.yaml", "a: &x [*x]\n", "line 1: a block contains itself"),
    ("a.yaml", "a: !!python/object:os.system b\n", "line 1: could not determine a constructor for the tag 'tag:yaml.org,2002:python/object:os.system'"),
    ("a.yaml", "1: a\n", "line 1: a name is expected"),
    ("a.yaml", "a: \x07\n", "line 1: a control character is not allowed in YAML"),
    ("a.json", '{"a": 1,\n}', "line 2: this is not JSON: Expecting property name enclosed in double quotes (column 1)"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "message"), SYNTAX, ids=[f"{row[0]}:{row[1][:20]!r}" for row in SYNTAX]
)
def test_a_syntax_error_is_one_sentence_with_file_and_line(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    path = written_text(tmp_path, text, name)

    assert faults(path) == [f"{path}, {message}"]


def test_a_name_written_twice_in_json_is_a_fault(tmp_path: Path) -> None:
    path = written_text(tmp_path, '{"a": 1, "a": 2}', "a.json")

    assert faults(path) == [f"{path}: 'a' is written twice in one block"]


def test_a_file_that_cannot_be_read_gets_one_sentence(tmp_path: Path) -> None:
    large = written_text(tmp_path, "#" * 300_000, "large.yaml")
    binary = tmp_path / "latin.yaml"
    binary.write_bytes(b"# ok\n# f\xfcr\n")

    assert faults(tmp_path / "no.yaml") == [f"{tmp_path}/no.yaml: there is no such file; check the path"]
    assert faults(large) == [f"{large}: is larger than 262144 bytes; this is no configuration"]
    assert faults(binary) == [f"{binary}: is not UTF-8 text (line 2); save it as UTF-8"]
    (tmp_path / "d.conf").mkdir()
    assert faults(tmp_path / "d.conf") == [
        f"{tmp_path}/d.conf: is a directory; name the configuration file in it"
    ]
    assert faults(tmp_path / "connector.ini") == [
        f"{tmp_path}/connector.ini: cannot tell its format from '.ini'; "
        "name it .conf, .hocon, .json, .yaml, .yml"
    ]
