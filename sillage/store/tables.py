"""The tables of ops. Every row belongs to an account; `account_id` comes first in every key that is not a number.

Times are `Moment`s (microseconds, UTC). Tables with many narrow rows are WITHOUT ROWID on SQLite.
"""

from __future__ import annotations

import sqlalchemy as sa

from sillage.domain.ab_test import Criterion, Decide, How, Otherwise
from sillage.domain.approval import ApprovalState
from sillage.domain.bounce_rules import BounceClass
from sillage.domain.campaign import CampaignState, MessageKind, Priority, SourceKind
from sillage.domain.consent import Channel, Purpose
from sillage.domain.delivery import DeliveryState, InDoubtPolicy
from sillage.domain.field import FieldType
from sillage.domain.sign_in import LinkPurpose, Role
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


def _account_of_many() -> sa.Column[int]:
    """The account of rows that come by the million: to look it up for each was a seventh of what a row costs in
    PostgreSQL. No account is ever deleted.
    """
    return sa.Column("account_id", BigId, nullable=False)


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
    sa.Column("frequency_cap", sa.Integer),
    sa.Column("frequency_days", sa.Integer, nullable=False, server_default="7"),
    sa.Column("currency", sa.Text, nullable=False, server_default="EUR"),
    sa.Column("attribution_days", sa.Integer, nullable=False, server_default="7"),
    sa.Column("needs_approval", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("created_at", Moment, nullable=False),
    sa.CheckConstraint("attribution_days between 1 and 90", name="attribution_days_sane"),
    sa.CheckConstraint("frequency_cap between 1 and 1000 and frequency_days between 1 and 365", name="frequency_sane"),
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
    sa.Column("first_id", BigId),
    sa.Column("last_id", BigId),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("sealed_at", Moment),
    sa.CheckConstraint(
        "state in ('running', 'sealed', 'parked', 'failed', 'undoing', 'taken_back')", name="state_known"
    ),
    comment="One file of contacts. Those that it made are seen only once it is sealed; their ids span first to last.",
)

contacts = sa.Table(
    "contacts",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    _account_of_many(),
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
    # Few have one: whoever has none costs no entry.
    sa.Index(
        "uq_contacts_account_id_phone",
        "account_id",
        "phone",
        unique=True,
        sqlite_where=sa.text("phone is not null"),
        postgresql_where=sa.text("phone is not null"),
    ),
    sa.CheckConstraint("email is not null or phone is not null", name="reachable"),
    sqlite_autoincrement=True,
    comment="A person, within one account. `email` is normalised; `provider` is the mailbox provider.",
)

import_changes = sa.Table(
    "import_changes",
    metadata,
    sa.Column("import_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("contact_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, primary_key=True),
    _account_of_many(),
    sa.Column("phone", sa.Text),
    sa.Column("phone_hash", sa.LargeBinary),
    sa.Column("provider", sa.Text),
    sa.Column("first_name", sa.Text),
    sa.Column("last_name", sa.Text),
    sa.Column("company", sa.Text),
    sa.Column("country", sa.Text),
    sa.Column("city", sa.Text),
    sa.Column("postcode", sa.Text),
    sa.Column("language", sa.Text),
    sa.Column("birthday", sa.Text),
    sa.Column("custom", Json),
    sa.Column("seen_with", BigId),
    sa.Column("at", sa.BigInteger),
    sa.CheckConstraint("kind in ('fields', 'consent', 'group')", name="kind_known"),
    sqlite_with_rowid=False,
    comment="How a contact that was there was before an import changed it, so that the import can be undone.",
)

