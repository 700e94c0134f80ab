"""A sound configuration: the page's sample, the shipped samples, defaults, templates, references, warnings."""

from pathlib import Path

import pytest

from connector.settings import OrderMapperType, SelfTradePreventionMode, Settings, SideEffectType, load, rows
from connector.settings.shipped import shipped
from tests.settings.sample import KEY, PASSWORD, SAMPLE, SECRET, changed, faults, read, written, written_text

PAGE = Path(__file__).parents[1] / "fixtures" / "product_page.conf"
CONFIG = Path(__file__).parents[2] / "config"
S = "connectors.BINANCE.settings"
ENVIRONMENT = {"BINANCE_API_KEY": KEY, "BINANCE_API_SECRET": SECRET, "OMS1_PASSWORD": PASSWORD}


def texts(settings: Settings) -> list[str]:
    return [str(warning) for warning in settings.warnings]


def test_the_sample_of_the_products_page_loads_unchanged(tmp_path: Path) -> None:
    """seeds/002, last lines. What it leaves out has the defaults of the page's table."""
    path = written_text(tmp_path, PAGE.read_text(), "connector.conf")

    settings = load(path, {})

    binance = settings.connectors["BINANCE"].settings
    assert (binance.rest_url, binance.websocket_url) == (
        "https://api.binance.com",
        "wss://ws-api.binance.com:443/ws-api/v3",
    )
    assert [key.api_key.reveal() for key in binance.api_keys] == ["<API_KEY>"]
    assert [key.api_secret.reveal() for key in binance.api_keys] == ["<API_SECRET>"]
    assert binance.recv_window_ms == 0
    assert binance.websocket_heartbeat_interval_ms == 30 * 60 * 1000
    assert binance.stale_websocket_timeout_ms == 5000
    assert binance.self_trade_prevention_mode is SelfTradePreventionMode.EXPIRE_MAKER
    assert binance.side_effect_type is SideEffectType.NO_SIDE_EFFECT
    assert binance.client_order_id_prefix == ""
    assert binance.order_mapper_type is OrderMapperType.SEQUENCE
    assert binance.sync.orders_request_size_limit == 200
    assert binance.sync.trades_request_size_limit == 100
    assert texts(settings) == [
        f"{S}.apiKeys[0].apiKey: is still the sample's placeholder; the exchange will refuse it",
        f"{S}.apiKeys[0].apiSecret: is still the sample's placeholder; the exchange will refuse it",
        "fix.sessions: no FIX sessions: nobody can trade",
    ]


def test_the_shipped_samples_say_the_same() -> None:
    """One is HOCON, one YAML; an operator may start from either."""
    hocon = load(CONFIG / "connector.conf", ENVIRONMENT)
    yaml = load(CONFIG / "connector.yaml", ENVIRONMENT)

    assert comparable(hocon) == comparable(yaml)
    assert hocon.warnings == yaml.warnings == ()
    assert hocon.origins == yaml.origins


def test_the_shipped_samples_show_every_setting() -> None:
    """Whoever edits the sample finds each setting in it, at its default or commented out."""
    for name in ("connector.conf", "connector.yaml"):
        text = (CONFIG / name).read_text()
        written_out = {row.path.rsplit(".", 1)[1] for row in rows(load(CONFIG / name, ENVIRONMENT))}
        assert [setting for setting in written_out if setting not in text] == []


def test_the_shipped_template_repeats_the_defaults_of_the_schema(tmp_path: Path) -> None:
    """A connector means the same with the template and without it."""
    bare = read(tmp_path, SAMPLE)
    templated = read(tmp_path, changed("connectors.BINANCE.template", "connector.crypto.binance"))

    assert comparable(bare) == comparable(templated)


def comparable(settings: Settings) -> tuple[object, ...]:
    return settings.connectors, settings.fix, settings.journal, settings.logging, settings.admin


def test_the_template_is_found_beside_the_packages() -> None:
    assert shipped("templates.conf").is_file()
    with pytest.raises(FileNotFoundError, match=r"nothing\.conf is missing from the installation"):
        shipped("nothing.conf")


