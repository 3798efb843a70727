"""The way in: sign-in, one-time links, forms and cookies, and the guard before everything else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from dashboards.front import guard
from dashboards.front.cookies import Cookies
from dashboards.front.guard import Guard
from dashboards.front.routes import Routes
from sillage.access import Door, Links
from sillage.clock import Clock
from sillage.commands.up import say_first_link
from sillage.domain.sign_in import LINK_LIFE, SESSION_IDLE, SESSION_LIFE, LinkPurpose, Role
from sillage.settings import Settings
from sillage.store import accounts, sessions, users
from sillage.store.database import Store
from sillage.store.tables import one_time_links, sign_in_tries
from sillage.store.tables import users as users_table

PASSWORD = "four calm words more"
HTML = {"accept": "text/html"}


class Time(Clock):
    """Wall time that a test can push."""

    ahead = timedelta(0)

    def now(self):
        return Clock().now() + Time.ahead


class Site:
    """The way in with a page behind it, in the place of Streamlit."""

    def __init__(self, settings: Settings, store: Store) -> None:
        Time.ahead = timedelta(0)
        self.settings, self.store = settings, store
        self.door = Door(store, settings.secret.get_secret_value(), Time())
        self.links = Links(store, settings, self.door)
        self.cookies = Cookies(settings)
        routes = Routes(settings, self.door, self.links, self.cookies).routes
        self.app = Starlette(
            routes=[*routes, WebSocketRoute("/_stcore/stream", _stream), Route("/{path:path}", _inside)],
            middleware=[Middleware(Guard, door=self.door, cookies=self.cookies)],
        )

    def client(self, address: str = "10.0.0.1") -> TestClient:
        base = self.settings.pages_url if self.settings.dashboards_url else "http://testserver"
        return TestClient(self.app, base_url=base, client=(address, 50_000), follow_redirects=False, headers=HTML)

    def owner(self) -> TestClient:
        """Somebody who has set the installation up, and is in."""
        client = self.client()
        done = post(client, path(self.links.set_up()), account_name="Maison", name="Ada", email="ada@maison.example")
        assert done.status_code == 303
        return client


async def _inside(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("inside")


async def _stream(socket: WebSocket) -> None:
    await socket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            await socket.send_text(await socket.receive_text())


def path(link: str | None) -> str:
    assert link is not None
    return "/" + link.split("/", 3)[3]


def post(client: TestClient, address: str, **fields: str):
    """Look at a page and send its form, as a browser does."""
    shown = client.get(address)
    token = re.search(r'name="form" value="([^"]+)"', shown.text)
    assert token is not None, shown.text
    return client.post(address, data={"form": token.group(1), "password": PASSWORD, **fields})


def sign_in(client: TestClient, email: str = "ada@maison.example", password: str = PASSWORD, **fields: str):
    return post(client, "/sign-in", email=email, password=password, **fields)


@pytest.fixture
def site(settings: Settings, any_store: Store) -> Iterator[Site]:
    """An installation that nobody has set up yet, on both engines."""
    return Site(settings, any_store)


def test_owner_comes_in_by_the_first_link_once(site: Site):
    """The first link makes the owner and the account; then it, and every other link to set up, leads nowhere."""
    link = path(site.links.set_up())
    client = site.client()
    assert client.get(link).status_code == 200
    done = post(client, link, account_name="Maison Sillage", name="Ada", email="Ada@Maison.example")
    assert (done.status_code, done.headers["location"]) == (303, "/")
    assert client.get("/").text == "inside"
    with site.store.read() as conn:
        assert [m.role for m in users.members_of(conn, accounts.by_slug(conn, "maison-sillage").id)] == [Role.OWNER]
    assert client.get(link).status_code == 404
    assert site.links.set_up() is None


def test_owner_gets_the_accounts_that_nobody_owns(site: Site):
    """Where accounts were made on the command line, the first owner owns them and makes none."""
    with site.store.write() as conn:
        accounts.create(conn, "demo", "Demo", created_at=site.door.now())
    client = site.client()
    link = path(site.links.set_up())
    assert "account_name" not in client.get(link).text
    post(client, link, name="Ada", email="ada@maison.example")
    with site.store.read() as conn:
        user = users.by_email(conn, "ada@maison.example")
        assert user is not None
        assert [m.slug for m in users.accounts_of(conn, user.id)] == ["demo"]


def test_secrets_are_kept_as_hashes_only(site: Site):
    """Neither a password nor a link's or session's token stands in ops."""
    link = path(site.links.set_up())
    with site.store.read() as conn:
        kept = str(conn.execute(one_time_links.select()).all())
    assert link.rsplit("/", 1)[1] not in kept
    client = site.owner()
    with site.store.read() as conn:
        held = conn.execute(users_table.select()).one()
        user = users.by_id(conn, held.id)
        found = sessions.find(conn, b"x")
    assert found is None
    assert user.password_hash.startswith("$argon2id$")
    assert PASSWORD not in str(held)
    assert client.cookies["sillage"] not in str(held)


@pytest.mark.parametrize("address", ["/", "/report?campaign=3", "/_stcore/../report", "/sign-in/", "/set-up/a/b"])
def test_guest_is_led_to_the_sign_in_page(site: Site, address: str):
    """Who is not signed in sees nothing of the pages, and gets back to what they wanted."""
    answer = site.client().get(address)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")
    if "report?" in address:
        assert answer.headers["location"] == "/sign-in?next=%2Freport%3Fcampaign%3D3"


@pytest.mark.parametrize("address", ["/_stcore/host-config", "/media/x", "/_stcore/upload_file/a/b", "/metrics"])
def test_guest_gets_no_part_of_a_page(site: Site, address: str):
    """What a page fetches is refused without words; only the health check is open."""
    client = site.client()
    assert client.get(address, headers={"accept": "*/*"}).status_code == 401
    assert client.put(address).status_code == 401
    assert client.get("/_stcore/health", headers={"accept": "*/*"}).status_code == 200


def test_guest_gets_no_websocket(site: Site):
    """The websocket, by which pages are drawn, is refused before it is accepted; a signed-in browser has it."""
    with pytest.raises(WebSocketDisconnect), site.client().websocket_connect("/_stcore/stream"):
        pass
    with site.owner().websocket_connect("/_stcore/stream") as socket:
        socket.send_text("hello")
        assert socket.receive_text() == "hello"


def test_websocket_closes_when_its_session_has_ended(site: Site, monkeypatch: pytest.MonkeyPatch):
    """An open websocket does not outlive its session for long."""
    monkeypatch.setattr(guard, "ASKED_EVERY_S", 0.0)
    monkeypatch.setattr(guard, "GRACE_S", 0.0)
    client = site.owner()
    with client.websocket_connect("/_stcore/stream") as socket:
        site.door.sign_out(client.cookies["sillage"])
        socket.send_text("still there?")
        with pytest.raises(WebSocketDisconnect):
            socket.receive_text()


def test_signing_in_makes_a_new_session_and_keeps_the_deep_link(site: Site):
    """The session's id is another one after signing in, the old one is over, and one lands where one wanted to."""
    client = site.owner()
    first = client.cookies["sillage"]
    post(client, "/sign-out")
    assert not site.door.is_in(first)
    assert client.get("/").status_code == 303
    client.cookies.set("sillage", "planted")
    done = sign_in(client, next="/report?campaign=3")
    assert done.headers["location"] == "/report?campaign=3"
    held = re.search(r"sillage=([^;]+)", done.headers["set-cookie"])
    assert held is not None
    assert held.group(1) not in {"planted", first}
    assert site.door.is_in(held.group(1))


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:1", "/a\r\nb"]
)
def test_no_other_site_is_gone_to(site: Site, wanted: str):
    """Whatever the address asks for, signing in leads to a page of ours."""
    client = site.owner()
    post(client, "/sign-out")
    assert sign_in(client, next=wanted).headers["location"] == "/"


