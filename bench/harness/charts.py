"""Line charts, with logarithmic axes unless told otherwise, as SVG that needs no library."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 430, 300  # of one chart
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 34, 66
_COLORS = ("#555555", "#0b6fa4", "#c2571a")  # told apart by their dashes, too
_DASHES = ("none", "7 3", "2 3")


@dataclass(frozen=True)
class Series:
    """One line of a chart: what it is, and its points (x, y), above 0 on logarithmic axes."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Chart:
    """One chart: its title, its lines, and the marks of its axes, whose ends are those of it.

    An axis is drawn by its scale: `math.log`, or `float` for a linear one.
    """

    title: str
    lines: Sequence[Series]
    x_ticks: Mapping[float, str]
    y_ticks: Mapping[float, str]
    x_name: str
    x_scale: Callable[[float], float] = math.log
    y_scale: Callable[[float], float] = math.log


def draw(charts: Sequence[Chart], note: str) -> str:
    """Returns the charts side by side with one legend, and `note` below them."""
    width, height = _WIDTH * len(charts), _HEIGHT + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for number, chart in enumerate(charts):
        parts.append(f'<g transform="translate({number * _WIDTH} 0)">')
        parts += [*_axes(chart), *_lines(chart), "</g>"]
    parts += _legend(charts[0])
    parts.append(
        f'<text x="{_LEFT}" y="{height - 8}" font-size="10" fill="#555">{escape(note)}</text>'
    )
    return "\n".join([*parts, "</svg>", ""])


def _axes(chart: Chart) -> list[str]:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    parts = [
        f'<text x="{_LEFT}" y="20" font-size="14" font-weight="bold">{escape(chart.title)}</text>'
    ]
    for value, label in chart.x_ticks.items():
        x = _x(chart, value)
        parts.append(f'<path d="M{x:.1f} {_TOP}V{bottom}" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{label}</text>')
    for value, label in chart.y_ticks.items():
        y = _y(chart, value)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{right}" stroke="#ddd"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    middle = (_LEFT + right) / 2
    parts.append(
        f'<text x="{middle}" y="{bottom + 34}" text-anchor="middle">{escape(chart.x_name)}</text>'
    )
    return parts


def _lines(chart: Chart) -> list[str]:
    parts = []
    for number, line in enumerate(chart.lines):
        at = [(_x(chart, x), _y(chart, y)) for x, y in line.points]
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in at)
        color, dash = _COLORS[number], _DASHES[number]
        parts.append(
            f'<path d="{path}" fill="none" stroke="{color}" stroke-width="2" '
            f'stroke-dasharray="{dash}"/>'
        )
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{color}"/>' for x, y in at]
    return parts


def _legend(chart: Chart) -> list[str]:
    y, parts = _HEIGHT - 8, []
    for number, line in enumerate(chart.lines):
        x = _LEFT + 130 * number
        parts.append(
            f'<path d="M{x} {y - 4}h30" stroke="{_COLORS[number]}" stroke-width="2" '
            f'stroke-dasharray="{_DASHES[number]}"/>'
        )
        parts.append(f'<text x="{x + 36}" y="{y}">{escape(line.name)}</text>')
    return parts


def _x(chart: Chart, value: float) -> float:
    return _place(value, chart.x_ticks, chart.x_scale, (_LEFT, _WIDTH - _RIGHT))


def _y(chart: Chart, value: float) -> float:
    return _place(value, chart.y_ticks, chart.y_scale, (_HEIGHT - _BOTTOM, _TOP))


def _place(
    value: float,
    ticks: Mapping[float, str],
    scale: Callable[[float], float],
    ends: tuple[float, float],
) -> float:
    low, high = scale(min(ticks)), scale(max(ticks))
    return ends[0] + (scale(value) - low) / (high - low) * (ends[1] - ends[0])
