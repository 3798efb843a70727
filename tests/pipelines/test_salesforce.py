"""People out of Salesforce, against a server that speaks its API: whole or not at all, and never twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from pipelines.installation import Installation
from sillage.domain.consent import Channel
from sillage.errors import BadInput, TransientError
from sillage.ingest import salesforce
from sillage.ingest.salesforce import PullReport, read_mappings
from sillage.settings import Settings
from sillage.store import files, groups, standing
from sillage.store.tables import contacts, pull_cursors
from tests.pipelines.salesforce_server import CLIENT_ID, CLIENT_SECRET, Org, serving
from tests.world import World

MAPPINGS = read_mappings(Settings.model_fields["salesforce_mapping"].default)


@pytest.fixture
def org(tmp_path: Path) -> Iterator[Org]:
    """An org with five contacts, one of whom opted out."""
    with serving(tmp_path) as found:
        found.records["Contact"] = [person(n) for n in range(1, 6)]
        found.records["Contact"][2]["HasOptedOutOfEmail"] = True
        yield found


@pytest.fixture
def world(home: World, org: Org) -> World:
    """The installation, told where the org is."""
    home.settings = home.settings.model_copy(update={
        "salesforce_url": org.url, "salesforce_client_id": CLIENT_ID, "salesforce_account": "maison",
        "salesforce_client_secret": SecretStr(CLIENT_SECRET), "salesforce_ca": org.ca,
    })  # fmt: skip
    return home


def person(number: int, **changes: Any) -> dict[str, Any]:
    """A record of the object Contact."""
    return {
        "Id": f"003{number}", "Email": f"Ada{number}@Shop.example", "FirstName": "Ada", "LastName": f"L, {number}",
        "MailingCity": 'Le "Port"\nBrest', "HasOptedOutOfEmail": False, "Birthdate": "1980-02-29",
        "SystemModstamp": f"2026-11-2{number}T10:00:00.000+0000", **changes,
    }  # fmt: skip


def pull(world: World, name: str = "Contact", **how: Any) -> PullReport:
    """One pull of one object."""
    connection = salesforce.connect(world.settings, pause_s=0.01)
    how = {"poll_s": 0.0, **how}
    return salesforce.pull(world.store, world.settings, world.id, connection, MAPPINGS[name], **how)


def emails(world: World) -> set[str]:
    with world.store.read() as conn:
        return set(conn.execute(sa.select(contacts.c.email)).scalars())


def positions(world: World) -> list[str]:
    with world.store.read() as conn:
        return list(conn.execute(sa.select(pull_cursors.c.position)).scalars())


ALL = {f"ada{n}@shop.example" for n in range(1, 6)}


@pytest.mark.parametrize("bulk_from", [1, 1_000])
def test_pull_brings_people_with_their_fields_and_their_opt_out(world: World, org: Org, bulk_from: int) -> None:
    """By pages and by a job of the Bulk API: the same people, in a group, by the import that files go through."""
    report = pull(world, bulk_from=bulk_from)
    assert (report.records, report.accepted, report.by_bulk) == (5, 5, bulk_from == 1)
    assert emails(world) == ALL
    with world.store.read() as conn:
        third = conn.execute(sa.select(contacts).where(contacts.c.email == "ada3@shop.example")).one()
        said = standing.explain(conn, world.id, third.id, Channel.EMAIL, world.now)
        assert [(g.name, g.size) for g in groups.listed(conn, world.id)] == [("Salesforce contacts", 5)]
        assert [f.kind for f in files.listed(conn, world.id)] == ["import_original"]
    assert (third.first_name, third.last_name, third.birthday) == ("Ada", "L, 3", "1980-02-29")
    assert third.custom == {"Salesforce contact id": "0033"}
    assert said.reasons == ["unsubscribed"]
    assert list(world.settings.files_dir.glob("salesforce/*/*")) == []


def test_second_pull_asks_for_what_changed_and_changes_nothing_twice(world: World, org: Org) -> None:
    """It begins a little before the newest stamp; an opt-out that came since is a withdrawal."""
    pull(world)
    org.records["Contact"][0] |= {"HasOptedOutOfEmail": True, "SystemModstamp": "2026-11-25T11:00:00.000+0000"}
    report = pull(world)
    assert org.queries[-1].endswith("WHERE SystemModstamp >= 2026-11-25T09:50:00Z ORDER BY SystemModstamp")
    counts = report.imports["Salesforce contacts"].counts
    assert (report.records, counts.updated, counts.unchanged) == (2, 1, 1)
    again = pull(world)
    assert [one.counts.updated for one in again.imports.values()] == [0]
    assert len(positions(world)) == 1


def test_members_come_into_a_group_for_each_campaign(world: World, org: Org) -> None:
    """The campaign's name is a field of its parent record, in pages and in jobs."""
    org.records["CampaignMember"] = [
        {"Email": f"m{n}@shop.example", "Campaign.Name": f"Salon {n % 2}", "HasOptedOutOfEmail": False,
         "SystemModstamp": f"2026-11-2{n}T10:00:00.000+0000"}
        for n in range(1, 6)
    ]  # fmt: skip
    for bulk_from in (1_000, 1):
        pull(world, "CampaignMember", bulk_from=bulk_from)
        with world.store.read() as conn:
            sizes = {g.name: g.size for g in groups.listed(conn, world.id)}
        assert sizes == {"Salesforce: Salon 0": 2, "Salesforce: Salon 1": 3}


