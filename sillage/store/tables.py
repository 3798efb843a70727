"""The tables of ops. Every row belongs to an account; `account_id` comes first in every key that is not a number.

Times are `Moment`s (microseconds, UTC). Tables with many narrow rows are WITHOUT ROWID on SQLite.
"""

from __future__ import annotations

import sqlalchemy as sa

from sillage.domain.campaign import CampaignState, MessageKind, SourceKind
from sillage.domain.consent import Channel, ConsentState, Purpose
from sillage.domain.delivery import DeliveryState, InDoubtPolicy
from sillage.store.columns import BigId, Json, Moment, one_of

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _account(*, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column("account_id", BigId, sa.ForeignKey("accounts.id"), nullable=False, primary_key=primary_key)


installation = sa.Table(
    "installation",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    comment="Facts of this installation: its epoch (stream of the outbox), made anew when ops is restored.",
)

accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("slug", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("legal_name", sa.Text, nullable=False, server_default=""),
    sa.Column("postal_address", sa.Text, nullable=False, server_default=""),
    sa.Column("locale", sa.Text, nullable=False, server_default="fr"),
    sa.Column("timezone", sa.Text, nullable=False, server_default="Europe/Paris"),
    sa.Column("tracking_policy", sa.Text, nullable=False, server_default="consent"),
    sa.Column("untracked_pixel", sa.Text, nullable=False, server_default="anonymous"),
    sa.Column("keeps_ip", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("keeps_agent", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("allowed_bases", Json, nullable=False, server_default='["consent"]'),
    sa.Column("created_at", Moment, nullable=False),
    sa.CheckConstraint("tracking_policy in ('consent', 'notice')", name="tracking_policy_known"),
    sa.CheckConstraint("untracked_pixel in ('anonymous', 'hygiene')", name="untracked_pixel_known"),
)

senders = sa.Table(
    "senders",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    _account(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("reply_to", sa.Text),
    sa.Column("verified_at", Moment),
    sa.Column("created_at", Moment, nullable=False),
    sa.UniqueConstraint("account_id", "email", "name"),
    comment="Who a campaign comes from. Only a verified sender may be scheduled.",
)

dkim_keys = sa.Table(
    "dkim_keys",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    _account(),
    sa.Column("domain", sa.Text, nullable=False),
    sa.Column("selector", sa.Text, nullable=False),
    sa.Column("algorithm", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("retired_at", Moment),
    sa.UniqueConstraint("domain", "selector"),
    sa.CheckConstraint("state in ('waiting', 'active', 'retired')", name="state_known"),
    sa.CheckConstraint("algorithm in ('rsa', 'ed25519')", name="algorithm_known"),
    comment="Keys that sign mail from a domain. The private half is a file that only its owner reads.",
)

imports = sa.Table(
    "imports",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    _account(),
    sa.Column("group_id", BigId),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("file_name", sa.Text, nullable=False),
    sa.Column("file_path", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("options", Json, nullable=False),
    sa.Column("questions", Json, nullable=False, server_default="[]"),
    sa.Column("counts", Json, nullable=False, server_default="{}"),
    sa.Column("refused_path", sa.Text),
    sa.Column("done_rows", BigId, nullable=False, server_default="0"),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("sealed_at", Moment),
    sa.CheckConstraint("state in ('running', 'sealed', 'parked', 'failed', 'taken_back')", name="state_known"),
    comment="One file of contacts. Contacts that it made are seen only once it is sealed.",
)

contacts = sa.Table(
    "contacts",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    _account(),
    sa.Column("email", sa.Text),
    sa.Column("email_hash", sa.LargeBinary),
    sa.Column("phone", sa.Text),
    sa.Column("phone_hash", sa.LargeBinary),
    sa.Column("provider", sa.Text, nullable=False, server_default="other"),
    sa.Column("first_name", sa.Text),
    sa.Column("last_name", sa.Text),
    sa.Column("company", sa.Text),
    sa.Column("country", sa.Text),
    sa.Column("city", sa.Text),
    sa.Column("postcode", sa.Text),
    sa.Column("language", sa.Text),
    sa.Column("birthday", sa.Text),
    sa.Column("custom", Json, nullable=False, server_default="{}"),
    sa.Column("source", sa.Text, nullable=False, server_default=""),
    sa.Column("import_id", BigId),
    sa.Column("last_open_on", sa.Text),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    sa.UniqueConstraint("account_id", "email"),
    sa.UniqueConstraint("account_id", "phone"),
    sa.CheckConstraint("email is not null or phone is not null", name="reachable"),
    sqlite_autoincrement=True,
    comment="A person, within one account. `email` is normalised; `provider` is the mailbox provider.",
)

consent_origins = sa.Table(
    "consent_origins",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    _account(),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("wording", sa.Text, nullable=False, server_default=""),
    sa.Column("wording_version", sa.Text, nullable=False, server_default=""),
    sa.Column("declared_by", sa.Text),
    sa.Column("import_id", BigId),
    sa.Column("created_at", Moment, nullable=False),
    comment="Where acts of consent come from: the file, the form, the exact words, who declared it.",
)

consent_acts = sa.Table(
    "consent_acts",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    _account(),
    sa.Column("contact_id", BigId, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("basis", sa.Text, nullable=False, server_default="consent"),
    sa.Column("origin_id", BigId),
    sa.Column("proof", sa.Text, nullable=False, server_default=""),
    sa.Column("occurred_at", Moment, nullable=False),
    sa.Column("recorded_at", Moment, nullable=False),
    sa.Index("ix_consent_acts_contact", "account_id", "contact_id"),
    one_of("channel", Channel),
    one_of("purpose", Purpose),
    one_of("state", ConsentState),
    comment="The ledger of consent: one row per act, channel and purpose. Rows are only ever added.",
)

consents = sa.Table(
    "consents",
    metadata,
    sa.Column("contact_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("channel", sa.Text, primary_key=True),
    _account(),
    sa.Column("marketing", sa.Text),
    sa.Column("marketing_basis", sa.Text),
    sa.Column("marketing_at", Moment),
    sa.Column("lapses_at", Moment),
    sa.Column("open_tracking", sa.Text),
    sa.Column("click_tracking", sa.Text),
    one_of("channel", Channel),
    sqlite_with_rowid=False,
    comment="Current consent, a function of the ledger kept beside it in the same transaction.",
)

suppressions = sa.Table(
    "suppressions",
    metadata,
    _account(primary_key=True),
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("address_hash", sa.LargeBinary, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("contact_id", BigId),
    sa.Column("campaign_id", BigId),
    sa.Column("created_at", Moment, nullable=False),
    one_of("channel", Channel),
    sqlite_with_rowid=False,
    comment="Addresses that get nothing: npai, hard_bounce, complaint, erased, manual. By keyed hash.",
)

groups = sa.Table(
    "groups",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    _account(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.UniqueConstraint("account_id", "name"),
)

group_members = sa.Table(
    "group_members",
    metadata,
    sa.Column("group_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("contact_id", BigId, primary_key=True, autoincrement=False),
    _account(),
    sa.Column("import_id", BigId),
    sa.Column("added_at", Moment, nullable=False),
    sqlite_with_rowid=False,
)

segments = sa.Table(
    "segments",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    _account(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("tree", Json, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    sa.UniqueConstraint("account_id", "name"),
    comment="A saved expression tree; see sillage.domain.segment.",
)

campaigns = sa.Table(
    "campaigns",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    _account(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False, server_default="marketing"),
    sa.Column("channel", sa.Text, nullable=False, server_default="email"),
    sa.Column("state", sa.Text, nullable=False, server_default="draft"),
    sa.Column("sender_id", BigId, sa.ForeignKey("senders.id"), nullable=False),
    sa.Column("include", Json, nullable=False),
    sa.Column("exclude", Json, nullable=False, server_default="[]"),
    sa.Column("send_at", Moment),
    sa.Column("retry_for_s", sa.Integer, nullable=False, server_default="86400"),
    sa.Column("in_doubt", sa.Text, nullable=False, server_default="hold"),
    sa.Column("pause_reason", sa.Text),
    sa.Column("resume_to", sa.Text),
    sa.Column("audience", BigId),
    sa.Column("left_out", Json, nullable=False, server_default="{}"),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("planned_at", Moment),
    sa.Column("started_at", Moment),
    sa.Column("closed_at", Moment),
    sa.CheckConstraint("retry_for_s between 0 and 259200", name="retry_bounded"),
    sa.UniqueConstraint("account_id", "name"),
    sa.Index("ix_campaigns_state", "state", "send_at"),
    one_of("kind", MessageKind),
    one_of("channel", Channel),
    one_of("state", CampaignState),
    one_of("in_doubt", InDoubtPolicy),
    comment=(
        "`include` and `exclude` are lists of segment ids. `audience` is set when the plan is sealed;"
        " `left_out` counts members who may not be mailed, by reason."
    ),
)

variants = sa.Table(
    "variants",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    _account(),
    sa.Column("campaign_id", BigId, sa.ForeignKey("campaigns.id"), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("share", sa.Float),
    sa.Column("segment_id", BigId),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("preheader", sa.Text, nullable=False, server_default=""),
    sa.Column("source_kind", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("text", sa.Text),
    sa.Column("defaults", Json, nullable=False, server_default="{}"),
    sa.UniqueConstraint("campaign_id", "name"),
    sa.UniqueConstraint("campaign_id", "position"),
    sa.CheckConstraint("share is null or segment_id is null", name="share_or_segment"),
    one_of("source_kind", SourceKind),
    comment="One version of a campaign's message, for a share of its audience or for a segment of its own.",
)

variant_files = sa.Table(
    "variant_files",
    metadata,
    sa.Column("variant_id", BigId, sa.ForeignKey("variants.id"), primary_key=True, autoincrement=False),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    _account(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("cid", sa.Text, nullable=False, server_default=""),
    sa.Column("content", sa.LargeBinary, nullable=False),
    comment="Files of a variant: shown within its HTML where they have a Content-ID, else attached.",
)

links = sa.Table(
    "links",
    metadata,
    sa.Column("variant_id", BigId, sa.ForeignKey("variants.id"), primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    _account(),
    sa.Column("campaign_id", BigId, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("label", sa.Text, nullable=False, server_default=""),
    comment="Where link `number` (from 1) of a variant leads: the only source of redirects.",
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("campaign_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("contact_id", BigId, primary_key=True, autoincrement=False),
    _account(),
    sa.Column("variant_id", BigId, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("due_at", Moment, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
    sa.Column("first_attempt_at", Moment),
    sa.Column("worker_id", BigId),
    sa.Column("reason", sa.Text),
    sa.Index(
        "ix_deliveries_due",
        "campaign_id",
        "provider",
        "due_at",
        sqlite_where=sa.text("state = 'due'"),
        postgresql_where=sa.text("state = 'due'"),
    ),
    sa.Index(
        "ix_deliveries_sending",
        "worker_id",
        sqlite_where=sa.text("state = 'sending'"),
        postgresql_where=sa.text("state = 'sending'"),
    ),
    one_of("state", DeliveryState),
    sqlite_with_rowid=False,
    comment="One row per campaign and recipient: the queue, and the key by which nobody is mailed twice.",
)

tallies = sa.Table(
    "tallies",
    metadata,
    sa.Column("campaign_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("state", sa.Text, primary_key=True),
    _account(),
    sa.Column("count", BigId, nullable=False),
    comment="The balance sheet of a closed campaign, counted from its deliveries before they go.",
)

workers = sa.Table(
    "workers",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("started_at", Moment, nullable=False),
    sa.Column("renewals", BigId, nullable=False, server_default="0"),
    sa.Column("lease_s", sa.Float, nullable=False),
    sa.Column("ended_at", Moment),
    sqlite_autoincrement=True,
    comment="A sending process. Its id is the fencing token: it never returns. `renewals` beats like a heart.",
)

provider_rates = sa.Table(
    "provider_rates",
    metadata,
    sa.Column("provider", sa.Text, primary_key=True),
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("connections", sa.Integer, nullable=False),
    sa.Column("per_connection", sa.Integer, nullable=False),
    sa.Column("per_second", sa.Float),
    one_of("channel", Channel),
    comment="What a mailbox provider is given at most, shared by all workers. Row `*` is the default.",
)

contact_sends = sa.Table(
    "contact_sends",
    metadata,
    sa.Column("contact_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
    _account(),
    sa.Column("count", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
    comment="Messages taken by a server, per contact and day (days since 1970, UTC): for the frequency cap.",
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("seq", BigId, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sqlite_autoincrement=True,
    comment="Events on their way to the lake, written with the state change that they belong to.",
)

files = sa.Table(
    "files",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    _account(),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False, unique=True),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    comment="Every file with personal data, registered when it is written: erasure and retention walk it.",
)

unmatched_mail = sa.Table(
    "unmatched_mail",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("received_at", Moment, nullable=False),
    comment="Returned mail that belongs to no recipient that we know of: a list to look at.",
)
