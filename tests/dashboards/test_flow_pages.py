"""What goes on around a campaign, on its pages: tests to colleagues."""

from __future__ import annotations

import pytest
from pages_world import MJML, Browser, Home
from streamlit.testing.v1 import AppTest

from sillage.domain.campaign import SourceKind
from sillage.store import drafts, test_mails
from sillage.store.accounts import Account
from sillage.store.drafts import Written


@pytest.fixture
def maison(bare: Home) -> Account:
    """An account of its own with five readers."""
    return bare.account("maison", "Maison Sillage", people=5)


def text(app: AppTest) -> str:
    kinds = (app.title, app.header, app.subheader, app.markdown, app.caption, app.error, app.warning, app.info,
             app.success)  # fmt: skip
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def draft(home: Home, account: Account, **form: object) -> int:
    written = Written(SourceKind.MJML, MJML, "Lamps for {{ first_name | default: 'you' }}", "")
    with home.store.write() as conn:
        made = drafts.create(conn, account.id, "Lamps", written, by=None, now=home.settings.clock.now(), form=form)
    return made.id


def test_a_draft_is_sent_to_colleagues_for_a_look(bare: Home, browser: Browser, maison: Account) -> None:
    """From the editor: to whom, with whose data; what was queued is listed, and a wrong address is told in words."""
    app = browser.open(bare, "editor", draft=str(draft(bare, maison)))
    key = f"draft_{app.query_params['draft'][0]}"
    assert app.text_area(key=f"trial_to_{key}").value == "owner@maison.example"
    app.text_area(key=f"trial_to_{key}").set_value("ada@maison.example, bob@maison.example")
    app.text_input(key=f"trial_contact_{key}").set_value("c1@").run()
    app.button(key=f"trial_go_{key}").click().run()
    assert "2 test mails are on their way" in text(app)
    assert "ada@maison.example · on its way" in text(app).replace("\\", "")
    with bare.store.read() as conn:
        found = test_mails.listed(conn, maison.id)
    assert {m.label for m in found} == {"[Test] Lamps for Ana"}
    app.text_area(key=f"trial_to_{key}").set_value("nobody").run()
    app.button(key=f"trial_go_{key}").click().run()
    assert "mail address" in app.error[0].value
