"""Real processes: `ceg serve` on a real port, and the other commands beside it, as a bank and as the centre."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pytest
from support.nodes import ceg as here
from support.nodes import write_config
from support.region import SAMPLES, World

from gateway.simulator.sandbox import SandboxFiles, prepare
from gateway.system import SystemClock, SystemIds

pytestmark = pytest.mark.acceptance
SH = (SAMPLES / "shanghai" / "samples" / "good" / "sh.json").read_bytes()
SH_RECORDS = ("SHC20230098812", "SHC20230098813", "SHZ2022551201", "SHT2024000917")
CEG = (sys.executable, "-c", "from gateway.cli.main import main; main()")
WAIT_S = 60


def as_process(*arguments: object) -> subprocess.CompletedProcess[str]:
    """A command line as people start it: it takes a second to import everything, so most are carried out here (`ceg`)."""
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run([*CEG, *map(str, arguments)], capture_output=True, text=True, timeout=WAIT_S, env=env, check=False)


def ceg(*arguments: object) -> subprocess.CompletedProcess[str]:
    ran = here(*arguments)
    return subprocess.CompletedProcess(arguments, ran.code, ran.out, ran.err)


@dataclass
class Served:
    """A region's files, and the node when it runs."""

    folder: Path
    files: SandboxFiles
    config: Path
    log: IO[bytes]
    process: subprocess.Popen[bytes] | None = None
    addresses: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        command = [*CEG, "serve", "--config", str(self.config), "--json"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, env=env)
        assert self.process.stdout is not None
        self.addresses = json.loads(self.process.stdout.readline())["addresses"]

    def end(self, number: int) -> tuple[int, bytes]:
        """Send a signal; the exit code, and what else came on stdout."""
        assert self.process is not None
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, rest

    @property
    def trust(self) -> tuple[object, ...]:
        return ("--trust-file", self.folder / "trust.json", "--registry-key", self.folder / "registry.jwk.json")

    def bank(self, member: str) -> tuple[object, ...]:
        return ("--url", self.addresses["member_api"], "--member", member, "--key-file", self.folder / "keys" / f"{member}.pem")

    def prepared(self, name: str) -> Path:
        """The files of a request of Shanghai to Zhejiang, as a bank's system would leave them."""
        world = World(None, SystemClock(), SystemIds(), self.files.trust, self.folder)  # type: ignore[arg-type]
        message = world.request("CN-31", "CN-33", SH_RECORDS, SH)
        out = self.folder / "out"
        out.mkdir(exist_ok=True)
        for content in message.contents.values():
            (out / f"{name}.{content.name}").write_bytes(content.data)
        return out / name


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    endpoints = dict.fromkeys(("CN-31", "CN-32"), "http://127.0.0.1:9/none")
    files = prepare(tmp_path, endpoints, SystemClock(), SystemIds())
    with (tmp_path / "serve.log").open("wb") as log:
        made = Served(tmp_path, files, write_config(files.settings, tmp_path / "gateway.toml"), log)
        made.start()
        try:
            yield made
        finally:
            if made.process is not None and made.process.poll() is None:
                made.process.kill()
                made.process.communicate(timeout=WAIT_S)