def test_busy_org_is_asked_again(world: World, org: Org) -> None:
    """Three times 503 with Retry-After, and then it goes on."""
    connection = salesforce.connect(world.settings, pause_s=0.01)
    org.busy = 3
    assert salesforce.pull(world.store, world.settings, world.id, connection, MAPPINGS["Contact"]).accepted == 5


@pytest.mark.parametrize("bulk_from", [1, 1_000])
def test_expired_token_is_replaced_on_the_way(world: World, org: Org, bulk_from: int) -> None:
    """A token good for two requests: new ones are asked for in the middle of the pages, and nobody is missing."""
    org.expires_after = 2
    assert pull(world, bulk_from=bulk_from).accepted == 5
    assert org.tokens > 1
    assert emails(world) == ALL


@pytest.mark.parametrize("fault", [{"cut_page": 1}, {"lying_page": 1}, {"busy": 99}, {"is_out_of_requests": True}])
def test_pull_that_broke_imports_nothing_and_is_made_again(world: World, org: Org, fault: dict[str, Any]) -> None:
    """A page cut in the middle, a page that lacks a record, an org that stays busy, a day's requests used up."""
    connection = salesforce.connect(world.settings, pause_s=0.001)
    for name, value in fault.items():
        setattr(org, name, value)
    how: dict[str, Any] = {"bulk_from": 1, "poll_s": 0.0}
    with pytest.raises(TransientError):
        salesforce.pull(world.store, world.settings, world.id, connection, MAPPINGS["Contact"], **how)
    assert (emails(world), positions(world)) == (set(), [])
    with world.store.read() as conn:
        assert files.listed(conn, world.id) == []
    org.cut_page = org.lying_page = None
    org.busy, org.is_out_of_requests = 0, False
    assert pull(world, bulk_from=1).accepted == 5


def test_refused_query_and_wrong_secret_are_said(world: World, org: Org) -> None:
    """What asking again does not mend names what to look at."""
    org.job_fails = True
    with pytest.raises(BadInput, match="no such column"):
        pull(world, bulk_from=1)
    world.settings = world.settings.model_copy(update={"salesforce_client_secret": SecretStr("wrong")})
    with pytest.raises(BadInput, match="invalid client credentials"):
        pull(world)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[Contact]\n[Contact.fields]\n'Email FROM User' = 'email'", "no field's name"),
        ("[Contact]\n[Contact.fields]\nName = 'last_name'", "email or phone"),
        ("nonsense", "can't be read"),
    ],
)
def test_mapping_that_is_wrong_names_its_place(tmp_path: Path, text: str, said: str) -> None:
    """No SOQL comes in by the mapping, and a mapping without an address is refused."""
    file = tmp_path / "mapping.toml"
    file.write_text(text)
    with pytest.raises(BadInput, match=said):
        read_mappings(file)


def test_asset_pulls_and_shows_what_became_of_the_records(
    world: World, org: Org, defs: dg.Definitions, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The asset as Dagster runs it, by the settings of the environment."""
    monkeypatch.setenv("SILLAGE_SALESFORCE_URL", org.url)
    monkeypatch.setenv("SILLAGE_SALESFORCE_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("SILLAGE_SALESFORCE_CLIENT_SECRET", CLIENT_SECRET)
    monkeypatch.setenv("SILLAGE_SALESFORCE_ACCOUNT", "maison")
    monkeypatch.setenv("SILLAGE_SALESFORCE_CA", org.ca)
    org.records["Lead"] = [{"Id": "00Q1", "Email": "lead@shop.example", "SystemModstamp": "2026-11-20T10:00:00.000Z"}]
    job = defs.resolve_job_def("pull_salesforce")
    result = job.execute_in_process(instance=instance)
    assert result.success
    seen = {
        event.asset_key.path[-1]: event.materialization.metadata["new"].value
        for event in result.get_asset_materialization_events()
        if event.asset_key is not None
    }
    assert seen == {"contacts": 5, "leads": 1, "campaign_members": 0}


def test_schedule_skips_where_no_org_is_set(
    home: World, defs: dg.Definitions, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says which setting is missing; with it, a run is asked for."""
    schedule = defs.resolve_schedule_def("salesforce_each_hour")
    resources = {"installation": Installation()}
    with dg.build_schedule_context(instance=instance, resources=resources) as context:
        said = schedule.evaluate_tick(context)
        assert "SILLAGE_SALESFORCE_URL" in str(said.skip_message)
        monkeypatch.setenv("SILLAGE_SALESFORCE_URL", "https://org.example")
        assert len(schedule.evaluate_tick(context).run_requests or []) == 1