def test_what_the_operator_writes_overrules_the_template_block_by_block(tmp_path: Path) -> None:
    data = {
        **SAMPLE,
        "template": {
            "slow": {
                "template": "connector.crypto.binance",
                "settings": {"recvWindow": 40_000, "binanceSyncSettings": {"ordersRequestSizeLimit": 7}},
            }
        },
    }
    data["connectors"] = {
        "BINANCE": {
            "template": "slow",
            "settings": {
                "apiKeys": [{"apiKey": KEY, "apiSecret": SECRET}],
                "binanceSyncSettings": {"tradesRequestSizeLimit": 9},
            },
        }
    }

    settings = read(tmp_path, data)

    binance = settings.connectors["BINANCE"].settings
    assert binance.rest_url == "https://api.binance.com"
    assert binance.recv_window_ms == 40_000
    assert (binance.sync.orders_request_size_limit, binance.sync.trades_request_size_limit) == (7, 9)
    assert settings.origins[f"{S}.restUrl"] == "template"
    assert settings.origins[f"{S}.recvWindow"] == "file"


def test_accounts_are_named_after_their_connector_unless_they_have_a_name(tmp_path: Path) -> None:
    keys = [{"apiKey": f"key-{index}", "apiSecret": SECRET} for index in range(3)]
    keys[1]["account"] = "ISO"

    settings = read(tmp_path, changed(f"{S}.apiKeys", keys))

    accounts = [key.account for key in settings.connectors["BINANCE"].settings.api_keys]
    assert accounts == ["BINANCE", "ISO", "BINANCE-3"]
    assert settings.fix.sessions[0].account == "BINANCE"


def test_a_session_takes_our_comp_id_from_the_acceptor(tmp_path: Path) -> None:
    data = changed("fix.acceptor.senderCompId", "DESK")
    data["fix"]["sessions"].append({**SAMPLE["fix"]["sessions"][0], "senderCompId": "OTHER"})

    sessions = read(tmp_path, data).fix.sessions

    assert [session.sender_comp_id for session in sessions] == ["DESK", "OTHER"]


def test_null_is_the_same_as_leaving_out(tmp_path: Path) -> None:
    data = changed(f"{S}.recvWindow", None)
    data["fix"]["acceptor"] = None
    data["fix"]["sessions"][0]["account"] = None

    assert comparable(read(tmp_path, data)) == comparable(read(tmp_path, SAMPLE))


