"""Amounts that look like a bureau's and add up to its report: whole steps, none negative, the sum exact."""

import numpy as np

from sample.plane import Array, Random


def sizes(count: int, spread: float, rng: Random) -> Array:
    """Return positive weights, a few large and many small (log-normal)."""
    return np.exp(spread * rng.standard_normal(count))


def share(total: float, weights: Array, step: float, limit: Array | None = None) -> Array:
    """Share a total by weights, in whole steps, none above its limit; what rounding leaves goes where there is room.

    Raises
    ------
    ValueError
        Where the limits leave no room for the total, or the total is no whole number of steps.
    """
    steps = round(total / step)
    room = np.full(len(weights), steps) if limit is None else np.floor(limit / step).astype(int)
    if room.sum() < steps or abs(steps * step - total) > 1e-6:
        raise ValueError(f"{total} cannot be shared in steps of {step} within limits of {room.sum() * step}")
    given = np.zeros(len(weights), dtype=int)
    while (left := steps - given.sum()) > 0:
        open_weights = np.where(given < room, weights, 0.0)
        more = np.minimum(np.floor(left * open_weights / open_weights.sum()).astype(int), room - given)
        if not more.any():
            more[int(np.argmax(np.where(given < room, weights, -1.0)))] = 1
        given += more
    return given * float(step)


def spread(total: int, count: int, least: int, most: int, rng: Random) -> list[float]:
    """Share a whole number among so many, none with less than `least` or more than `most`."""
    rest = share(total - least * count, sizes(count, 0.7, rng), 1, limit=np.full(count, float(most - least)))
    return [float(least + part) for part in rest]
