"""Two segments as two circles whose areas, and the area they share, are their sizes."""

from __future__ import annotations

from html import escape
from math import acos, pi, sqrt

HEIGHT, WIDTH, LARGEST = 240, 560, 100.0


def distance(a: float, b: float, shared: float) -> float:
    """How far apart the centres of circles of radius a and b lie where they share an area; found by halving."""
    low, high = abs(a - b), a + b
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if lens(a, b, middle) > shared else (low, middle)
    return (low + high) / 2


def lens(a: float, b: float, d: float) -> float:
    """The area that two circles of radius a and b share at a distance d."""
    if d >= a + b:
        return 0.0
    if d <= abs(a - b):
        return pi * min(a, b) ** 2
    first = a * a * acos(max(-1.0, min(1.0, (d * d + a * a - b * b) / (2 * d * a))))
    second = b * b * acos(max(-1.0, min(1.0, (d * d + b * b - a * a) / (2 * d * b))))
    return first + second - sqrt(max(0.0, (-d + a + b) * (d + a - b) * (d - a + b) * (d + a + b))) / 2


def picture(sizes: tuple[int, int, int], labels: tuple[str, str], said: str) -> str:
    """SVG of two circles. `sizes`: only the first, both, only the second; `said` is its text for who can't see it."""
    first, both, second = sizes
    most = max(first + both, second + both, 1)
    a, b = (LARGEST * sqrt(n / most) for n in (first + both, second + both))
    apart = distance(a, b, lens_of(both, most)) if a and b else a + b
    left = (WIDTH - (a + apart + b)) / 2 + a
    circles = "".join(
        f'<circle cx="{x:.1f}" cy="{HEIGHT / 2}" r="{max(r, 1):.1f}" fill="{color}" fill-opacity="0.45"/>'
        for x, r, color in ((left, a, "#2563eb"), (left + apart, b, "#d97706"))
    )
    texts = (
        f'<text x="8" y="22" fill="#2563eb">{escape(labels[0])}</text>'
        f'<text x="{WIDTH - 8}" y="22" text-anchor="end" fill="#d97706">{escape(labels[1])}</text>'
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(said)}" width="100%"'
        f' style="max-width:{WIDTH}px;font:600 15px sans-serif">{circles}{texts}</svg>'
    )


def lens_of(both: int, most: int) -> float:
    """The area that stands for so many people."""
    return pi * LARGEST**2 * both / most
