"""What pages, reports and their mails say: gettext for sentences, Babel for numbers, shares and dates.

A text is written in English where it is used; `sillage/locales` has the French. No figure is ever written by an
f-string. Null is a dash, never a nought.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, format_time, format_timedelta
from babel.lists import format_list
from babel.numbers import format_compact_decimal, format_currency, format_decimal, format_percent

from sillage.i18n import catalogue, language_of

NOTHING = "\u2013"
EN_DASH = "\u2013"
THIN_SPACE = "\u202f"


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one reader: a language, and the time zone of the account that is looked at."""

    language: str = "en"
    timezone: str = "UTC"

    def t(self, text: str, **values: Any) -> str:
        """A text in the reader's language, with its `%(name)s` filled."""
        said = catalogue(self.language).gettext(text)
        return said % values if values else said

    def n(self, one: str, many: str, count: int, **values: Any) -> str:
        """A text that depends on a number, which stands in it as `%(count)s`."""
        said = catalogue(self.language).ngettext(one, many, count)
        return said % {"count": self.number(count), **values}

    def number(self, value: float | None) -> str:
        """A count: 12,345 in English, 12 345 in French."""
        return NOTHING if value is None else str(format_decimal(value, "#,##0", locale=self._locale))

    def decimal(self, value: float) -> str:
        """A figure with one decimal: 4.2 in English, 4,2 in French."""
        return str(format_decimal(value, "#,##0.0", locale=self._locale))

    def short(self, value: float | None) -> str:
        """A count for narrow places, such as 42.7K."""
        return NOTHING if value is None else str(format_compact_decimal(value, fraction_digits=1, locale=self._locale))

    def percent(self, share: float | None, digits: int = 1) -> str:
        """A share of one as a percentage: 16.7 % in English, 16,7 % in French."""
        if share is None:
            return NOTHING
        pattern = "#,##0." + "0" * digits if digits else "#,##0"
        return str(format_percent(share, f"{pattern}\u00a0%", locale=self._locale))

    def money(self, amount: Any, currency: str, *, digits: int = 2) -> str:
        """Money to the cent, or finer where it is a mean."""
        if amount is None:
            return NOTHING
        pattern = f"#,##0.{'0' * digits}\xa0¤" if self.language == "fr" else f"¤#,##0.{'0' * digits}"
        return format_currency(amount, currency, format=pattern, locale=self._locale, currency_digits=False)

    def span(self, low: float | None, high: float | None, digits: int = 1) -> str:
        """Two shares as a range, as 12.1 to 13.4 %."""
        if low is None or high is None:
            return NOTHING
        pattern = "#,##0." + "0" * digits if digits else "#,##0"
        return f"{format_decimal(low * 100, pattern, locale=self._locale)}{EN_DASH}{self.percent(high, digits)}"

    def second(self, moment: datetime | None) -> str:
        """A moment to the second, with its day: what stands behind "as of"."""
        if moment is None:
            return NOTHING
        return f"{self.day(self.here(moment))} {self._time(moment, 'HH:mm:ss')}"

    def minute(self, moment: datetime | None) -> str:
        """A moment to the minute, with its day."""
        return NOTHING if moment is None else f"{self.day(self.here(moment))} {self._time(moment, 'HH:mm')}"

    def since(self, moment: datetime | None, now: datetime) -> str:
        """A past moment, short: only the time where it was today."""
        if moment is None:
            return NOTHING
        if self.here(moment).date() == self.here(now).date():
            return self._time(moment, "HH:mm")
        return self.minute(moment)

    def day(self, day: date | None) -> str:
        """A day: 24 Nov 2026."""
        return NOTHING if day is None else str(format_date(day, "d MMM y", locale=self._locale))

    def short_day(self, day: date) -> str:
        """A day on an axis: 24 Nov."""
        return str(format_date(day, "d MMM", locale=self._locale))

    def month(self, day: date) -> str:
        """A month: Nov 2026."""
        return str(format_date(day, "MMM y", locale=self._locale))

    def lasting(self, span: timedelta) -> str:
        """A stretch of time in one unit: 3 hours."""
        return str(format_timedelta(span, threshold=1.5, locale=self._locale))

    def both(self, parts: Iterable[str]) -> str:
        """A list as a person says it: a, b and c."""
        return str(format_list(list(parts), locale=self._locale))

    def country(self, code: str) -> str:
        """What a country (ISO 3166-1) is called; the code itself where nobody knows it."""
        return str(Locale.parse(self._locale).territories.get(code, code))

    def weekday(self, moment: datetime) -> str:
        """A moment of the days to come: Tuesday 24 November, 10:00."""
        return str(format_datetime(self.here(moment), "EEEE d MMMM, HH:mm", locale=self._locale))

    def here(self, moment: datetime) -> datetime:
        """A moment on the account's calendar."""
        return moment.astimezone(ZoneInfo(self.timezone))

    @property
    def separators(self) -> tuple[str, str]:
        """The decimal sign and the sign between thousands, for charts."""
        return (",", THIN_SPACE) if language_of(self.language) == "fr" else (".", ",")

    @property
    def _locale(self) -> str:
        return "fr_FR" if language_of(self.language) == "fr" else "en_GB"

    def _time(self, moment: datetime, pattern: str) -> str:
        return str(format_time(self.here(moment), pattern, locale=self._locale))
