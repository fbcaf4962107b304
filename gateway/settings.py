"""Every setting of a gateway node, its default and its bounds.

Precedence: command-line flag, then environment `CEG_<SECTION>__<NAME>`, then the TOML file, then
the default.  Secrets are file paths, never values.  `config/gateway.example.toml` is compared with
this file by a test.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, DirectoryPath, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from gateway.errors import Problem, SettingsError

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Node(_Section):
    """The process itself."""

    data_folder: Path = Field(default=Path("var/gateway"), description="数据库所在目录 / folder of the database")
    batch_max: int = Field(default=1024, ge=1, le=4096, description="一次提交的最多变更数 / changes in one commit at most")
    waiting_max: int = Field(
        default=8192, ge=1, le=1_000_000, description="排队的最多变更数,超出答 503 / changes waiting at most; more get 503"
    )


class Listen(_Section):
    """Where it listens.  Loopback unless configured."""

    host: str = Field(default="127.0.0.1", description="成员接口地址 / address of the member API")
    port: Port = Field(default=8471, description="成员接口端口,0 为任意 / port of the member API; 0 picks one")
    ops_host: str = Field(default="127.0.0.1", description="运维接口地址 / address of health and metrics")
    ops_port: Port = Field(default=8472, description="运维接口端口,0 为任意 / port of health and metrics; 0 picks one")
    people_host: str = Field(default="127.0.0.1", description="人员页面地址 / address of the pages for people")
    people_port: Port = Field(default=8473, description="人员页面端口,0 为任意 / port of the pages for people; 0 picks one")
    public_url: str = Field(
        default="", description="成员看到的地址,信封绑定它;空为实际地址 / URL as members see it; envelopes are bound to it"
    )
    tls_cert_file: Path | None = Field(default=None, description="TLS 证书文件 / TLS certificate file")
    tls_key_file: Path | None = Field(default=None, description="TLS 私钥文件 / TLS key file")
    body_bytes_max: int = Field(default=20 * 1024 * 1024, ge=1024, le=1 << 30, description="请求体字节上限 / request body bytes at most")


class Trust(_Section):
    """The registry."""

    file: Path = Field(default=Path("var/trust.json"), description="信任文件 / trust file")
    signature_file: Path = Field(default=Path("var/trust.json.sig"), description="信任文件的签名 / its detached signature")
    registry_key_file: Path = Field(default=Path("var/registry.jwk.json"), description="固定的登记公钥(JWK) / pinned registry key (JWK)")
    poll_s: Seconds = Field(default=5.0, description="检查信任文件变化的间隔 / how often the file is looked at")


class Keys(_Section):
    """Secrets, by path; files must be private (0600)."""

    signing_key_file: Path = Field(default=Path("var/keys/gateway.pem"), description="网关签名私钥 / the gateway's signing key")
    log_key_file: Path = Field(default=Path("var/keys/log.pem"), description="存证日志签名私钥 / the transfer log's key")
    master_key_file: Path = Field(default=Path("var/keys/master.key"), description="分件密钥的主密钥 / key that wraps part keys")
    pseudonym_key_file: Path = Field(default=Path("var/keys/pseudonym.key"), description="区域化名密钥 / regional pseudonym key")
    nullifier_key_file: Path = Field(default=Path("var/keys/nullifier.key"), description="成果标识密钥,不轮换 / outcome key; never rotated")


class Delivery(_Section):
    """How patiently the gateway tries."""

    first_s: Seconds = Field(default=1.0, description="首次重试间隔 / first wait after a failure")
    most_s: Seconds = Field(default=600.0, description="最长重试间隔 / longest wait")
    acknowledge_s: Seconds = Field(default=60.0, description="等待签收的时间 / how long an arrived message waits for its acknowledgement")
    idle_s: Seconds = Field(default=1.0, description="空闲时检查间隔 / how often an idle lane looks")
    timeout_s: Seconds = Field(default=15.0, description="一次发送的时限 / one try takes at most")
    digest_every_s: float = Field(
        default=86_400.0, gt=0, le=31 * 86_400, description="与每个成员核对状态摘要的间隔 / how often each member is sent its state digest"
    )


class Deadlines(_Section):
    """Looking after the deadlines."""

    poll_s: Seconds = Field(default=30.0, description="检查期限的间隔 / how often deadlines are looked at")
    warn_s: Seconds = Field(default=86_400.0, description="到期前多久提醒 / how long before a deadline people are warned")


class Sftp(_Section):
    """Members that speak in files.  Off unless both files are set; the folders are in the trust file."""

    private_key_file: Path | None = Field(default=None, description="网关登录用的私钥(OpenSSH) / the gateway's own login key (OpenSSH)")
    known_hosts_file: Path | None = Field(
        default=None, description="固定的主机公钥(known_hosts 写法) / pinned host keys (known_hosts form)"
    )
    poll_s: Seconds = Field(default=30.0, description="查看目录的间隔 / how often folders are looked at")
    patience_s: Seconds = Field(default=3600.0, description="文件不齐多久报警 / how long a message may lie incomplete before an alarm")
    acknowledge_s: Seconds = Field(
        default=86_400.0, description="放出的消息等待签收的时间 / how long a message laid down waits for its acknowledgement"
    )
    timeout_s: Seconds = Field(default=60.0, description="一次操作的时限 / one operation takes at most")


class Recognition(_Section):
    """What the gateway proposes with.  The catalogue shipped with it is a demonstration and is used only where it is named here."""

    catalogue_folder: DirectoryPath | None = Field(
        default=None, description="目录所在文件夹,空则不作测算 / folder of the catalogue; without one nothing is estimated"
    )


class Log(_Section):
    """The transfer log."""

    origin: str = Field(default="log.yrd-credit.example/gateway", description="日志名称,写入检查点 / the log's origin line")
    witness_every_s: float = Field(
        default=1.0, ge=1.0, le=3600.0, description="提请见证的最短间隔 / checkpoints are offered to witnesses at most this often"
    )
    witness_timeout_s: Seconds = Field(default=10.0, description="等待一个见证者的时限 / one witness is waited for at most")
    export_folder: Path | None = Field(
        default=None,
        description="存证日志导出目录,任何网页服务器可用;空则不导出 / folder a web server can serve the log from; empty: none",
    )
    export_every_s: Seconds = Field(default=10.0, description="更新导出目录的间隔 / how often that folder is brought up to date")


class Timestamp(_Section):
    """RFC 3161 time stamps of checkpoints, by an authority of one's choice.  Off unless a URL is set."""

    url: str = Field(default="", description="时间戳机构地址,空则不加时间戳 / URL of the time-stamping authority; empty: no time stamps")
    certificate_file: Path | None = Field(
        default=None, description="该机构的证书(固定),PEM 或 DER / the authority's own certificate, pinned; PEM or DER"
    )
    every_s: Seconds = Field(default=3600.0, description="至多每隔多久加一次 / at most one time stamp in so long")
    timeout_s: Seconds = Field(default=30.0, description="等待机构答复的时限 / the authority is waited for at most")