def test_cookie_is_kept_from_scripts_and_other_sites(settings: Settings, store: Store):
    """HttpOnly and SameSite always; with a public https address Secure and bound to the host, too."""
    done = sign_in_of_new_owner(Site(settings, store))
    assert "HttpOnly" in done
    assert "SameSite=lax" in done
    assert "Secure" not in done
    secure = settings.model_copy(update={"dashboards_url": "https://pages.maison.example"})
    with store.write() as conn:
        for table in ("memberships", "sessions", "users"):
            conn.exec_driver_sql(f"delete from {table}")
    done = sign_in_of_new_owner(Site(secure, store))
    assert done.startswith("__Host-sillage=")
    assert "Secure" in done
    assert "Path=/" in done


def sign_in_of_new_owner(site: Site) -> str:
    link = path(site.links.set_up())
    done = post(site.client(), link, account_name="Maison", name="Ada", email="ada@maison.example")
    assert done.status_code == 303, done.text
    return done.headers["set-cookie"]


@pytest.mark.parametrize("address", ["/sign-in", "/sign-out", "/me"])
def test_post_without_the_forms_token_changes_nothing(site: Site, address: str):
    """A POST that no form of ours was drawn for is refused, and so is one that another site sends."""
    client = site.owner()
    token = client.cookies["sillage"]
    fields = {"email": "ada@maison.example", "password": PASSWORD + "!", "old": PASSWORD}
    assert client.post(address, data=fields).status_code == 400
    assert client.post(address, data={**fields, "form": "0" * 48}).status_code == 400
    shown = re.search(r'name="form" value="([^"]+)"', client.get("/me").text)
    assert shown is not None
    stolen = {**fields, "form": shown.group(1)}
    assert client.post(address, data=stolen, headers={"origin": "https://evil.example"}).status_code == 400
    assert client.post(address, content="x" * 50_000, headers={"content-type": "application/x-www-form-urlencoded"}
                       ).status_code == 400  # fmt: skip
    assert site.door.is_in(token)
    assert site.door.sign_in("ada@maison.example", PASSWORD, address="::1").token


