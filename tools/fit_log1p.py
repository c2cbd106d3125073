"""Finds the polynomial of src/column/logarithm.h, and measures the error of the whole function.

    python tools/fit_log1p.py

log(1 + m) = m - m^2/2 + m^3 (c[1] + c[2] m + ...) for m from -1/4 to 1/2: the coefficients with the
least largest relative error, by Lawson's iteration (least squares, weighted anew by the error),
rounded to float32. The function is computed here as the header does, with the same roundings.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
LOW, HIGH = -0.25, 0.5
LN2 = np.float32(np.log(2))


def fit(degree: int = 8) -> tuple[Floats, float]:
    """Returns the coefficients, that of m^2 first, and the largest relative error found."""
    angles = np.pi * (np.arange(400, dtype=np.longdouble) + 0.5) / 400
    m = (LOW + HIGH) / 2 + (HIGH - LOW) / 2 * np.cos(angles)
    # (log(1 + m) - m + m^2/2) / m^2, by its series where the difference would cancel.
    series = sum((-1) ** (n - 1) / np.longdouble(n) * m ** (n - 2) for n in range(3, 24))
    direct = (np.log1p(m) - m) / m**2 + 0.5
    wanted = np.where(np.abs(m) < 0.03, series, direct).astype(np.float64)
    weights = np.abs(m**2 / np.log1p(m)).astype(np.float64)
    powers = np.vander(m.astype(np.float64), degree + 1, increasing=True)[:, 1:]
    shares = np.full(len(m), 1 / len(m))
    best, least = np.zeros(degree), np.inf
    for _ in range(200):
        scale = np.sqrt(shares) * weights
        found = np.linalg.lstsq(powers * scale[:, None], wanted * scale, rcond=None)[0]
        errors = np.abs((powers @ found - wanted) * weights)
        if errors.max() < least:
            best, least = found, float(errors.max())
        shares *= errors
        shares /= shares.sum()
    return np.concatenate([[-0.5], best]).astype(np.float32), least


def fused(a: Floats, b: Floats | np.float32, c: Floats | np.float32) -> Floats:
    """Returns a b + c, rounded once (but for ties of the sum in double)."""
    result: Floats = (a.astype(np.float64) * b + c).astype(np.float32)
    return result


def log1p(x: Floats, coefficients: Floats) -> Floats:
    """Returns what log1p_of gives for finite numbers above -1."""
    k = ((x + np.float32(1)).view(np.uint32) - np.uint32(0x3F400000)) & np.uint32(0xFF800000)
    minus_k = (np.uint32(0) - k).view(np.int32).astype(np.float32)
    four = (np.uint32(0x40800000) - k).view(np.float32)
    m = (x.view(np.uint32) - k).view(np.float32) - fused(four, np.float32(-0.25), np.float32(1))
    z = m * m
    even, odd = (np.full_like(m, part[-1]) for part in (coefficients[2::2], coefficients[3::2]))
    for coefficient in coefficients[6:1:-2]:
        even = fused(even, z, coefficient)
    for coefficient in coefficients[5:2:-2]:
        odd = fused(odd, z, coefficient)
    series = fused(odd, m, even)
    for coefficient in coefficients[1::-1]:
        series = fused(series, m, coefficient)
    return fused(minus_k, LN2 * np.float32(-(2**-23)), fused(z, series, m))


def largest_error(coefficients: Floats) -> float:
    """Returns the largest error of random numbers of every size, in units in the last place."""
    random = np.random.default_rng(0)
    x = np.concatenate(
        [
            np.exp(random.uniform(-87, 88, 500_000)),
            -np.exp(-random.uniform(0, 87, 500_000)),
            random.uniform(-0.999, 4, 500_000),
        ]
    ).astype(np.float32)
    x = x[x > -1]
    expected = np.log1p(x.astype(np.float64))
    unit = np.ldexp(1.0, np.maximum(np.frexp(expected)[1] - 1, -126) - 23)
    return float((np.abs(log1p(x, coefficients) - expected) / unit).max())


def main() -> None:
    """Prints the coefficients, highest power first, and both errors."""
    coefficients, error = fit()
    for coefficient in coefficients[::-1]:
        print(float(coefficient).hex())
    print(f"relative error of the polynomial: 2^{np.log2(error):.1f}")
    print(f"largest error found: {largest_error(coefficients):.3f} units in the last place")


if __name__ == "__main__":
    main()