def test_serve_when_a_bank_submits_then_everybody_can_follow_and_verify(served: Served) -> None:
    path = served.prepared("case1")
    dry = as_process("transfer", "submit", path, *served.bank("CN-31"), *served.trust, "--dry-run", "--json")
    assert (dry.returncode, json.loads(dry.stdout)["sent"]) == (0, False), dry.stderr
    assert not path.with_name("case1.jws").exists()

    sent = ceg("transfer", "submit", path, *served.bank("CN-31"), *served.trust, "--json")
    assert (sent.returncode, sent.stderr) == (0, ""), sent.stderr
    receipt = json.loads(sent.stdout)
    assert (receipt["status"], receipt["verified"], receipt["repeated"], receipt["code"]) == (202, True, False, "")
    assert (path.with_name("case1.receipt").stat().st_mode & 0o777, receipt["leaf"] < receipt["log_size"]) == (0o600, True)

    again = json.loads(ceg("transfer", "submit", path, *served.bank("CN-31"), *served.trust, "--json").stdout)
    assert (again["repeated"], again["transfer"], again["leaf"]) == (True, receipt["transfer"], receipt["leaf"])

    for member in ("CN-31", "CN-33"):
        listed = json.loads(ceg("transfer", "list", *served.bank(member), "--json").stdout)
        assert [each["transfer"] for each in listed] == [receipt["transfer"]]
    shown = ceg("transfer", "show", receipt["transfer"][:8], *served.bank("CN-33"))
    assert "轮到 CN-33" in shown.stdout.replace("\n", "")
    strange = ceg("transfer", "show", receipt["transfer"], *served.bank("CN-34"), "--json")
    assert (strange.returncode, json.loads(strange.stderr)["code"]) == (3, "transfer.unknown")

    # The node runs on; its database is read beside it.
    audit = ceg("log", "verify", "--config", served.config, "--json")
    assert (audit.returncode, json.loads(audit.stdout)["verified"]) == (0, True), audit.stdout
    own = json.loads(ceg("transfer", "list", "--config", served.config, "--json").stdout)
    assert [each["transfer"] for each in own] == [receipt["transfer"]]
    assert ceg("doctor", "--config", served.config).returncode == 0

    assert served.end(signal.SIGTERM) == (0, b"")
    lines = (served.folder / "serve.log").read_text("utf-8")
    assert "Traceback" not in lines
    for line in lines.splitlines():
        json.loads(line)
    assert re.search(r"11010519491231002X|王测试", lines) is None


def test_serve_when_killed_then_nothing_is_lost_and_nothing_doubled(served: Served) -> None:
    path = served.prepared("case1")
    first = json.loads(ceg("transfer", "submit", path, *served.bank("CN-31"), *served.trust, "--json").stdout)
    code, _ = served.end(signal.SIGKILL)
    assert code == -signal.SIGKILL
    down = ceg("transfer", "list", *served.bank("CN-31"), "--json")
    assert (down.returncode, json.loads(down.stderr)["code"]) == (7, "peer.unavailable")
    assert ceg("transfer", "submit", path, *served.bank("CN-31"), *served.trust, "--json").returncode == 7
    audit = json.loads(ceg("log", "verify", "--config", served.config, "--json").stdout)
    assert (audit["verified"], audit["types"]["transfer.requested"]) == (True, 1)
    served.start()
    again = json.loads(ceg("transfer", "submit", path, *served.bank("CN-31"), *served.trust, "--json").stdout)
    assert (again["transfer"], again["repeated"], again["leaf"]) == (first["transfer"], True, first["leaf"])
    assert len(json.loads(ceg("transfer", "list", "--config", served.config, "--json").stdout)) == 1
    assert served.end(signal.SIGINT) == (0, b"")


def test_reading_when_key_is_anothers_or_trust_is_anothers_then_denied(served: Served) -> None:
    url, other = served.addresses["member_api"], served.folder / "keys" / "CN-34.pem"
    ran = ceg("transfer", "list", "--url", url, "--member", "CN-31", "--key-file", other, "--json")
    assert (ran.returncode, json.loads(ran.stderr)["code"]) == (5, "trust.no_token_given")
    path = served.prepared("case2")
    arguments = ("--url", url, "--member", "CN-31", "--key-file", other)
    ran = ceg("transfer", "submit", path, *arguments, *served.trust, "--json")
    assert (ran.returncode, json.loads(ran.stderr)["code"]) == (5, "trust.unknown_key")
    path.with_name("case2.consent").unlink()
    ran = ceg("transfer", "submit", path, *served.bank("CN-31"), *served.trust, "--json")
    assert (ran.returncode, json.loads(ran.stderr)["code"]) == (4, "format.prepared")


def test_submit_when_refused_then_receipt_is_printed_and_exit_code_tells(served: Served) -> None:
    first, second = served.prepared("case1"), served.prepared("case2")
    assert ceg("transfer", "submit", first, *served.bank("CN-31"), *served.trust, "--json").returncode == 0
    ran = ceg("transfer", "submit", second, *served.bank("CN-31"), *served.trust, "--json")
    receipt = json.loads(ran.stdout)
    assert (ran.returncode, receipt["verified"]) == (8, True), ran.stderr
    assert receipt["code"] == json.loads(ran.stderr)["code"]
    assert receipt["code"].startswith("transfer.")