def test_looking_changes_nothing(site: Site):
    """GET and HEAD of every page of the way in leave the link open and the session as it is."""
    link = path(site.links.set_up())
    for _ in range(3):
        site.client().get(link)
        site.client().head(link)
    client = site.owner()
    for address in ("/sign-out", "/me", "/sign-in"):
        client.get(address)
        client.head(address)
    assert client.get("/").text == "inside"


def test_unknown_and_wrong_get_the_same_answer(site: Site):
    """Nothing tells whether an address signs in here; the hash is computed for both."""
    client = site.owner()
    post(client, "/sign-out")
    answers = [sign_in(client, email, "some other words") for email in ("ada@maison.example", "eve@maison.example")]
    assert [a.status_code for a in answers] == [401, 401]
    same = [re.sub(r'value="[^"]*"', "", a.text) for a in answers]
    assert same[0] == same[1]


def test_guessing_is_slowed_down_by_person_and_by_network(site: Site):
    """After some tries the next one has to wait, even with the right password; another person is not held up."""
    site.owner()
    guesser = "198.51.100.7"
    for _ in range(5):
        assert site.door.sign_in("ada@maison.example", "wrong words again", address=guesser).outcome == "wrong"
    assert site.door.sign_in("ada@maison.example", PASSWORD, address="203.0.113.9").outcome == "wait"
    assert sign_in(site.client("203.0.113.9")).status_code == 429
    for number in range(20):
        site.door.sign_in(f"u{number}@maison.example", "", address="2001:db8::1")
    assert site.door.sign_in("new@maison.example", "", address="2001:db8::2").outcome == "wait"
    assert site.door.sign_in("new@maison.example", "", address="2001:db8:1::2").outcome == "wrong"
    Time.ahead = timedelta(hours=25)
    assert site.door.sign_in("ada@maison.example", PASSWORD, address=guesser).outcome == "in"


