"""The door to SFTP: names, host key, login, places.  docs/transports.md, TR-17 to TR-20."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from support.folders import desk
from support.region import trust_data, write_files
from support.sftp_server import sftp_host

from gateway.app import sftp_channels
from gateway.errors import FormatError, GatewayError, PeerError, SettingsError
from gateway.federation.channels.sftp import FILE_NAME, FoundFile, SftpChannel, SftpKeys, SftpPlace
from gateway.federation.members import Channel


@pytest.mark.parametrize(
    "name", ["../a.part", "a/../../b.part", "/etc/passwd", "a.part.gz", "..", "a.", ".jws", "身份证.part", "a.PART", "a" * 65 + ".jws"]
)
async def test_file_name_when_not_of_the_form_then_never_joined_to_a_path(tmp_path: Path, name: str) -> None:
    assert FILE_NAME.fullmatch(name) is None
    async with desk(tmp_path) as here, here.channel.open() as folders:
        await folders.ensure(("to-gateway",))
        for act in (folders.put("to-gateway", name, b"x"), folders.read("to-gateway", FoundFile(name, 1)), folders.move(name, "a", "b")):
            with pytest.raises(FormatError) as told:
                await act
            assert told.value.code == "format.file_name"


async def test_read_when_the_file_is_not_of_its_listed_size_or_gone_then_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as here, here.channel.open() as folders:
        await folders.ensure(("to-gateway",))
        (here.inbox / "a.part").write_bytes(b"12345")
        assert await folders.read("to-gateway", FoundFile("a.part", 5)) == b"12345"
        assert await folders.read("to-gateway", FoundFile("a.part", 4)) is None
        assert await folders.read("to-gateway", FoundFile("a.part", 6)) is None
        assert await folders.read("to-gateway", FoundFile("b.part", 5)) is None
        await folders.move("b.part", "to-gateway", "to-gateway")  # moved before, by another node


async def test_host_key_when_not_the_pinned_one_then_named_and_nothing_sent(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        async with sftp_host(tmp_path / "other") as other:
            line = other.known_hosts_file.read_text().split(" ", 1)[1]
            here.host.known_hosts_file.write_text(f"[127.0.0.1]:{here.host.port} {line}")
        with pytest.raises(PeerError) as told:
            await here.exchange.look()
        assert (told.value.code, told.value.retry) == ("peer.host_key", False)
        here.host.known_hosts_file.write_text("")
        with pytest.raises(PeerError) as told:
            await here.exchange.look()
        assert told.value.code == "peer.host_key"


async def test_session_when_cancelled_just_as_its_connection_stands_then_it_ends(tmp_path: Path) -> None:
    """A library that waits with `asyncio.wait_for` connects in a task of its own: ended and not yet heard of is the moment."""
    stands = asyncio.Event()

    async def hold(channel: SftpChannel) -> None:
        async with channel.open():
            stands.set()
            await asyncio.Event().wait()

    async with desk(tmp_path) as here:
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            session = tasks.create_task(hold(here.channel))
            watched = set[asyncio.Task[object]]()
            while not session.done() and not stands.is_set():
                for each in asyncio.all_tasks() - watched - {session}:
                    if getattr(each.get_coro(), "__name__", "") == "_connect":
                        each.add_done_callback(lambda _ended: session.cancel())
                        watched.add(each)
                await asyncio.sleep(0)
            if not watched:
                session.cancel()
        assert session.cancelled()


async def test_login_when_the_key_is_not_the_right_one_then_named(tmp_path: Path) -> None:
    async with desk(tmp_path) as here, sftp_host(tmp_path / "other") as other:
        keys = SftpKeys(other.private_key_file, here.host.known_hosts_file)
        with pytest.raises(PeerError) as told:
            async with SftpChannel(SftpPlace.read(here.host.endpoint), keys, 5).open():
                raise AssertionError("let in")
        assert told.value.code == "peer.login"


@pytest.mark.parametrize(
    "endpoint",
    [
        "sftp://host/x",
        "sftp://a@host",
        "sftp://a@host/x/../y",
        "sftp://a:b@host/x",
        "sftp://a@host:99999999/x",
        "http://h/x",
        "sftp://A@h/x",
        "",
    ],
)
def test_place_when_endpoint_is_not_of_the_form_then_refused(endpoint: str) -> None:
    with pytest.raises(SettingsError) as told:
        SftpPlace.read(endpoint)
    assert told.value.code == "settings.sftp"


async def test_settings_when_a_member_needs_sftp_then_both_files_are_asked_for(tmp_path: Path) -> None:
    data = trust_data()
    settings = write_files(tmp_path, data)
    assert sftp_channels(settings, data.members) == {}
    member = replace(data.members[3], channel=Channel.SFTP, endpoint="sftp://ceg@bank.example/exchange")
    with pytest.raises(SettingsError) as told:
        sftp_channels(settings, [member])
    assert told.value.code == "settings.sftp"
    async with sftp_host(tmp_path / "host") as host:
        right = settings.model_copy(update={"sftp": type(settings.sftp)(**host.settings)})
        assert sftp_channels(right, [member]).keys() == {member.id}
        host.private_key_file.chmod(0o644)
        with pytest.raises(SettingsError) as told:
            sftp_channels(right, [member])
        assert told.value.code == "settings.key_file_mode"
        host.private_key_file.write_text("no key")
        with pytest.raises(GatewayError) as broken:
            sftp_channels(right, [member])
        assert broken.value.code == "settings.sftp"