custom_fields = sa.Table(
    "custom_fields",
    metadata,
    _account(primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("choices", Json, nullable=False, server_default="[]"),
    sa.Column("created_at", Moment, nullable=False),
    one_of("type", FieldType),
    sqlite_with_rowid=False,
    comment="What the values of a custom field are. One that is not here is text.",
)

column_meanings = sa.Table(
    "column_meanings",
    metadata,
    _account(primary_key=True),
    sa.Column("header", sa.Text, primary_key=True),
    sa.Column("field", sa.Text, nullable=False),
    sqlite_with_rowid=False,
    comment="What a person said that a header means (without case, accents, punctuation); `-` leaves a column out.",
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
    _account_of_many(),
    sa.Column("contact_id", BigId, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("basis", sa.Text, nullable=False, server_default="consent"),
    sa.Column("origin_id", BigId),
    sa.Column("proof", sa.Text, nullable=False, server_default=""),
    sa.Column("occurred_at", Moment, nullable=False),
    sa.Column("recorded_at", Moment, nullable=False),
    sa.Column("is_return", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("ix_consent_acts_contact", "account_id", "contact_id"),
    one_of("channel", Channel),
    one_of("purpose", Purpose),
    sa.CheckConstraint("state in ('granted', 'withdrawn', 'renewed')", name="state_known"),
    comment="The ledger of consent: one row per act, channel and purpose. Rows are only ever added.",
)

consents = sa.Table(
    "consents",
    metadata,
    sa.Column("contact_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("channel", sa.Text, primary_key=True),
    _account_of_many(),
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
    comment="Addresses that get nothing: npai, hard_bounce, soft_bounce, complaint, erased, manual. By keyed hash.",
)

suppressed_domains = sa.Table(
    "suppressed_domains",
    metadata,
    _account(primary_key=True),
    sa.Column("domain", sa.Text, primary_key=True),
    sa.Column("created_at", Moment, nullable=False),
    sqlite_with_rowid=False,
    comment="Domains (in lower case, each for itself) that get no marketing of an account.",
)

installation_suppressions = sa.Table(
    "installation_suppressions",
    metadata,
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("address_hash", sa.LargeBinary, primary_key=True),
    sa.Column("created_at", Moment, nullable=False),
    one_of("channel", Channel),
    sqlite_with_rowid=False,
    comment="Addresses that get nothing of any account. Filled by the operator alone, never from an event.",
)

installation_domains = sa.Table(
    "installation_domains",
    metadata,
    sa.Column("domain", sa.Text, primary_key=True),
    sa.Column("created_at", Moment, nullable=False),
    sqlite_with_rowid=False,
    comment="Domains that get nothing of any account. Filled by the operator alone.",
)

forms = sa.Table(
    "forms",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    _account(),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("sender_id", BigId, sa.ForeignKey("senders.id"), nullable=False),
    sa.Column("group_id", BigId),
    sa.Column("wording", sa.Text, nullable=False),
    sa.Column("wording_version", sa.Text, nullable=False),
    sa.Column("tracking_wording", sa.Text, nullable=False, server_default=""),
    sa.Column("asks_name", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("is_open", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("created_at", Moment, nullable=False),
    sa.UniqueConstraint("account_id", "name"),
    comment="A public page to sign up by, with the exact words that people agree to. `key` stands in its address.",
)

signups = sa.Table(
    "signups",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    _account(),
    sa.Column("form_id", BigId, sa.ForeignKey("forms.id"), nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("mailbox_hash", sa.LargeBinary, nullable=False),
    sa.Column("email", sa.Text),
    sa.Column("email_hash", sa.LargeBinary, nullable=False),
    sa.Column("contact_id", BigId),
    sa.Column("fields", Json, nullable=False, server_default="{}"),
    sa.Column("agrees_tracking", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("proof", sa.Text, nullable=False, server_default=""),
    sa.Column("network", sa.Text, nullable=False, server_default=""),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("due_at", Moment, nullable=False),
    sa.Column("mailed_at", Moment),
    sa.Column("settled_at", Moment),
    sa.Column("worker_id", BigId),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
    sa.Column("reason", sa.Text),
    sa.Index("ix_signups_due", "state", "due_at"),
    sa.Index("ix_signups_mailbox", "mailbox_hash", "created_at"),
    sa.Index("ix_signups_network", "network", "created_at"),
    sa.CheckConstraint("state in ('due', 'sending', 'mailed', 'failed', 'confirmed', 'expired')", name="state_known"),
    sqlite_autoincrement=True,
    comment="Who signed up and has not confirmed yet: the queue of confirmation mails. No contact comes of it before.",
)

mail_domains = sa.Table(
    "mail_domains",
    metadata,
    sa.Column("domain", sa.Text, primary_key=True),
    sa.Column("takes_mail", sa.Boolean, nullable=False),
    sa.Column("checked_at", Moment, nullable=False),
    sqlite_with_rowid=False,
    comment="What the resolver last said of a domain: whether any server takes mail for it.",
)

pull_cursors = sa.Table(
    "pull_cursors",
    metadata,
    _account(primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("position", sa.Text, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    sqlite_with_rowid=False,
    comment="How far contacts were pulled from another system, such as Salesforce.",
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
    _account_of_many(),
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
    sa.Column("is_watched", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("baseline_at", Moment),
    sa.UniqueConstraint("account_id", "name"),
    comment=(
        "A saved expression tree; see sillage.domain.segment. Of one that is watched, entering and leaving are events"
        " from `baseline_at` on."
    ),
)

segment_members = sa.Table(
    "segment_members",
    metadata,
    sa.Column("segment_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("contact_id", BigId, primary_key=True, autoincrement=False),
    _account(),
    sqlite_with_rowid=False,
    comment="Who was in a watched segment when it was last looked at: what entering and leaving are told from.",
)

segment_sizes = sa.Table(
    "segment_sizes",
    metadata,
    sa.Column("segment_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("counted_at", Moment, primary_key=True),
    _account(),
    sa.Column("size", BigId, nullable=False),
    sqlite_with_rowid=False,
    comment="How many contacts a saved segment had when it was counted: its history, for a year and a bit.",
)

link_groups = sa.Table(
    "link_groups",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    _account(),
    sa.Column("campaign_id", BigId, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("group_id", BigId, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.UniqueConstraint("account_id", "campaign_id", "url", "group_id"),
    comment="A click on this link of this campaign puts the person into this static group.",
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
    sa.Column("priority", sa.Text, nullable=False, server_default="bulk"),
    sa.Column("weight", sa.Integer, nullable=False, server_default="1"),
    sa.Column("per_hour", sa.Integer),
    sa.Column("spread_s", sa.Integer, nullable=False, server_default="0"),
    sa.Column("is_local_time", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("late_after_s", sa.Integer, nullable=False, server_default="21600"),
    sa.Column("starts_at", Moment),
    sa.Column("pause_reason", sa.Text),
    sa.Column("resume_to", sa.Text),
    sa.Column("created_by", BigId),
    sa.Column("audience", BigId),
    sa.Column("left_out", Json, nullable=False, server_default="{}"),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("planned_at", Moment),
    sa.Column("started_at", Moment),
    sa.Column("closed_at", Moment),
    sa.CheckConstraint("retry_for_s between 0 and 259200", name="retry_bounded"),
    sa.CheckConstraint("weight between 1 and 100", name="weight_sane"),
    sa.CheckConstraint("per_hour is null or per_hour > 0", name="per_hour_positive"),
    sa.CheckConstraint("spread_s >= 0 and late_after_s > 0", name="times_positive"),
    sa.UniqueConstraint("account_id", "name"),
    sa.Index("ix_campaigns_state", "state", "send_at"),
    one_of("kind", MessageKind),
    one_of("channel", Channel),
    one_of("state", CampaignState),
    one_of("in_doubt", InDoubtPolicy),
    one_of("priority", Priority),
    sqlite_autoincrement=True,
    comment=(
        "`include` and `exclude` are lists of segment ids. `audience` is set when the plan is sealed;"
        " `left_out` counts members who may not be mailed, by reason. `starts_at` is when the first of them is due:"
        " `send_at`, or earlier where it is sent at each contact's local time."
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
    sa.Column("sender_id", BigId, sa.ForeignKey("senders.id")),
    sa.Column("offset_s", sa.Integer, nullable=False, server_default="0"),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("preheader", sa.Text, nullable=False, server_default=""),
    sa.Column("source_kind", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("text", sa.Text),
    sa.Column("defaults", Json, nullable=False, server_default="{}"),
    sa.UniqueConstraint("campaign_id", "name"),
    sa.UniqueConstraint("campaign_id", "position"),
    sa.CheckConstraint("share is null or segment_id is null", name="share_or_segment"),
    sa.CheckConstraint("offset_s between 0 and 604800", name="offset_sane"),
    one_of("source_kind", SourceKind),
    sqlite_autoincrement=True,
    comment=(
        "One version of a campaign's message, for a share of its audience or for a segment of its own. `sender_id`:"
        " who it comes from, where not the campaign's sender; `offset_s`: how long after the campaign it leaves."
    ),
)

ab_tests = sa.Table(
    "ab_tests",
    metadata,
    sa.Column("campaign_id", BigId, sa.ForeignKey("campaigns.id"), primary_key=True, autoincrement=False),
    _account(),
    sa.Column("criterion", sa.Text, nullable=False),
    sa.Column("decide", sa.Text, nullable=False),
    sa.Column("otherwise", sa.Text, nullable=False),
    sa.Column("hours", sa.Integer, nullable=False),
    sa.Column("size", BigId, nullable=False),
    sa.Column("is_exact", sa.Boolean, nullable=False),
    sa.Column("lift", sa.Float, nullable=False),
    sa.Column("usual_rate", sa.Float, nullable=False),
    sa.Column("hold_out", BigId, nullable=False, server_default="0"),
    sa.Column("decided_at", Moment),
    sa.Column("how", sa.Text),
    sa.Column("winner_id", BigId, sa.ForeignKey("variants.id")),
    sa.Column("decided_by", sa.Text),
    sa.Column("evidence", Json),
    sa.Column("released_at", Moment),
    sa.CheckConstraint("hours between 1 and 168", name="hours_sane"),
    sa.CheckConstraint("size > 0 and hold_out >= 0", name="sizes_sane"),
    sa.CheckConstraint("(decided_at is null) = (how is null)", name="decided_how"),
    one_of("criterion", Criterion),
    one_of("decide", Decide),
    one_of("otherwise", Otherwise),
    one_of("how", How),
    comment=(
        "The test of a campaign's variants: `size` people get each, `hold_out` nothing, and the rest is held until a"
        " winner is named. `evidence` is what was known then; `released_at`: when nobody was held any more."
    ),
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
    _account_of_many(),
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

bounce_policies = sa.Table(
    "bounce_policies",
    metadata,
    _account(primary_key=True),
    sa.Column("follows", Json, nullable=False),
    sa.Column("recommend_after", sa.Integer, nullable=False),
    sa.Column("within_days", sa.Integer, nullable=False),
    sa.Column("min_campaigns", sa.Integer, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    comment="What follows from a bounce, by class, where an account chose other than the default.",
)

contact_bounces = sa.Table(
    "contact_bounces",
    metadata,
    sa.Column("id", sa.LargeBinary, primary_key=True),
    _account(),
    sa.Column("contact_id", BigId, nullable=False),
    sa.Column("campaign_id", BigId, nullable=False),
    sa.Column("provider", sa.Text),
    sa.Column("bounce_class", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("status", sa.Text),
    sa.Column("smtp_code", sa.Integer),
    sa.Column("rule", sa.Text),
    sa.Column("diagnostic", sa.Text),
    sa.Column("occurred_at", Moment, nullable=False),
    sa.Index("ix_contact_bounces_contact", "account_id", "contact_id", "occurred_at"),
    sa.Index("ix_contact_bounces_class", "account_id", "bounce_class", "occurred_at"),
    one_of("bounce_class", BounceClass),
    sqlite_with_rowid=False,
    comment="Bounces that count for or against a contact, by the id of their event: for policy and re-judgement.",
)

deliveries_since = sa.Table(
    "deliveries_since",
    metadata,
    sa.Column("contact_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("campaign_id", BigId, primary_key=True, autoincrement=False),
    _account(),
    sa.Column("accepted_at", Moment, nullable=False),
    sqlite_with_rowid=False,
    comment="Deliveries to contacts that had bounced before: each starts the count anew, unless it came back too.",
)

reported_complaints = sa.Table(
    "reported_complaints",
    metadata,
    _account(primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("complaints", BigId),
    sa.Column("messages", BigId),
    sa.Column("rate", sa.Float),
    sa.Column("rate_is_below", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("imported_at", Moment, nullable=False),
    sqlite_with_rowid=False,
    comment=(
        "What providers tell in sums (Signal Spam, Postmaster Tools, SNDS), by day and by domain or address: shown"
        " beside our own complaints, never added to them."
    ),
)

joined_loops = sa.Table(
    "joined_loops",
    metadata,
    _account(primary_key=True),
    sa.Column("loop", sa.Text, primary_key=True),
    sa.Column("joined_at", Moment, nullable=False),
    sqlite_with_rowid=False,
    comment="Feedback loops that an account says it has joined, by the id of data/feedback_loops.toml.",
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
    sa.Column("seen_at", Moment, nullable=False),
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
    sa.Column("recovery_s", sa.Float, nullable=False, server_default="200"),
    one_of("channel", Channel),
    comment="What a mailbox provider is given at most, shared by all workers. Row `*` is the default.",
)

provider_paces = sa.Table(
    "provider_paces",
    metadata,
    sa.Column("provider", sa.Text, primary_key=True),
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("connections", sa.Integer),
    sa.Column("per_second", sa.Float),
    sa.Column("wanted", sa.Float),
    sa.Column("changed_at", Moment, nullable=False),
    sa.Column("slowed_at", Moment),
    sa.Column("reason", sa.Text),
    one_of("channel", Channel),
    comment="How far a provider has slowed us down, for all workers: null where it has not. See sillage.domain.pace.",
)

provider_shares = sa.Table(
    "provider_shares",
    metadata,
    sa.Column("provider", sa.Text, primary_key=True),
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("worker_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("connections", sa.Integer, nullable=False),
    sa.Column("per_second", sa.Float),
    sa.Column("sent_per_second", sa.Float, nullable=False, server_default="0"),
    one_of("channel", Channel),
    comment="What part of a provider's row a worker holds. It lives as long as the worker's lease.",
)

quotas = sa.Table(
    "quotas",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("slot", BigId, primary_key=True, autoincrement=False),
    sa.Column("used", BigId, nullable=False, server_default="0"),
    sa.Column("ends_at", Moment, nullable=False),
    comment="How much of a limit is used in a stretch of time: a campaign's minutes, a new domain's days.",
)

warmups = sa.Table(
    "warmups",
    metadata,
    _account(primary_key=True),
    sa.Column("domain", sa.Text, primary_key=True),
    sa.Column("started_on", sa.Integer, nullable=False),
    sa.Column("ended_at", Moment),
    comment="Sending domains that are new: from day `started_on` (since 1970, UTC) their daily caps apply.",
)

domain_providers = sa.Table(
    "domain_providers",
    metadata,
    sa.Column("domain", sa.Text, primary_key=True),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("looked_up_at", Moment, nullable=False),
    comment="Who takes the mail of a domain that is on no list, by its MX. No account's: DNS is everybody's.",
)

contact_sends = sa.Table(
    "contact_sends",
    metadata,
    sa.Column("contact_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
    _account(),
    sa.Column("count", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
    comment="Marketing messages per contact and day (days since 1970, UTC): for the frequency cap.",
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

erasures = sa.Table(
    "erasures",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    _account(),
    sa.Column("contact_id", BigId, nullable=False),
    sa.Column("email", sa.Text),
    sa.Column("phone", sa.Text),
    sa.Column("requested_by", sa.Text, nullable=False),
    sa.Column("requested_at", Moment, nullable=False),
    sa.Column("files_at", Moment),
    sa.Column("rewritten_at", Moment),
    sa.Column("expired_at", Moment),
    sa.Column("done_at", Moment),
    sa.Column("files", Json, nullable=False, server_default="{}"),
    sa.UniqueConstraint("account_id", "contact_id"),
    sa.Index(
        "ix_erasures_open", "id", sqlite_where=sa.text("done_at is null"), postgresql_where=sa.text("done_at is null")
    ),
    sqlite_autoincrement=True,
    comment=(
        "Who is to be erased, from the request to the last file: `email` and `phone` stay until files were looked"
        " through for them, `contact_id` for good, so that what comes late is told apart. `files` counts, by kind."
    ),
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

paused_slices = sa.Table(
    "paused_slices",
    metadata,
    sa.Column("campaign_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("provider", sa.Text, primary_key=True),
    _account(),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sqlite_with_rowid=False,
    comment="Parts of campaigns at one mailbox provider that are paused: the claim leaves them alone.",
)

incidents = sa.Table(
    "incidents",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    _account(),
    sa.Column("campaign_id", BigId, nullable=False),
    sa.Column("provider", sa.Text),
    sa.Column("metric", sa.Text, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("window_name", sa.Text, nullable=False),
    sa.Column("numerator", BigId, nullable=False),
    sa.Column("denominator", BigId, nullable=False),
    sa.Column("value", sa.Float, nullable=False),
    sa.Column("critical_at", sa.Float, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("ended_at", Moment),
    sa.Column("ended_how", sa.Text),
    sa.Index("ix_incidents_campaign", "account_id", "campaign_id"),
    sa.CheckConstraint("action in ('pause', 'pause_slice')", name="action_known"),
    sa.CheckConstraint("ended_how is null or ended_how in ('resumed', 'cancelled')", name="ended_how_known"),
    comment="What the guard stopped, by which figures, and how a person went on.",
)

alert_states = sa.Table(
    "alert_states",
    metadata,
    _account(primary_key=True),
    sa.Column("alert_key", sa.Text, primary_key=True),
    sa.Column("level", sa.Text, nullable=False),
    sa.Column("change", sa.Integer, nullable=False),
    sa.Column("since", Moment, nullable=False),
    sa.Column("seen_at", Moment, nullable=False),
    sa.Column("facts", Json, nullable=False),
    sa.CheckConstraint("level in ('ok', 'warning', 'critical')", name="level_known"),
    comment="Each alert's present level; `change` numbers its changes, of which each is told once.",
)

alert_targets = sa.Table(
    "alert_targets",
    metadata,
    _account(primary_key=True),
    sa.Column("email", sa.Text),
    sa.Column("webhook_url", sa.Text),
    sa.Column("webhook_nonce", sa.Text),
    sa.Column("changed_at", Moment, nullable=False),
    comment="Where an account is told of alerts. The webhook's key is derived from the nonce and kept nowhere.",
)

alert_notices = sa.Table(
    "alert_notices",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    _account(),
    sa.Column("alert_key", sa.Text, nullable=False),
    sa.Column("change", sa.Integer, nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default="due"),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
    sa.Column("due_at", Moment, nullable=False),
    sa.Column("facts", Json, nullable=False),
    sa.Column("error", sa.Text),
    sa.UniqueConstraint("account_id", "alert_key", "change", "target"),
    sa.Index("ix_alert_notices_due", "state", "due_at"),
    sa.CheckConstraint("target in ('email', 'webhook')", name="target_known"),
    sa.CheckConstraint("state in ('due', 'sent', 'failed')", name="state_known"),
    comment="What is to be told: one row per change of an alert and target, so that it can't be told twice.",
)

report_mails = sa.Table(
    "report_mails",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    _account(),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("every", sa.Text, nullable=False),
    sa.Column("weekday", sa.Integer, nullable=False, server_default="0"),
    sa.Column("hour", sa.Integer, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("due_at", Moment, nullable=False),
    sa.Column("tried_at", Moment),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
    sa.Column("error", sa.Text),
    sa.UniqueConstraint("account_id", "email", "every"),
    sa.Index("ix_report_mails_due", "due_at"),
    sa.CheckConstraint("every in ('day', 'week')", name="every_known"),
    sa.CheckConstraint("hour between 0 and 23 and weekday between 0 and 6", name="time_known"),
    comment="Who gets the reports by mail, and when next; `hour` and `weekday` (0: Monday) are local.",
)

users = sa.Table(
    "users",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("email", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("password_at", Moment, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.CheckConstraint("language in ('fr', 'en')", name="language_known"),
    comment="Who may sign in. A user is of the installation; what they may see is said by memberships.",
)

memberships = sa.Table(
    "memberships",
    metadata,
    _account(primary_key=True),
    sa.Column("user_id", BigId, sa.ForeignKey("users.id"), primary_key=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Index("ix_memberships_user", "user_id"),
    one_of("role", Role),
    comment="Which accounts a user works in, and as what.",
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("token_hash", sa.LargeBinary, primary_key=True),
    sa.Column("user_id", BigId, sa.ForeignKey("users.id"), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("seen_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Index("ix_sessions_user", "user_id"),
    comment="Browsers that are signed in. Only the hash of their cookie is kept; wall time, whatever the clock says.",
)

one_time_links = sa.Table(
    "one_time_links",
    metadata,
    sa.Column("token_hash", sa.LargeBinary, primary_key=True),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("account_id", BigId, sa.ForeignKey("accounts.id")),
    sa.Column("user_id", BigId, sa.ForeignKey("users.id")),
    sa.Column("email", sa.Text, nullable=False, server_default=""),
    sa.Column("role", sa.Text),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Column("used_at", Moment),
    sa.Index("ix_one_time_links_account", "account_id"),
    one_of("purpose", LinkPurpose),
    comment="Links that set up, invite or give a new password, once. Only their hash is kept.",
)

sign_in_tries = sa.Table(
    "sign_in_tries",
    metadata,
    sa.Column("key", sa.LargeBinary, primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("last_at", Moment, nullable=False),
    comment="Vain tries to sign in, by keyed hash of the address typed and of the network it came from.",
)

templates = sa.Table(
    "templates",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    _account(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("preheader", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.UniqueConstraint("account_id", "name"),
    one_of("kind", SourceKind),
    comment="Templates of an account's own: saved from a campaign, or taken in from a file.",
)

template_files = sa.Table(
    "template_files",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    _account(),
    sa.Column("template_id", BigId, sa.ForeignKey("templates.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("cid", sa.Text, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Index("ix_template_files_template", "template_id"),
    comment="Pictures that a template shows.",
)

drafts = sa.Table(
    "drafts",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    _account(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False, server_default=""),
    sa.Column("preheader", sa.Text, nullable=False, server_default=""),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("form", Json, nullable=False, server_default="{}"),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    sa.Column("saved_by", BigId),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("saved_at", Moment, nullable=False),
    sa.Index("ix_drafts_account", "account_id", "saved_at"),
    one_of("kind", SourceKind),
    sqlite_autoincrement=True,
    comment="A mail while it is written, with what the form of its campaign holds. `version` grows with each save.",
)

draft_versions = sa.Table(
    "draft_versions",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    _account(),
    sa.Column("draft_id", BigId, sa.ForeignKey("drafts.id"), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("preheader", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("is_aside", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("saved_by", BigId),
    sa.Column("begun_at", Moment, nullable=False),
    sa.Column("saved_at", Moment, nullable=False),
    sa.Index("ix_draft_versions_draft", "account_id", "draft_id", "id"),
    sqlite_autoincrement=True,
    comment="How a draft was, the last of them how it is. One that is aside came too late: another save was first.",
)

seen_segments = sa.Table(
    "seen_segments",
    metadata,
    sa.Column("campaign_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("contact_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, primary_key=True),
    _account(),
    sqlite_with_rowid=False,
    comment="Of the segments that a campaign's content asks for, those that a recipient was in when it was planned.",
)

images = sa.Table(
    "images",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    _account(),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("alt", sa.Text, nullable=False, server_default=""),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.UniqueConstraint("account_id", "sha256"),
    sqlite_autoincrement=True,
    comment="Pictures of an account's mails. `key` stands in their public address and can't be guessed.",
)

brands = sa.Table(
    "brands",
    metadata,
    _account(primary_key=True),
    sa.Column("colours", Json, nullable=False, server_default="[]"),
    sa.Column("text_colour", sa.Text, nullable=False),
    sa.Column("button_colour", sa.Text, nullable=False),
    sa.Column("link_colour", sa.Text, nullable=False),
    sa.Column("font", sa.Text, nullable=False, server_default=""),
    sa.Column("logo_id", BigId, sa.ForeignKey("images.id")),
    sqlite_with_rowid=False,
    comment="How an account's mails look: what the editor offers first.",
)

public_versions = sa.Table(
    "public_versions",
    metadata,
    sa.Column("campaign_id", BigId, sa.ForeignKey("campaigns.id"), primary_key=True, autoincrement=False),
    _account(),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("variant_id", BigId, sa.ForeignKey("variants.id"), nullable=False),
    sa.Column("is_on", sa.Boolean, nullable=False),
    sa.Column("is_listed", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False, server_default=""),
    sa.Column("image_id", BigId, sa.ForeignKey("images.id")),
    sa.Column("created_at", Moment, nullable=False),
    comment=(
        "The version of a campaign's message that everybody may see who has its address; `key` stands in it and can't"
        " be guessed. Switched off, it is gone; `is_listed`: search engines may list it."
    ),
)

approvals = sa.Table(
    "approvals",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    _account(),
    sa.Column("campaign_id", BigId, sa.ForeignKey("campaigns.id"), nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("asked_by", BigId),
    sa.Column("asked_at", Moment, nullable=False),
    sa.Column("decided_by", BigId),
    sa.Column("decided_at", Moment),
    sa.Column("words", sa.Text, nullable=False, server_default=""),
    sa.Index("ix_approvals_campaign", "account_id", "campaign_id", "id"),
    one_of("state", ApprovalState),
    sqlite_autoincrement=True,
    comment=(
        "Requests that a second person approves a campaign, and what became of each. `fingerprint` is of the content,"
        " the audience and the time that were approved: another one, and the approval holds no more."
    ),
)

recurrences = sa.Table(
    "recurrences",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    _account(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("draft_id", BigId, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("grace_s", sa.Integer, nullable=False),
    sa.Column("next_at", Moment),
    sa.Column("created_by", BigId),
    sa.Column("created_at", Moment, nullable=False),
    sa.Index("ix_recurrences_due", "state", "next_at"),
    sa.Index("ix_recurrences_account", "account_id", "name"),
    sa.CheckConstraint("state in ('active', 'paused', 'ended')", name="state_known"),
    sa.CheckConstraint("grace_s between 0 and 604800", name="grace_sane"),
    sqlite_autoincrement=True,
    comment=(
        "Recurring campaigns: `rule` is a cron line on the account's clock, `draft_id` what each time is made of as it"
        " is then, `next_at` the first time that nothing was decided about yet."
    ),
)

occurrences = sa.Table(
    "occurrences",
    metadata,
    sa.Column("recurrence_id", BigId, sa.ForeignKey("recurrences.id"), primary_key=True, autoincrement=False),
    sa.Column("occurs_at", Moment, primary_key=True),
    _account(),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("campaign_id", BigId),
    sa.Column("words", sa.Text, nullable=False, server_default=""),
    sa.Column("noted_at", Moment, nullable=False),
    sa.Index("ix_occurrences_account", "account_id", "occurs_at"),
    sa.CheckConstraint("state in ('made', 'missed', 'failed')", name="state_known"),
    sqlite_with_rowid=False,
    comment="What became of each time of a recurring campaign; the key is why none is made twice.",
)

trial_mails = sa.Table(
    "trial_mails",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    _account(),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("contact_id", BigId),
    sa.Column("asked_by", sa.Text, nullable=False, server_default=""),
    sa.Column("message", sa.LargeBinary),
    sa.Column("state", sa.Text, nullable=False, server_default="due"),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("due_at", Moment, nullable=False),
    sa.Column("error", sa.Text),
    sa.Index("ix_trial_mails_due", "state", "due_at"),
    sa.Index("ix_trial_mails_account", "account_id", "id"),
    sa.CheckConstraint("state in ('due', 'sent', 'failed')", name="state_known"),
    sqlite_autoincrement=True,
    comment=(
        "Mails of a campaign on their way to colleagues, for a look: part of no figure. `message` goes once it is"
        " settled, and the row a week later; `contact_id` is whose data it was filled with."
    ),
)