AUDIT_MONTHS_MIN = 6
RECORDS_YEARS_MIN = 3


class Retention(_Section):
    """How long things are kept at least; the law's minimum cannot be set lower."""

    audit_months: int = Field(
        default=AUDIT_MONTHS_MIN,
        ge=AUDIT_MONTHS_MIN,
        le=1200,
        description="应用审计记录至少保存的月数 / months that application audit is kept",
    )
    records_years: int = Field(
        default=RECORDS_YEARS_MIN,
        ge=RECORDS_YEARS_MIN,
        le=100,
        description="提供记录(结案后的内容)至少保存的年数 / years that contents of ended cases are kept",
    )


class Rules(_Section):
    """Versions of recognition rules."""

    approvals_needed: int = Field(
        default=2, ge=1, le=1000, description="发布一版规则须有几家成员行批准 / members that must approve a version of the rules"
    )
    review_warn_days: int = Field(
        default=60, ge=0, le=3650, description="复审日期前多少天提醒 / days before a review date that people are warned"
    )


class Canary(_Section):
    """Probes that connectors send about made-up learners."""

    late_s: Seconds = Field(
        default=7200.0, description="探测多久未办结或没有新的即报警 / a canary not settled, or not followed, for so long is late"
    )


class SignIn(_Section):
    """People who sign in, by OpenID Connect: at the gateway's pages, or at a bank's own console."""

    issuer: str = Field(default="", description="身份提供方地址,空则无人员页面 / the identity provider; without one there are no pages")
    client_id: str = Field(default="credit-exchange-gateway", description="在身份提供方登记的客户端编号 / client id registered there")
    client_secret_file: Path | None = Field(default=None, description="客户端密钥文件 / file with the client's secret")
    client_key_file: Path | None = Field(
        default=None, description="客户端私钥文件,代替密钥 / the client's private key (private_key_jwt), instead of a secret"
    )
    public_url: str = Field(
        default="", description="人员看到的地址,登录后返回此处;空为实际地址 / URL as people see it, where sign-in returns to"
    )
    name_claim: str = Field(default="name", description="显示名所在的声明 / claim with the name to show")
    member_claim: str = Field(default="member", description="所属成员行编号所在的声明 / claim with the person's member id")
    roles_claim: str = Field(default="roles", description="角色所在的声明 / claim with the person's roles")
    roles: dict[str, str] = Field(
        default={}, description="声明中的词对应的角色,空则两者相同 / the claim's words and the roles they mean; empty: the roles' own names"
    )
    idle_s: Seconds = Field(default=1800.0, description="会话闲置时限 / a session ends after so long without use")
    absolute_s: Seconds = Field(default=28_800.0, description="会话最长时限 / a session ends after so long in any case")
    failures_max: int = Field(default=5, ge=1, le=1000, description="登录失败几次后锁定 / failed sign-ins before the source is locked")
    lock_s: Seconds = Field(default=900.0, description="锁定时间 / how long it stays locked")
    forwarded: bool = Field(
        default=False,
        description="来访地址取自本方代理的 X-Forwarded-For 末项 / visitors' addresses are what our own proxy adds to X-Forwarded-For",
    )


