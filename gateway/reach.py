"""How each member is reached, from the settings and the trust file: pushed to over HTTPS or SOAP, or by files over SFTP.

A mailbox is not reached: its member comes and asks.
"""

from collections.abc import Mapping, Sequence

from gateway.errors import SettingsError
from gateway.federation.channels.https import MessageChannel
from gateway.federation.channels.sftp import SftpChannel, SftpKeys, SftpPlace
from gateway.federation.members import Channel, Member
from gateway.settings import Settings
from gateway.transfers.courier import Carrier, PushCarrier
from gateway.transfers.dispatch import Dispatcher
from gateway.transfers.file_exchange import FileCarrier


def sftp_channels(settings: Settings, members: Sequence[Member]) -> dict[str, SftpChannel]:
    """For each member that speaks in files.  Raises SettingsError `settings.sftp` when there is one and no key to use."""
    spoken = [member for member in members if member.channel is Channel.SFTP]
    if not spoken:
        return {}
    key, hosts = settings.sftp.private_key_file, settings.sftp.known_hosts_file
    if key is None or hosts is None:
        raise SettingsError(
            "settings.sftp",
            "信任文件中有 SFTP 成员,须设置 sftp 的私钥与主机公钥文件",
            "the trust file names SFTP members: set both [sftp] files",
        )
    keys = SftpKeys(key, hosts)
    keys.check()
    return {member.id: SftpChannel(SftpPlace.read(member.endpoint), keys, settings.sftp.timeout_s) for member in spoken}


def carriers(
    settings: Settings,
    members: Sequence[Member],
    dispatcher: Dispatcher,
    pushes: Mapping[Channel, MessageChannel],
    files: Mapping[str, SftpChannel],
) -> dict[str, Carrier]:
    """How each member that is sent to is reached; a mailbox is not: its member comes and asks."""
    found: dict[str, Carrier] = {}
    for member in members:
        if member.channel in pushes:
            found[member.id] = PushCarrier(dispatcher, pushes[member.channel], member.endpoint, settings.delivery.acknowledge_s)
        elif member.id in files:
            found[member.id] = FileCarrier(dispatcher, files[member.id], settings.sftp.acknowledge_s)
    return found
