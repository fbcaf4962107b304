"""`ceg canary`: the board of a node, and what `send` needs."""

from pathlib import Path

from support.nodes import ceg


def test_list_when_no_canary_was_sent_then_twelve_pairs_and_no_alarm(node) -> None:
    for where in (("--config", node.config), ("--data", node.database)):
        ran = ceg("canary", "list", *where, "--json")
        assert ran.code == 0, ran.err
        assert [each["sound"] for each in ran.document] == ["none"] * 12
    assert "CN-31→CN-32" in ceg("canary", "list", "--config", node.config).out


def test_send_when_there_are_no_settings_for_it_then_said(tmp_path: Path) -> None:
    assert ceg("canary", "send", "--config", tmp_path / "none.toml").code == 3
    names = ("member", "folder", "key_file", "trust_file", "trust_signature_file", "registry_key_file")
    file = tmp_path / "connector.toml"
    file.write_text("\n".join([*[f'{name} = "x"' for name in names], 'gateway_url = "http://127.0.0.1"']), "utf-8")
    assert ceg("canary", "send", "--config", file).code == 2