class People(SignIn):
    """The gateway's pages for people.  Off unless an issuer is set."""

    citizen_claim: str = Field(
        default="",
        description="已核实的公民身份号码所在的声明;空则学习者不能登录 / claim with the verified citizen number; empty: no learners",
    )


class Report(_Section):
    """Reports as PDF, an extra: `[pdf]`."""

    fonts_folder: Path | None = Field(
        default=None,
        description="PDF 报表所用中文字体的目录;空则用系统或附带的 / folder with the font for PDF; else the system's, or the one brought",
    )


class Alerts(_Section):
    """Alarms told to contact groups, where there are pages for people."""

    poll_s: Seconds = Field(default=30.0, description="查看告警的间隔 / how often alarms are looked for")
    groups: dict[str, str] = Field(
        default={},
        description="联系组:https: 或 mailto: 地址,空格分隔;空则不通知 / contact groups: https: or mailto: addresses, blanks between",
    )
    routes: dict[str, str] = Field(
        default={}, description="告警名对应的联系组;未列的通知全部 / alarm names and their group; others are told to every group"
    )
    per_hour: int = Field(default=6, ge=1, le=1000, description="每个地址每小时至多几次 / messages to one address an hour, at most")
    mail_host: str = Field(default="", description="邮件中继;空则不能用 mailto: / mail relay; mailto: needs one")
    mail_port: int = Field(default=25, ge=1, le=65_535, description="邮件中继的端口 / its port")
    mail_from: str = Field(default="gateway@localhost", description="发件地址 / sender's address")
    mail_starttls: bool = Field(default=True, description="邮件必须加密 / mail only over STARTTLS")
    timeout_s: Seconds = Field(default=10.0, description="一次通知的时限 / one message takes at most")


class Console(SignIn):
    """`[people]` of a connector: the bank's own console, where no learner signs in.

    Not a section of the gateway's settings; docs/connector.md tells it.
    """

    host: str = Field(default="127.0.0.1", description="监听地址 / address it listens at")
    port: Port = Field(default=8483, description="端口,0 为任意 / port; 0 picks one")
    decided_by: str = Field(
        default="", max_length=100, description="认定书上的认定单位,空为本行名称 / who a decision says has made it; empty: the bank's name"
    )

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Self:
        """Raises SettingsError("settings.connector") with everything that is wrong."""
        try:
            return cls.model_validate(dict(table))
        except ValidationError as error:
            problems = tuple(
                Problem(f"people.{'.'.join(map(str, each['loc']))}", "settings.connector", "取值不合规定", each["msg"])
                for each in error.errors()
            )
            raise SettingsError("settings.connector", "连接程序配置有误", "the connector's settings are wrong", problems=problems) from None


class Settings(BaseSettings):
    """All of it.  Make it with `load`."""

    model_config = SettingsConfigDict(env_prefix="CEG_", env_nested_delimiter="__", extra="forbid", frozen=True)

    node: Node = Node()
    listen: Listen = Listen()
    trust: Trust = Trust()
    keys: Keys = Keys()
    delivery: Delivery = Delivery()
    deadlines: Deadlines = Deadlines()
    sftp: Sftp = Sftp()
    recognition: Recognition = Recognition()
    log: Log = Log()
    timestamp: Timestamp = Timestamp()
    retention: Retention = Retention()
    rules: Rules = Rules()
    canary: Canary = Canary()
    people: People = People()
    alerts: Alerts = Alerts()
    report: Report = Report()

    @classmethod
    def load(cls, file: Path | None = None, **flags: Any) -> Self:
        """Read flags, environment and file.  Raises SettingsError with every wrong setting at once."""
        if file is not None and not file.is_file():
            raise SettingsError("settings.no_file", "配置文件不存在", "there is no such settings file", file=str(file))
        bound = type(cls.__name__, (cls,), {"model_config": SettingsConfigDict(**{**cls.model_config, "toml_file": file})})
        try:
            made: Self = bound(**flags)
        except ValidationError as error:
            problems = tuple(
                Problem(".".join(map(str, each["loc"])), "settings.bad_value", "取值不合规定", each["msg"]) for each in error.errors()
            )
            raise SettingsError("settings.bad_value", "配置有误", "some settings are wrong", problems=problems) from None
        return made

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)
