"""The table of events is complete, and the document says the same."""

from __future__ import annotations

from sillage.lake.event import Event, EventType
from sillage.lake.meaning import MEANING, as_markdown
from sillage.lake.schema import EVENTS, PERSONAL
from sillage.settings import ROOT


def test_every_type_has_its_meaning() -> None:
    """No type of event without a writer and an effect."""
    assert set(MEANING) == set(EventType)
    assert all(m.writer and m.effect for m in MEANING.values())


def test_the_document_is_current() -> None:
    """docs/events.md is what the code says today; `sillage lake events > docs/events.md` makes it."""
    assert (ROOT / "docs" / "events.md").read_text() == as_markdown()


def test_every_field_of_an_event_has_one_place_in_the_lake() -> None:
    """A field is in events or in event_personal; only what joins them is in both."""
    fields = {"event_id" if f == "id" else f for f in Event.__struct_fields__}
    own = {"lake_seq", "stream", "stream_seq", "device"}
    assert fields == (set(EVENTS) | set(PERSONAL)) - own
    assert set(EVENTS) & set(PERSONAL) == {"event_id", "account_id", "occurred_at"}