def test_strangers_can_not_keep_a_known_browser_out(site: Site):
    """Whoever tries a person's address from outside does not slow the browser that this person signs in with."""
    site.owner()
    known = site.door.sign_in("ada@maison.example", PASSWORD, address="192.0.2.1").device
    for _ in range(6):
        site.door.sign_in("ada@maison.example", "wrong words again", address="198.51.100.7")
    assert site.door.sign_in("ada@maison.example", PASSWORD, address="192.0.2.1").outcome == "wait"
    assert site.door.sign_in("ada@maison.example", PASSWORD, address="192.0.2.1", device=known).outcome == "in"
    assert site.door.sign_in("ada@maison.example", PASSWORD, address="192.0.2.1", device="a.b").outcome == "wait"


def test_tries_are_kept_without_the_address(site: Site):
    """What counts tries is a keyed hash: no e-mail address stands in it."""
    site.door.sign_in("ada@maison.example", "wrong words again", address="192.0.2.1")
    with site.store.read() as conn:
        rows = conn.execute(sign_in_tries.select()).all()
    assert len(rows) == 2
    assert all(len(row.key) == 16 for row in rows)


def test_changing_the_password_ends_all_sessions(site: Site):
    """Every browser is signed out but the one that changed it, and that one has a new session."""
    client = site.owner()
    elsewhere = site.door.sign_in("ada@maison.example", PASSWORD, address="192.0.2.1").token
    before = client.cookies["sillage"]
    wrong = post(client, "/me", old="not the one I have", password="another four calm words")
    assert wrong.status_code == 400
    assert site.door.is_in(elsewhere)
    assert post(client, "/me", old=PASSWORD, password="another four calm words").status_code == 303
    assert not site.door.is_in(elsewhere)
    assert not site.door.is_in(before)
    assert client.get("/").text == "inside"
    assert site.door.sign_in("ada@maison.example", PASSWORD, address="192.0.2.1").outcome == "wrong"


@pytest.mark.parametrize("password", ["short", "x" * 201, "ababababababab", "ada@maison.example"])
def test_password_that_will_not_do_is_said(site: Site, password: str):
    """A short, endless, monotonous or own-address password makes no user, and the link stays open."""
    link = path(site.links.set_up())
    client = site.client()
    answer = post(client, link, account_name="Maison", name="Ada", email="ada@maison.example", password=password)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert 'id="password" name="password" type="password" value=""' in answer.text
    assert client.get(link).status_code == 200


def test_session_ends_by_idling_and_by_age(site: Site):
    """A browser that is left alone is signed out, and one that is used all the time is in the end, too."""
    token = site.owner().cookies["sillage"]
    Time.ahead = SESSION_IDLE - timedelta(minutes=1)
    assert site.door.is_in(token)
    site.door.touch(token)
    Time.ahead = 2 * SESSION_IDLE - timedelta(minutes=10)
    assert site.door.is_in(token)
    Time.ahead = 2 * SESSION_IDLE
    assert not site.door.is_in(token)
    Time.ahead = timedelta(0)
    token = site.door.sign_in("ada@maison.example", PASSWORD, address="192.0.2.1").token
    hours = 0
    while timedelta(hours=hours) < SESSION_LIFE:
        Time.ahead = timedelta(hours=hours)
        site.door.touch(token)
        hours += 6
    Time.ahead = SESSION_LIFE
    assert not site.door.is_in(token)


def test_invited_colleague_comes_in_once(site: Site):
    """An invitation lets one person in, as what they were invited as; withdrawn, used or old it leads nowhere."""
    site.owner()
    with site.store.read() as conn:
        account = accounts.only_account(conn)
    link = path(site.links.invite(account.id, "Bo@Maison.example", Role.MEMBER))
    client = site.client()
    assert "bo@maison.example" in client.get(link).text
    assert post(client, link, name="Bo").status_code == 303
    assert client.get("/").text == "inside"
    assert site.client().get(link).status_code == 404
    with site.store.read() as conn:
        assert {m.email: m.role for m in users.members_of(conn, account.id)} == {
            "ada@maison.example": Role.OWNER, "bo@maison.example": Role.MEMBER,
        }  # fmt: skip
    older = path(site.links.invite(account.id, "cy@maison.example", Role.MEMBER))
    newer = path(site.links.invite(account.id, "cy@maison.example", Role.MEMBER))
    assert site.client().get(older).status_code == 404
    with site.store.write() as conn:
        (open_one,) = sessions.invitations(conn, account.id, now=site.door.now())
        sessions.withdraw(conn, account.id, open_one.token_hash)
    assert site.client().get(newer).status_code == 404
    last = path(site.links.invite(account.id, "cy@maison.example", Role.MEMBER))
    Time.ahead = LINK_LIFE[LinkPurpose.INVITATION]
    assert site.client().get(last).status_code == 404


