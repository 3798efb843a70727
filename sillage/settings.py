"""Settings: read from the environment once, at the edge, and passed on. Nothing else reads the environment."""

from __future__ import annotations

import json
import os
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from sillage.clock import Clock
from sillage.errors import BadInput

ROOT = Path(__file__).resolve().parent.parent
PLACEHOLDERS = {"changeme", "changethis", "secret", "password", "demo", "test", "placeholder"}
MIN_SECRET_LENGTH = 32
_SECRETS = ("salesforce_client_secret", "s3_secret_key")


class Transport(StrEnum):
    """Where mail goes: the built-in post office, relays of the user's, or the servers of each domain themselves."""

    POSTOFFICE = "postoffice"
    RELAY = "relay"
    DIRECT = "direct"


class RelayTls(StrEnum):
    """How a relay is secured; `none` is for a relay on this machine or within a network of one's own."""

    STARTTLS = "starttls"
    IMPLICIT = "implicit"
    NONE = "none"


class Relay(BaseModel):
    """A smart host. Its password stands in the environment variable that `password_env` names, and nowhere else."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    tls: RelayTls = RelayTls.STARTTLS
    ca_file: str | None = None
    user: str = ""
    password_env: str = ""
    weight: Annotated[float, Field(gt=0, le=1000)] = 1.0
    in_flight: Annotated[int, Field(ge=1, le=100)] = 1
    """Messages at once on a connection whose bytes have left unanswered (with CHUNKING): each may be in doubt."""

    @property
    def password(self) -> SecretStr:
        """The password, or an empty one where none is named."""
        return SecretStr(os.environ.get(self.password_env, "") if self.password_env else "")


class Settings(BaseSettings):
    """All that an installation may be told. Every port is on loopback until this says otherwise."""

    model_config = SettingsConfigDict(env_prefix="SILLAGE_", frozen=True, extra="ignore")

    data_dir: Path = ROOT / "data" / "run"
    ops_url: str = Field(default="", description="SQLAlchemy URL of ops; empty: SQLite below data_dir")
    secret: SecretStr = Field(description="32 characters or more: signs tokens, keys hashes")
    demo: bool = False
    clock_text: str = Field(default="", alias="SILLAGE_CLOCK")
    host: str = "127.0.0.1"
    public_url: str = ""
    web_port: int = 8420
    inbound_port: int = 8425
    postoffice_port: int = 8426
    dashboards_port: int = 8501
    dashboards_url: str = Field(default="", description="public address of the pages; https makes their cookies Secure")
    help_hours: str = Field(default="", description="shown in the pages' help block: when somebody answers")
    help_phone: str = ""
    help_email: str = ""
    help_link: str = Field(default="", description="http(s) address of your own help")
    dagster_port: int = 3333
    trusted_proxies: tuple[str, ...] = ()
    transport: Transport = Transport.POSTOFFICE
    relay_host: str = ""
    relay_port: int = 587
    relay_tls: RelayTls = RelayTls.STARTTLS
    relay_user: str = ""
    relay_password_env: str = Field(default="", description="the variable that holds the relay's password")
    relays: tuple[Relay, ...] = Field(default=(), description="several relays, as JSON; then relay_* is not looked at")
    relay_signs_dkim: bool = False
    direct_port: int = 25
    dns_servers: tuple[str, ...] = Field(default=(), description="HOST or HOST:PORT; empty: those of the system")
    bounce_domain: str = "bounces.sillage.example"
    bounce_rules: str = Field(default="", description="TOML file of your own bounce rules, asked before ours")
    sending_cap: int = Field(default=400, ge=1, description="rows `sending` per worker: the bound of the doubt")
    webhooks_may_be_private: bool = Field(
        default=False, description="let webhooks go to loopback and private addresses: for tests and closed networks"
    )
    workers: int = Field(default=1, ge=1, le=256, description="sending processes that `sillage up` starts")
    metrics_port: int = Field(default=8430, ge=0, description="first worker's port for Prometheus; 0: none")
    window_size: int = Field(default=200, ge=1, le=1000)
    plan_after_s: float = Field(
        default=60.0, ge=0, description="a due campaign that Dagster has not planned for so long, the worker plans"
    )

    images_url: str = Field(
        default="", description="s3://BUCKET/PREFIX for the pictures of mails; empty: they lie below data_dir"
    )
    s3_endpoint: str = Field(default="", description="http(s) address of the S3 server that has the bucket")
    s3_region: str = "us-east-1"
    s3_access_key: str = ""
    s3_secret_key: SecretStr = SecretStr("")

    resolver: str = Field(default="", description="HOST or HOST:PORT of a DNS resolver; empty: no domain is looked up")
    salesforce_url: str = Field(default="", description="https address of the org; empty: nothing is pulled")
    salesforce_client_id: str = ""
    salesforce_client_secret: SecretStr = SecretStr("")
    salesforce_account: str = Field(default="", description="slug of the account that the org's people belong to")
    salesforce_mapping: Path = ROOT / "data" / "salesforce.toml"
    salesforce_ca: str = Field(default="", description="file of certificates to trust for it; empty: the system's")

    @model_validator(mode="after")
    def _refuse_placeholders(self) -> Self:
        secret = self.secret.get_secret_value()
        if len(secret) < MIN_SECRET_LENGTH or secret.lower() in PLACEHOLDERS:
            msg = f"secret must have {MIN_SECRET_LENGTH} characters or more, as `openssl rand -hex 32` prints"
            raise ValueError(msg)
        if self.salesforce_url and not self.salesforce_url.startswith("https://"):
            msg = "salesforce_url must be an https address: the client secret goes there"
            raise ValueError(msg)
        for name in ("dashboards_url", "help_link"):
            if getattr(self, name) and not getattr(self, name).startswith(("https://", "http://")):
                msg = f"{name} must start with https:// (or http://)"
                raise ValueError(msg)
        if self.images_url:
            self._refuse_unknown_bucket()
        if self.transport is not Transport.POSTOFFICE:
            self._refuse_unsafe_sending()
        return self

    def _refuse_unknown_bucket(self) -> None:
        place = urlsplit(self.images_url)
        if place.scheme != "s3" or not place.netloc:
            msg = "images_url must look like s3://BUCKET or s3://BUCKET/PREFIX"
            raise ValueError(msg)
        if not self.s3_endpoint.startswith(("https://", "http://")):
            msg = "s3_endpoint must be the address of the S3 server, such as https://s3.eu-west-3.amazonaws.com"
            raise ValueError(msg)
        if not self.s3_access_key or not self.s3_secret_key.get_secret_value():
            msg = "s3_access_key and s3_secret_key must be those that may write to the bucket of images_url"
            raise ValueError(msg)

    def _refuse_unsafe_sending(self) -> None:
        if not self.public_url.startswith("https://"):
            msg = "public_url must be a public https address before anything is sent (RFC 8058)"
            raise ValueError(msg)
        if self.transport is Transport.DIRECT:
            return
        if not self.relay_host and not self.relays:
            msg = "relay_host is empty: name the relay that takes the mail (or several in relays)"
            raise ValueError(msg)
        for relay in self.all_relays:
            if relay.user and not relay.password.get_secret_value():
                msg = f"{relay.host}: put the password of {relay.user!r} in a variable and name it (relay_password_env)"
                raise ValueError(msg)

    @property
    def all_relays(self) -> tuple[Relay, ...]:
        """The relays, however they were named."""
        if self.relays or not self.relay_host:
            return self.relays
        simple = Relay(
            host=self.relay_host,
            port=self.relay_port,
            tls=self.relay_tls,
            user=self.relay_user,
            password_env=self.relay_password_env,
        )
        return (simple,)

    @cached_property
    def clock(self) -> Clock:
        """Business time for this process."""
        return Clock.parse(self.clock_text)

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL of ops."""
        return self.ops_url or f"sqlite:///{self.data_dir / 'ops.sqlite'}"

    @property
    def base_url(self) -> str:
        """The address that links in mails start with, without a slash at its end."""
        return (self.public_url or f"http://{self.host}:{self.web_port}").rstrip("/")

    @property
    def pages_url(self) -> str:
        """The address of the pages, without a slash at its end."""
        return (self.dashboards_url or f"http://{self.host}:{self.dashboards_port}").rstrip("/")

    @property
    def own_bounce_rules(self) -> Path | None:
        """The user's file of bounce rules, where there is one."""
        return Path(self.bounce_rules) if self.bounce_rules else None

    @property
    def lake_dir(self) -> Path:
        """The event log: catalog.sqlite and its Parquet files."""
        return self.data_dir / "lake"

    @property
    def marts_dir(self) -> Path:
        """The answers: catalog.sqlite and its Parquet files."""
        return self.data_dir / "marts"

    @property
    def inbox_dir(self) -> Path:
        """Where contact files are dropped: inbox/<account>/<group>/."""
        return self.data_dir / "inbox"

    @property
    def journal_dir(self) -> Path:
        """Outbox files of processes whose events change nothing in ops (the tracker)."""
        return self.data_dir / "journal"

    @property
    def files_dir(self) -> Path:
        """Files with personal data, each in the register: import originals, refused rows, raw returned mail."""
        return self.data_dir / "files"

    @property
    def images_dir(self) -> Path:
        """Pictures of mails, as `web` serves them."""
        return self.data_dir / "images"

    @property
    def dagster_home(self) -> Path:
        """Where Dagster keeps its runs."""
        return self.data_dir / "dagster"

    def environment(self) -> dict[str, str]:
        """These settings as environment variables, for a child process."""
        plain = self.model_dump(mode="json", exclude={"secret", "clock_text", *_SECRETS})
        env = {f"SILLAGE_{k.upper()}": v if isinstance(v, str) else json.dumps(v) for k, v in plain.items()}
        env["SILLAGE_SECRET"] = self.secret.get_secret_value()
        env |= {f"SILLAGE_{name.upper()}": getattr(self, name).get_secret_value() for name in _SECRETS}
        env["SILLAGE_CLOCK"] = self.clock_text
        return {**os.environ, "DAGSTER_HOME": str(self.dagster_home), **env}

    @classmethod
    def load(cls) -> Settings:
        """Settings from the environment.

        Raises: BadInput that names each wrong setting by its variable.
        """
        try:
            return cls()  # type: ignore[call-arg]  # pydantic-settings fills `secret` from the environment
        except ValidationError as exc:
            faults = "; ".join(_fault(e["loc"], e["msg"]) for e in exc.errors())
            raise BadInput(f"settings: {faults}", code="bad_settings") from exc


def _fault(loc: tuple[int | str, ...], message: str) -> str:
    name = f"SILLAGE_{str(loc[0]).removeprefix('SILLAGE_').upper()}: " if loc else ""
    if name and message == "Field required":
        return f"{name}is not set; `openssl rand -hex 32` makes one"
    return name + message.removeprefix("Value error, ")
