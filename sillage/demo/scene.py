"""The scene of a demo: an account, its contacts, its segments, and a campaign that is due now."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from sillage.campaign.create import CampaignSpec, SenderSpec, VariantSpec, create_campaign, read_folder
from sillage.campaign.plan import Plan, plan_campaign
from sillage.campaign.schedule import schedule
from sillage.domain.consent import Channel
from sillage.domain.ids import AccountId, CampaignId
from sillage.domain.segment import parse_tree
from sillage.errors import BadInput
from sillage.ingest import ImportOptions, import_file
from sillage.settings import ROOT, Settings
from sillage.store import accounts, campaigns, rates, segments
from sillage.store.database import Store
from sillage.store.migrate import upgrade

CAMPAIGN_FOLDER = ROOT / "data" / "demo" / "campaign"
GROUP = "Newsletter"
RECOVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Scene:
    """What was set up."""

    account_id: AccountId
    campaign_id: CampaignId


def fresh(settings: Settings) -> Store:
    """An empty data directory, and ops in it.

    Raises: BadInput where the directory holds something that no demo made.
    """
    mark = settings.data_dir / "made-by-demo"
    if settings.data_dir.exists() and not settings.data_dir.is_dir():
        raise BadInput(f"{settings.data_dir} is a file, no directory; name another", code="not_directory")
    if settings.data_dir.exists() and any(settings.data_dir.iterdir()):
        if not mark.exists():
            raise BadInput(f"{settings.data_dir} is not empty, and no demo made it; name another", code="not_empty")
        shutil.rmtree(settings.data_dir)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    mark.touch()
    store = Store(settings.database_url)
    upgrade(store)
    # The post office says "slower" by chance, not because we are fast: its word is heeded, and soon forgotten.
    with store.write() as conn:
        ceiling = replace(rates.load(conn, channel=Channel.EMAIL)[rates.EVERYBODY], recovery_s=RECOVERY_S)
        rates.set_rate(conn, rates.EVERYBODY, ceiling, channel=Channel.EMAIL)
    return store


def set_up(store: Store, settings: Settings, contacts: Path, arms: list[str] | None) -> Scene:
    """Make the account, import the contacts, save segments, write and schedule the campaign.

    `arms`: where given, each value of the contacts' field `segment` gets a variant of its own, as in an experiment
    that somebody else ran; else the demo's own campaign is split in two shares.
    """
    now = settings.clock.now()
    with store.write() as conn:
        account = accounts.create(
            conn,
            "demo",
            "Maison Sillage",
            created_at=now,
            legal_name="Maison Sillage SAS",
            postal_address="1 quai du Port, 29200 Brest",
        )
        campaigns.add_sender(
            conn,
            account.id,
            "Maison Sillage",
            "news@maison-sillage.example",
            now=now,
            reply_to="hello@maison-sillage.example",
            verified_at=now,
        )
    import_file(store, settings, account.id, contacts, group=GROUP, options=ImportOptions())
    trees: dict[str, object] = {
        "Newsletter readers": {"kind": "group", "name": GROUP},
        "Staff": {"kind": "field", "field": "email", "op": "contains", "value": "@maison-sillage.example"},
        "Without a first name": {"kind": "field", "field": "first_name", "op": "empty"},
    }
    for arm in arms or []:
        trees[arm] = {"kind": "field", "field": "segment", "op": "equals", "value": arm}
    spec = _of_arms(arms) if arms else read_folder(CAMPAIGN_FOLDER)
    with store.write() as conn:
        for name, tree in trees.items():
            segments.save(conn, account.id, name, parse_tree(tree), now=now)
        campaign_id = create_campaign(conn, settings, account, spec, now=now)
        schedule(conn, account.id, campaign_id, send_at=now)
    return Scene(account.id, campaign_id)


def plan(store: Store, settings: Settings, scene: Scene) -> Plan:
    """Plan the campaign, as Dagster would."""
    return plan_campaign(store, settings, scene.account_id, scene.campaign_id)


def _of_arms(arms: list[str]) -> CampaignSpec:
    sources = [(CAMPAIGN_FOLDER / name).read_text("utf-8") for name in ("a.mjml", "b.mjml")]
    return CampaignSpec(
        name="Experiment",
        sender=SenderSpec(name="Maison Sillage", email="news@maison-sillage.example"),
        include=arms,
        variants=[
            VariantSpec(name=arm, segment=arm, subject=arm, mjml=sources[number % 2]) for number, arm in enumerate(arms)
        ],
    )
