"""The editor in a real browser, on a running server: dragged, typed, undone, saved by itself, and with two writers."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pages_world import Home, new_home, patient
from PIL import Image
from playwright.sync_api import Browser, FrameLocator, Locator, Page, expect, sync_playwright
from screenshots import ARGS, CHROMIUM, served

from sillage.domain.campaign import CampaignState, SourceKind
from sillage.domain.ids import AccountId
from sillage.domain.sign_in import Role
from sillage.store import campaigns, drafts, images
from sillage.store.drafts import DraftMail, Written

MJML = (
    '<mjml><mj-head><mj-attributes><mj-all font-family="Georgia" /></mj-attributes></mj-head><mj-body>'
    '<mj-section background-color="#ffffff"><mj-column><mj-text font-size="20px">The first words</mj-text>'
    "<mj-text>The second words</mj-text></mj-column></mj-section>"
    "<mj-section><mj-column><mj-table><tr><td>A table</td></tr></mj-table></mj-column></mj-section></mj-body></mjml>"
)
HOSTILE = (
    "<mjml><mj-body><mj-section><mj-column><mj-text>Safe<img src=x onerror=\"parent.document.title='owned'\">"
    "<script>parent.document.title='owned'</script><svg onload=\"parent.document.title='owned'\"></svg></mj-text>"
    "<mj-raw><script>parent.document.title='owned'</script><img src=x onerror=\"top.document.title='owned'\"></mj-raw>"
    '<mj-image src="x" alt="&quot;&gt;&lt;img src=x onerror=top.document.title=`owned`&gt;" />'
    "<mj-button href=\"javascript:top.document.title='owned'\">Press</mj-button></mj-column></mj-section>"
    "<mj-raw><iframe srcdoc=\"<script>top.document.title='owned'</script>\"></iframe></mj-raw></mj-body></mjml>"
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="chromium is not installed"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """One account with a sender and a segment, and nothing sent yet."""
    made = new_home(tmp_path_factory.mktemp("editor"))
    made.account("maison", "Maison", people=3)
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def address(home: Home) -> Iterator[str]:
    """The pages, served as `sillage up` serves them."""
    with served(home) as found:
        yield found


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield browser
        browser.close()


def _begin(home: Home, body: str = MJML, name: str = "Draft") -> int:
    with home.store.write() as conn:
        written = Written(SourceKind.MJML, body, "Hello", "")
        return drafts.create(conn, AccountId(1), name, written, by=None, now=home.settings.clock.now()).id


def _now(home: Home, draft: int) -> DraftMail:
    with home.store.read() as conn:
        return drafts.get(conn, AccountId(1), draft)


def _soon(home: Home, draft: int, text: str, *, there: bool = True) -> str:
    """The body, once it holds a text (or holds it no more)."""
    deadline = time.monotonic() + 20
    while (text in (body := _now(home, draft).written.body)) is not there:
        assert time.monotonic() < deadline, body
        time.sleep(0.2)
    return body


def _bodies(home: Home, draft: int, *, aside: bool | None = None) -> list[str]:
    with home.store.read() as conn:
        found = drafts.history(conn, AccountId(1), draft)
        kept = [v for v in found if aside is None or v.is_aside is aside]
        return [drafts.state(conn, AccountId(1), draft, v.id).written.body for v in kept]


def _window(home: Home, chromium: Browser, address: str, draft: int, role: Role = Role.OWNER) -> Page:
    page = patient(chromium.new_context(viewport={"width": 1500, "height": 1100}).new_page())
    page.context.add_cookies(
        [{"name": "sillage", "value": home.sign_in("maison", role), "domain": "127.0.0.1", "path": "/"}]
    )
    page.goto(f"{address}/editor?draft={draft}&lang=en")
    return page


def _canvas(page: Page) -> FrameLocator:
    page.wait_for_selector('.slg-editor[data-ready="true"]')
    return page.frame_locator(".slg-canvas iframe.gjs-frame")


def _open_text(page: Page, text: Locator) -> None:
    """A text to type in, once it takes what is typed."""
    text.dblclick()
    page.locator(".slg-text").wait_for(state="visible")


def _shown(page: Page) -> Locator:
    """The frame of the preview; nobody can look into it by script, us included."""
    return page.frame_locator("iframe").first.locator("iframe")


def _drag(page: Page, block: str, target: Locator) -> None:
    """As a hand does it: pressed, moved in small steps, held a moment, let go."""
    start, end = page.locator(f"[data-block={block}]").bounding_box(), target.bounding_box()
    assert start is not None
    assert end is not None
    page.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    page.mouse.down()
    page.mouse.move(start["x"] + start["width"] / 2 + 8, start["y"] + start["height"] / 2 + 4, steps=4)
    page.mouse.move(end["x"] + end["width"] / 2, end["y"] + 4, steps=12)
    page.mouse.move(end["x"] + end["width"] / 2, end["y"] + end["height"] - 3, steps=8)
    page.wait_for_timeout(200)
    page.mouse.up()


def test_block_is_dragged_text_is_typed_and_all_of_it_outlives_a_reload(
    home: Home, address: str, chromium: Browser
) -> None:
    """A button is dragged under a text, the text is typed anew with a merge field, undone and redone, and kept."""
    draft = _begin(home)
    page = _window(home, chromium, address, draft)
    outside: list[str] = []
    page.on("request", lambda r: None if r.url.startswith((address, "data:", "blob:")) else outside.append(r.url))
    canvas = _canvas(page)
    _drag(page, "button", canvas.get_by_text("The first words"))
    body = _soon(home, draft, "<mj-button")
    assert body.index("The first words") < body.index("<mj-button") < body.index("The second words")
    assert '<mj-all font-family="Georgia" />' in body
    _open_text(page, canvas.get_by_text("The second words"))
    page.keyboard.press("Control+A")
    page.keyboard.type("Dear ")
    page.locator(".slg-text select").select_option("first_name")
    page.get_by_role("button", name="Put in").click()
    _soon(home, draft, "Dear {{ first_name | default: 'friend' }}")
    page.get_by_role("button", name="Undo").click()
    _soon(home, draft, "The second words")
    page.get_by_role("button", name="Redo").click()
    _soon(home, draft, "Dear {{ first_name")
    _open_text(page, canvas.get_by_text("A table"))
    page.keyboard.press("End")
    page.keyboard.type(" of ours")
    # At once, without the pause after which it is saved: what is typed goes out before another view comes.
    page.get_by_role("radio", name="Preview").click()
    expect(_shown(page)).to_have_attribute("srcdoc", re.compile("A table of ours"))
    page.get_by_role("radio", name="Design").click()
    expect(_canvas(page).get_by_text("A table of ours")).to_be_visible()
    page.reload()
    canvas = _canvas(page)
    expect(canvas.get_by_text("Dear {{ first_name")).to_be_visible()
    expect(canvas.get_by_text("En savoir plus")).to_be_visible()
    assert outside == []
    page.context.close()


def test_everything_is_reached_without_a_mouse(home: Home, address: str, chromium: Browser) -> None:
    """A block is put in, chosen from the outline, moved up and written in by keys alone."""
    draft = _begin(home)
    page = _window(home, chromium, address, draft)
    _canvas(page)
    page.locator("[data-block=divider]").focus()
    page.keyboard.press("Enter")
    body = _soon(home, draft, "<mj-divider")
    assert body.index("A table") < body.index("<mj-divider")
    page.locator(".slg-outline").get_by_role("button", name="Row").last.focus()
    page.keyboard.press("Enter")
    page.locator(".slg-right").get_by_role("button", name="Move up").focus()
    page.keyboard.press("Enter")
    deadline = time.monotonic() + 20
    while (body := _now(home, draft).written.body).index("A table") < body.index("<mj-divider"):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    page.locator(".slg-right").get_by_label("Who sees it").select_option("Readers")
    guarded = _soon(home, draft, '<mj-raw>{% if segments contains "Readers" %}</mj-raw>')
    assert guarded.index("{% if segments") < guarded.index("<mj-divider") < guarded.index("{% endif %}")
    page.locator(".slg-outline").get_by_role("button", name="The first").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Write in it").focus()
    page.keyboard.press("Enter")
    page.locator(".slg-text").wait_for(state="visible")
    page.keyboard.press("Control+A")
    page.keyboard.type("By keys alone")
    _soon(home, draft, "By keys alone")
    page.context.close()


def test_picture_is_taken_in_and_put_into_the_mail(home: Home, address: str, chromium: Browser, tmp_path: Path) -> None:
    """What is no picture is refused within the editor; a photo is made small, named, chosen, and in the mail."""
    draft = _begin(home)
    page = _window(home, chromium, address, draft)
    _canvas(page)
    page.locator("[data-block=image]").click()
    page.get_by_role("button", name="Choose a picture").click()
    dialog = page.locator("dialog.slg-images")
    expect(dialog.get_by_text("There is no picture yet")).to_be_visible()
    (tmp_path / "no.png").write_text("<svg onload=alert(1)>")
    dialog.locator("input[type=file]").set_input_files(tmp_path / "no.png")
    expect(dialog.get_by_role("alert")).to_contain_text("SVG")
    Image.new("RGB", (3000, 1500), "#0B7A75").save(tmp_path / "photo.jpg")
    dialog.locator(".slg-alt").fill("The sea")
    dialog.locator("input[type=file]").set_input_files(tmp_path / "photo.jpg")
    expect(dialog.get_by_role("img", name="The sea")).to_be_visible()
    with home.store.read() as conn:
        (kept,) = images.listed(conn, AccountId(1))
    assert (kept.width, kept.alt) == (1200, "The sea")
    dialog.get_by_role("button", name="The sea").click()
    body = _soon(home, draft, kept.path)
    assert 'alt="The sea"' in body
    page.context.close()


def test_nothing_of_a_mail_runs_in_the_editor(home: Home, address: str, chromium: Browser) -> None:
    """Script in texts, raw parts, attributes and links is shown, kept, and never run, also when it is chosen."""
    draft = _begin(home, HOSTILE, "Hostile")
    page = _window(home, chromium, address, draft)
    canvas = _canvas(page)
    expect(canvas.get_by_text("Safe")).to_be_visible()
    for at in range(page.locator(".slg-outline button").count()):
        page.locator(".slg-outline button").nth(at).click()
        page.wait_for_timeout(80)
    canvas.get_by_text("Press").click()
    _open_text(page, canvas.get_by_text("Safe"))
    page.keyboard.type("!")
    page.wait_for_timeout(1200)
    assert "owned" not in page.title()
    page.get_by_role("radio", name="Preview").click()
    expect(_shown(page)).to_have_attribute("srcdoc", re.compile("Safe"))
    expect(_shown(page)).to_have_attribute("sandbox", "")
    page.wait_for_timeout(500)
    assert "owned" not in page.title()
    page.context.close()


def test_second_writer_is_told_and_nothing_is_lost(home: Home, address: str, chromium: Browser) -> None:
    """Two windows on one draft: the later save is kept aside, its writer is told, and chooses."""
    draft = _begin(home)
    first, second = _window(home, chromium, address, draft), _window(home, chromium, address, draft, Role.MEMBER)
    one, other = _canvas(first), _canvas(second)
    _open_text(first, one.get_by_text("The first words"))
    first.keyboard.press("Control+A")
    first.keyboard.type("What the first one wrote")
    _soon(home, draft, "What the first one wrote")
    _open_text(second, other.get_by_text("The second words"))
    second.keyboard.press("Control+A")
    second.keyboard.type("What the second one wrote")
    expect(second.get_by_text("saved this draft at")).to_be_visible()
    deadline = time.monotonic() + 20
    while not any("What the second one wrote" in body for body in _bodies(home, draft, aside=True)):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert "What the second one wrote" not in _now(home, draft).written.body
    second.get_by_role("button", name="Put mine in its place").click()
    assert "What the first one wrote" not in _soon(home, draft, "What the second one wrote")
    bodies = _bodies(home, draft)
    assert any("What the first one wrote" in body for body in bodies)
    for page in (first, second):
        page.context.close()


def test_browser_that_closes_in_the_middle_of_scheduling_leaves_all_or_nothing(
    home: Home, address: str, chromium: Browser
) -> None:
    """Whenever the window goes, there is no campaign or a whole one on its way, and the draft is kept."""
    for number, wait_ms in enumerate((0, 30, 150)):
        name = f"Closed {number}"
        draft = _begin(home, name=name)
        with home.store.write() as conn:
            drafts.keep_form(conn, AccountId(1), draft, {"name": name, "include": ["Readers"], "when": "now"})
        page = patient(chromium.new_context().new_page())
        page.context.add_cookies(
            [{"name": "sillage", "value": home.sign_in("maison"), "domain": "127.0.0.1", "path": "/"}]
        )
        page.goto(f"{address}/new_campaign?draft={draft}&lang=en")
        page.get_by_role("button", name="Send to 3 people").click()
        page.wait_for_timeout(wait_ms)
        page.context.close()
        time.sleep(1)
        with home.store.read() as conn:
            made = [c for c in campaigns.listed(conn, AccountId(1)) if c.name == name]
            assert [c.state for c in made] in ([], [CampaignState.SCHEDULED])
            assert all(campaigns.variants_of(conn, AccountId(1), c.id) and c.send_at for c in made)
        assert _now(home, draft).form["name"] == name