def test_who_has_a_password_joins_another_account_with_it(site: Site):
    """An invitation to a known address asks for its password, so that the link alone opens nothing of theirs."""
    site.owner()
    with site.store.write() as conn:
        other = accounts.create(conn, "other", "Other", created_at=site.door.now())
    link = path(site.links.invite(other.id, "ada@maison.example", Role.MEMBER))
    client = site.client()
    assert post(client, link, password="not the one I have").status_code == 400
    assert post(client, link).status_code == 303
    with site.store.read() as conn:
        user = users.by_email(conn, "ada@maison.example")
        assert user is not None
        assert {m.slug for m in users.accounts_of(conn, user.id)} == {"maison", "other"}


def test_lost_password_is_replaced_by_a_link_of_the_operator(site: Site):
    """The link works once, signs everybody else out, and the old password opens nothing any more."""
    before = site.owner().cookies["sillage"]
    link = path(site.links.new_password("ada@maison.example"))
    client = site.client()
    assert post(client, link, password="another four calm words").status_code == 303
    assert not site.door.is_in(before)
    assert client.get("/").text == "inside"
    assert site.client().get(link).status_code == 404


@pytest.mark.parametrize("kind", ["set-up", "invitation", "password"])
def test_guessed_link_gets_one_answer(site: Site, kind: str):
    """An unknown link, and one of another kind, get the same page as one that was used up."""
    link = path(site.links.set_up()).rsplit("/", 1)[1]
    unknown = site.client().get(f"/{kind}/{'A' * 43}")
    assert unknown.status_code == 404
    if kind != "set-up":
        assert site.client().get(f"/{kind}/{link}").text == unknown.text


@pytest.mark.parametrize("language", ["fr", "en"])
def test_way_in_speaks_the_browsers_language(site: Site, language: str):
    """A page is drawn in the language that the browser asks for, runs no script, and is told to nobody else."""
    answer = site.client().get("/sign-in", headers={"accept-language": f"{language}-CA,de;q=0.5"})
    assert f'<html lang="{language}">' in answer.text
    assert "<script" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


def test_page_that_fails_shows_a_number_and_no_trace(site: Site, monkeypatch: pytest.MonkeyPatch):
    """Whatever goes wrong, a person reads words and a number that the log has too."""

    def broken(*_args: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(site.links, "open_link", broken)
    answer = site.client().get(f"/set-up/{'A' * 43}")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert re.search(r"\b[0-9a-f]{8}\b", answer.text)


def test_first_start_prints_the_owners_link_and_later_ones_do_not(site: Site, capsys: pytest.CaptureFixture[str]):
    """While nobody can sign in, the console shows a link that works; once somebody can, nothing is printed."""
    say_first_link(site.settings, site.store)
    link = re.search(r"http://\S+", capsys.readouterr().out)
    assert link is not None
    done = post(site.client(), path(link.group()), account_name="Maison", name="Ada", email="ada@maison.example")
    assert done.status_code == 303
    say_first_link(site.settings, site.store)
    assert "/set-up/" not in capsys.readouterr().out


def test_last_owner_can_not_leave(site: Site):
    """An account keeps an owner."""
    site.owner()
    with site.store.write() as conn:
        account = accounts.only_account(conn)
        (owner,) = users.members_of(conn, account.id)
        with pytest.raises(Exception, match="last owner"):
            users.leave(conn, account.id, owner.user_id)
