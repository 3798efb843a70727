"""How many rows a transaction takes: as many as fit into the time for which others may be kept waiting."""

from __future__ import annotations

from dataclasses import dataclass

AIM_S = 0.010
"""How long a chunk aims to hold the write lock. Beside other work the longest of a hundred takes 25 ms; one that loses
the processor while it holds it takes longer."""
AIM_WITHOUT_LOCK_S = 1.0
"""The same where writers wait for single rows only (PostgreSQL), and to plan a chunk's statements takes 40 ms."""
SMALLEST, LARGEST = 20, 20_000
GROWTH = 1.5


@dataclass(slots=True)
class Pace:
    """Chunk sizes in units of work, from what the last chunks took."""

    units: float = 400.0
    """What the next chunk may cost."""
    per_row: float = 1.0
    """Units that a row of the last chunk cost."""
    aim_s: float = AIM_S
    """Seconds that a chunk may take."""

    @property
    def rows(self) -> int:
        """How many rows to look at."""
        return min(max(int(self.units / self.per_row), SMALLEST), LARGEST)

    def fitting(self, rows: int, cost: float) -> int:
        """How many of some rows to write, now that their cost is known: a new person costs more than a known one."""
        if rows <= SMALLEST or cost <= 1.3 * self.units:
            return rows
        return max(SMALLEST, int(rows * self.units / cost))

    def learn(self, rows: int, cost: float, held_s: float) -> None:
        """Take the time of a chunk into account. It shrinks at once and grows slowly: one lucky chunk proves little."""
        fit = cost * self.aim_s / max(held_s, 1e-6)
        small = cost < 0.5 * self.units
        if fit < self.units:
            self.units = max(fit, self.units * 0.3, float(SMALLEST))
        elif not small:
            self.units = min(fit, self.units * GROWTH)
        self.per_row = max(cost / max(rows, 1), 0.5)


def aim_of(*, is_sqlite: bool) -> float:
    """Seconds that a chunk may take with an engine of ops."""
    return AIM_S if is_sqlite else AIM_WITHOUT_LOCK_S
