"""Every number a person reads is written here, so that it reads the same everywhere."""

from __future__ import annotations

import math

NONE = "-"
"""Stands for a number that there is none of."""


def percent(share: float) -> str:
    """A share from 0 to 1: `97.5 %`."""
    return NONE if math.isnan(share) else f"{100 * share:.1f} %"


def seconds(value: float) -> str:
    """A duration: `420 µs`, `42 ms`, `1.52 s`, `12 min`, `2.5 h`."""
    if math.isnan(value):
        return NONE
    if value < 0.9995e-3:
        return f"{value * 1e6:.0f} µs"
    if value < 0.9995:
        return f"{value * 1e3:.0f} ms"
    if value < 99.5:
        return f"{value:.2f} s" if value < 9.995 else f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 5970 else f"{value / 3600:.1f} h"


def dollars(value: float) -> str:
    """US dollars: `$2.25`, `$0.27`, and four decimals below a cent: `$0.0041`."""
    if math.isnan(value):
        return NONE
    return f"${value:,.2f}" if value == 0 or value >= 0.095 else f"${value:.4f}"


def ratio(value: float) -> str:
    """A factor: `8.3×`, `0.21×`."""
    if math.isnan(value):
        return NONE
    return f"{value:.1f}×" if value >= 1 else f"{value:.2f}×"


def points(difference: float) -> str:
    """A signed difference of two shares, in percentage points: `+1.3 pp`."""
    return NONE if math.isnan(difference) else f"{100 * difference:+.1f} pp"