def test_relative_paths_start_at_the_configuration_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A journal that depends on where the daemon was started would be lost, and ids would repeat."""
    (tmp_path / "etc").mkdir()
    path = written(tmp_path / "etc", changed("logging.file", "/var/log/connector.log"))
    monkeypatch.chdir(tmp_path)

    settings = load(Path("etc/connector.yaml"), {})

    assert settings.path == path
    assert settings.journal.path == tmp_path / "etc" / "data" / "journal.db"
    assert settings.fix.acceptor.store_path == tmp_path / "etc" / "data" / "fix"
    assert settings.logging.file == Path("/var/log/connector.log")


def test_a_trailing_slash_of_an_address_is_dropped(tmp_path: Path) -> None:
    """`restUrl` and a path are simply put together."""
    settings = read(tmp_path, changed(f"{S}.restUrl", "https://api.binance.com/"))

    assert settings.connectors["BINANCE"].settings.rest_url == "https://api.binance.com"


WARNINGS = [
    (
        f"{S}.restUrl",
        "http://10.0.0.1:8080",
        f"{S}.restUrl: http:// is not encrypted; use https:// beyond this machine",
    ),
    (
        f"{S}.requestTimeout",
        "5s",
        f"{S}.requestTimeout: the exchange may work on a request for 10s: more outcomes will be unknown; write 12s",
    ),
    (
        "fix.acceptor.host",
        "0.0.0.0",
        "fix.acceptor.host: other machines can connect and FIX is not encrypted here: put a TLS tunnel in front of it",
    ),
    (
        "connectors.SECOND",
        SAMPLE["connectors"]["BINANCE"],
        "connectors.SECOND.settings.apiKeys[0].apiKey: the same key and cross account as "
        f"{S}.apiKeys[0]; each takes the other's orders for strangers",
    ),
]


@pytest.mark.parametrize(("path", "value", "warning"), WARNINGS, ids=[row[0] for row in WARNINGS])
def test_what_works_but_misleads_is_a_warning(tmp_path: Path, path: str, value: object, warning: str) -> None:
    assert texts(read(tmp_path, changed(path, value)))[0] == warning


def test_a_connector_nobody_trades_through_is_a_warning(tmp_path: Path) -> None:
    data = changed("connectors.SPARE", changed(f"{S}.apiKeys.0.apiKey", "another")["connectors"]["BINANCE"])

    assert texts(read(tmp_path, data)) == ["connectors.SPARE: no FIX session trades through it"]


def test_the_local_simulator_needs_no_encryption(tmp_path: Path) -> None:
    data = changed(f"{S}.restUrl", "http://127.0.0.1:9879")
    data["connectors"]["BINANCE"]["settings"]["websocketUrl"] = "ws://localhost:9879/ws-api/v3"

    assert texts(read(tmp_path, data)) == []


def test_a_prefix_is_unused_with_composite_ids(tmp_path: Path) -> None:
    """The product's page: clientOrderIdPrefix is not applied with COMPOSITE."""
    data = changed(f"{S}.clientOrderIdPrefix", "fx-")
    data["connectors"]["BINANCE"]["settings"]["orderMapperType"] = "COMPOSITE"

    assert texts(read(tmp_path, data)) == [
        f"{S}.clientOrderIdPrefix: is not used with orderMapperType COMPOSITE; leave it out, or choose SEQUENCE"
    ]


def test_one_key_may_trade_the_cross_and_an_isolated_account(tmp_path: Path) -> None:
    cross = {"apiKey": KEY, "apiSecret": SECRET}
    isolated = {**cross, "account": "ISO", "isolatedSymbols": ["BTCUSDT"]}
    overlapping = {**cross, "account": "ISO2", "isolatedSymbols": ["ETHUSDT", "BTCUSDT"]}

    assert texts(read(tmp_path, changed(f"{S}.apiKeys", [cross, isolated]))) == []
    assert texts(read(tmp_path, changed(f"{S}.apiKeys", [cross, isolated, overlapping]))) == [
        f"{S}.apiKeys[2].apiKey: the same key and isolated account of BTCUSDT as {S}.apiKeys[1]; "
        "each takes the other's orders for strangers"
    ]


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("250ms", 250),
        ("5s", 5_000),
        ("5 s", 5_000),
        ("2 minutes", 120_000),
        ("3m", 180_000),
        ("1 second", 1_000),
    ],
)
def test_durations_are_read_with_their_unit(tmp_path: Path, text: str, milliseconds: int) -> None:
    """The same in HOCON, where the parser reads them, and in YAML, where we do."""
    data = changed(f"{S}.staleWebsocketTimeout", text)
    hocon = f"connectors.B: ${{template.connector.crypto.binance}} {{ settings {{ staleWebsocketTimeout = {text}\n apiKeys: [{{apiKey = a, apiSecret = b}}] }} }}"

    from_yaml = read(tmp_path, data).connectors["BINANCE"]
    from_hocon = load(written_text(tmp_path, hocon, "c.conf"), {}).connectors["B"]

    assert from_yaml.settings.stale_websocket_timeout_ms == milliseconds
    assert from_hocon.settings.stale_websocket_timeout_ms == milliseconds


def test_a_read_only_configuration_directory_is_no_fault(tmp_path: Path) -> None:
    """Settings are read, nothing is created: /etc and config maps are not writable."""
    path = written(tmp_path, SAMPLE)
    tmp_path.chmod(0o500)
    try:
        assert faults(path) == []
        assert sorted(entry.name for entry in tmp_path.iterdir()) == ["connector.yaml"]
    finally:
        tmp_path.chmod(0o700)