def test_serve_when_port_is_taken_or_settings_wrong_then_one_problem(served: Served, tmp_path: Path) -> None:
    port = served.addresses["member_api"].rsplit(":", 1)[1]
    config = tmp_path / "other.toml"
    text = (
        served.config.read_text("utf-8").replace("\nport = 0", f"\nport = {port}").replace(str(tmp_path / "gateway"), str(tmp_path / "g2"))
    )
    config.write_text(text, "utf-8")
    ran = as_process("serve", "--config", config, "--json")
    assert (ran.returncode, ran.stdout) == (8, "")
    assert json.loads(ran.stderr.splitlines()[-1])["code"] == "settings.port_taken"
    config.write_text("[listen]\nport = 'x'\n[nope]\n", "utf-8")
    ran = as_process("serve", "--config", config, "--json")
    assert (ran.returncode, len(json.loads(ran.stderr)["errors"])) == (4, 2)
    assert "Traceback" not in ran.stderr


def test_watch_when_interrupted_then_130_without_a_trace(served: Served) -> None:
    path = served.prepared("case1")
    sent = json.loads(ceg("transfer", "submit", path, *served.bank("CN-31"), *served.trust, "--json").stdout)
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "  # a shell's background job is born deaf to it
    command = [*CEG[:-1], heard + CEG[-1], "transfer", "watch", sent["transfer"], "--config", str(served.config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env) as process:
        try:
            assert process.stderr is not None
            process.stderr.readline()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=WAIT_S)
        finally:
            process.kill()
    assert (process.returncode, out) == (130, b"")
    assert b"Traceback" not in err


def test_connector_when_settings_are_right_then_ready_and_a_signal_ends_it(served: Served) -> None:
    config = served.folder / "connector.toml"
    values = {
        "member": "CN-33", "gateway_url": served.addresses["member_api"], "folder": "bank33", "key_file": "keys/CN-33.pem",
        "trust_file": "trust.json", "trust_signature_file": "trust.json.sig", "registry_key_file": "registry.jwk.json",
    }  # fmt: skip
    (served.folder / "bank33").mkdir()
    (served.folder / "bank33" / "policy.toml").write_text("", "utf-8")
    config.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items()), "utf-8")
    dry = as_process("connector", "--config", config, "--dry-run", "--json")
    assert (dry.returncode, json.loads(dry.stdout)["listed"]) == (0, True), dry.stderr
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [*CEG, "connector", "--config", str(config), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["connector"]["member"] == "CN-33"
        process.send_signal(signal.SIGTERM)
        rest, err = process.communicate(timeout=WAIT_S)
    assert (process.returncode, rest) == (0, b""), err
    config.write_text("member = 3\nnope = 1\n", "utf-8")
    wrong = ceg("connector", "--config", config, "--json")
    assert (wrong.returncode, json.loads(wrong.stderr)["code"]) == (4, "settings.connector")
    assert ceg("connector", "--config", served.folder / "none.toml").returncode == 3


def test_pipe_when_reader_leaves_then_quiet() -> None:
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([*CEG, "map", "check", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()
    assert (process.returncode, err) == (0, b"")


def test_terminal_when_chinese_and_80_columns_then_no_line_is_wider(served: Served) -> None:
    from rich.cells import cell_len

    path = served.prepared("case1")
    ceg("transfer", "submit", path, *served.bank("CN-31"), *served.trust, "--json")
    for arguments in (
        ("transfer", "list", "--config", served.config),
        ("member", "list", *served.trust),
        ("member", "show", "CN-31", *served.trust),
        ("keys", "list", *served.trust),
        ("map", "check"),
        ("doctor", "--config", served.config),
    ):
        ran = ceg(*arguments)
        assert ran.returncode in {0, 6}, ran.stderr
        assert max(map(cell_len, ran.stdout.splitlines())) <= 80, arguments
