"""Settings: read from the environment once, at the edge, and passed on. Nothing else reads the environment."""

from __future__ import annotations

import os
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from sillage.clock import Clock
from sillage.errors import BadInput

ROOT = Path(__file__).resolve().parent.parent
PLACEHOLDERS = {"changeme", "changethis", "secret", "password", "demo", "test", "placeholder"}
MIN_SECRET_LENGTH = 32


class Transport(StrEnum):
    """Where mail goes: the built-in post office, or a relay of the user's."""

    POSTOFFICE = "postoffice"
    RELAY = "relay"


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
    dagster_port: int = 3333
    trusted_proxies: tuple[str, ...] = ()
    transport: Transport = Transport.POSTOFFICE
    relay_host: str = ""
    relay_port: int = 25
    relay_signs_dkim: bool = False
    bounce_domain: str = "bounces.sillage.example"
    sending_cap: int = Field(default=400, ge=1, description="rows `sending` per worker: the bound of the doubt")
    workers: int = Field(default=1, ge=1, le=256, description="sending processes that `sillage up` starts")
    metrics_port: int = Field(default=8430, ge=0, description="first worker's port for Prometheus; 0: none")
    window_size: int = Field(default=200, ge=1, le=1000)

    @model_validator(mode="after")
    def _refuse_placeholders(self) -> Self:
        secret = self.secret.get_secret_value()
        if len(secret) < MIN_SECRET_LENGTH or secret.lower() in PLACEHOLDERS:
            msg = f"secret must have {MIN_SECRET_LENGTH} characters or more, as `openssl rand -hex 32` prints"
            raise ValueError(msg)
        if self.transport is Transport.RELAY:
            self._refuse_unsafe_relay()
        return self

    def _refuse_unsafe_relay(self) -> None:
        if not self.public_url.startswith("https://"):
            msg = "public_url must be a public https address before anything is sent (RFC 8058)"
            raise ValueError(msg)
        if not self.relay_host:
            msg = "relay_host is empty: name the relay that takes the mail"
            raise ValueError(msg)
        if not self.relay_signs_dkim:
            msg = "relay_signs_dkim must say that the relay signs List-Unsubscribe headers with DKIM (RFC 8058)"
            raise ValueError(msg)

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
    def dagster_home(self) -> Path:
        """Where Dagster keeps its runs."""
        return self.data_dir / "dagster"

    def environment(self) -> dict[str, str]:
        """These settings as environment variables, for a child process."""
        plain = self.model_dump(mode="json", exclude={"secret", "clock_text", "trusted_proxies"})
        env = {f"SILLAGE_{k.upper()}": str(v) for k, v in plain.items()}
        env["SILLAGE_SECRET"] = self.secret.get_secret_value()
        env["SILLAGE_CLOCK"] = self.clock_text
        env["SILLAGE_TRUSTED_PROXIES"] = "[" + ",".join(f'"{p}"' for p in self.trusted_proxies) + "]"
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
