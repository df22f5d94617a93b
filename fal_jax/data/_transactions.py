"""Simulated transactions, drawn with the exact probability that each is suspicious.

A transaction's account and day are drawn first, then its typology given the two, then all else
given these: independent normals of transformed measures, counts, categories. So the posterior of
the typologies is a sum of known terms, and what is the same for all typologies drops out of it.
"""

import functools
from typing import NamedTuple

import numpy as np
import scipy.special

from fal_jax.data import _typologies as known
from fal_jax.data._columns import Column
from fal_jax.data._hashing import mixed

DAYS = 730
MISSED, WRONG = 0.1, 0.02
"""What share of suspicious transactions is labelled 0, what share of those labelled 1 is not."""
COLUMNS = (
    Column("time", "number"),
    Column("hour", "hour"),
    Column("amount", "log"),
    Column("usual_amount", "log"),
    Column("account_age", "log"),
    Column("idle_days", "log"),
    Column("hold_hours", "log", missing=True),
    Column("passed_on", "number"),
    Column("returned", "quantile"),
    Column("transfers_day", "log"),
    Column("counterparties_week", "log"),
    Column("cash_week", "log"),
    Column("relation_days", "log", missing=True),
    Column("customer_age", "number", missing=True),
    Column("segment", "category", levels=known.SEGMENTS),
    Column("channel", "category", levels=known.CHANNELS),
    Column("corridor", "category", levels=known.CORRIDORS),
)
"""The features: 17 columns, 30 once preprocessed."""
IDS = ("account", "customer", "counterparty")

_TYPOLOGIES = known.ORDINARY + known.SUSPICIOUS
_NUM_ORDINARY = len(known.ORDINARY)
# Each measure, the inverse of its scale and its parent.
_MEASURES = {
    "amount": (np.exp, "usual_amount"),
    "idle_days": (np.exp, None),
    "hold_hours": (np.exp, None),
    "passed_on": (scipy.special.expit, None),
    "returned": (scipy.special.expit, "passed_on"),
    "relation_days": (np.exp, "account_age"),
}
COUNTS = ("transfers_day", "counterparties_week", "cash_week")
_DISPERSION = 2.0  # of the negative binomial counts: variance = mean + mean^2 / dispersion
_TABLES = {"channel": "channels", "corridor": "corridors"}


class Prior(NamedTuple):
    """How often what is drawn.

    Attributes:
      suspicious: the mean probability that a transaction is.
      false_alarms: the probability that an ordinary one is labelled 1.
      accounts: how many there are.
    """

    suspicious: float
    false_alarms: float
    accounts: int


def prior_of(rows: int, ratio: float) -> Prior:
    """The prior by which 1 of `ratio + 1` labels is 1, in expectation."""
    labelled = 1 / (1 + ratio)
    suspicious = (1 - WRONG) * labelled / (1 - MISSED)
    return Prior(suspicious, WRONG * labelled / (1 - suspicious), max(rows // 50, 2))


def draw(
    rng: np.random.Generator, days: np.ndarray, prior: Prior, seed: int
) -> dict[str, np.ndarray]:
    """One transaction on each of the days, by column: `IDS`, features, "label", "bayes_score".

    Categories are codes of their levels. The accounts' attributes follow from the seed.
    """
    account = rng.integers(prior.accounts, size=days.size)
    found = {"account": account, "customer": account // 2}
    found["counterparty"] = rng.integers(prior.accounts, size=days.size)
    found |= _attributes(account, seed)
    log_weights = _log_prior(days, found["segment"], prior.suspicious)
    typology = _drawn(rng, np.exp(log_weights))
    _add_hours(rng, found, days, typology, log_weights)
    _add_measures(rng, found, days, typology, log_weights)
    _add_counts(rng, found, typology, log_weights)
    for name, table in _TABLES.items():
        probabilities = _parameters(table)
        found[name] = _drawn(rng, probabilities[typology].T)
        log_weights += np.log(probabilities)[:, found[name]]
    found["label"] = _observed(rng, typology >= _NUM_ORDINARY, prior)
    found["bayes_score"] = _score(log_weights, prior)
    return found


def _attributes(account: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """What is the same in all transactions of an account, by a hash of its number."""
    customer = account // 2
    cumulative = np.cumsum(known.SEGMENT_SHARES)[:-1]
    segment = np.searchsorted(cumulative, _uniform(customer, seed, 0), side="right")
    ages = np.array([age or (np.nan, np.nan) for age in known.CUSTOMER_AGE])[segment].T
    age = ages[0] + ages[1] * scipy.special.ndtri(_uniform(customer, seed, 1))
    unknown = _uniform(customer, seed, 2) < 0.03
    usual = np.array(known.USUAL_AMOUNT)[segment]
    return {
        "segment": segment,
        "customer_age": np.where(unknown, np.nan, age),
        "usual_amount": np.exp(usual + 0.7 * scipy.special.ndtri(_uniform(account, seed, 3))),
        "account_age": np.exp(7 + 0.9 * scipy.special.ndtri(_uniform(account, seed, 4))),
    }


def _uniform(number: np.ndarray, seed: int, stream: int) -> np.ndarray:
    """A random number in (0, 1) for each number."""
    start = np.random.SeedSequence((seed, stream)).generate_state(1, np.uint64)
    return ((mixed(number.astype(np.uint64) + start) >> np.uint64(11)) + 0.5) / 2.0**52


def _log_prior(days: np.ndarray, segment: np.ndarray, suspicious: float) -> np.ndarray:
    """The log probability of each typology, `[typologies, rows]`, given day and segment."""
    place = _place(days)
    risk = suspicious * (1 + 0.6 * place) * np.array(known.RISKS)[segment]  # it rises in time
    ordinary = np.array([t.shares for t in known.ORDINARY])[:, segment] * (1 - risk)
    first, last = np.array([t.shares for t in known.SUSPICIOUS]).T[:, :, None]
    return np.log(np.concatenate([ordinary, risk * ((first + last) / 2 + place * (last - first))]))


def _place(days: np.ndarray) -> np.ndarray:
    """Where in the period, from -1/2 to 1/2 and 0 on average."""
    return (days + 0.5) / DAYS - 0.5


def _drawn(rng: np.random.Generator, weights: np.ndarray) -> np.ndarray:
    """One place of the first axis for each column of `[places, rows]` probabilities."""
    cumulative = np.cumsum(weights, axis=0)
    return np.sum(rng.random(weights.shape[1]) * cumulative[-1] >= cumulative[:-1], axis=0)


@functools.cache
def _parameters(name: str) -> np.ndarray:
    """A field of all typologies, `[typologies, ...]`."""
    return np.array([getattr(typology, name) for typology in _TYPOLOGIES])


@functools.cache
def hour_probabilities() -> np.ndarray:
    """How likely each hour of the day is, `[typologies, 24]`."""
    day = np.exp(3 * np.cos((np.arange(24) - 13) * (2 * np.pi / 24)))
    night = _parameters("night")[:, None]
    return (1 - night) * day / day.sum() + night / 24


def _add_hours(rng, found, days, typology, log_weights) -> None:
    hour = _drawn(rng, hour_probabilities()[typology].T)
    log_weights += np.log(hour_probabilities())[:, hour]
    found["hour"] = hour + rng.integers(3600, size=hour.size) / 3600
    found["time"] = days + found["hour"] / 24


def _add_measures(rng, found, days, typology, log_weights) -> None:
    """Measures are normal on their own scale; a missing one tells by being missing."""
    scaled = {name: np.log(found[name]) for name in ("usual_amount", "account_age")}
    for name, (inverse, parent) in _MEASURES.items():
        mean, deviation, slope, drift, missing = _parameters(name).T[:, :, None]
        centres = mean + drift * _place(days) + (slope * scaled[parent] if parent else 0.0)
        rows = np.arange(days.size)
        value = centres[typology, rows] + deviation[typology, 0] * rng.standard_normal(days.size)
        absent = rng.random(days.size) < missing[typology, 0]
        scaled[name], found[name] = value, np.where(absent, np.nan, inverse(value))
        there = np.log1p(-missing) - np.log(deviation) - ((value - centres) / deviation) ** 2 / 2
        with np.errstate(divide="ignore"):  # log 0 where nothing can be missing: never taken
            log_weights += np.where(absent, np.log(missing), there)


def _add_counts(rng, found, typology, log_weights) -> None:
    """Negative binomial counts; what all typologies share of the probability drops out."""
    activity = np.array(known.ACTIVITY)[found["segment"]]
    for name in COUNTS:
        means = _parameters(name)[:, None] * activity
        mean = means[typology, np.arange(activity.size)]
        counts = rng.poisson(mean * rng.gamma(_DISPERSION, 1 / _DISPERSION, mean.size))
        total = np.log(_DISPERSION + means)
        log_weights += counts * (np.log(means) - total) - _DISPERSION * total
        found[name] = counts


def _observed(rng: np.random.Generator, is_suspicious: np.ndarray, prior: Prior) -> np.ndarray:
    """The labels, some of them wrong."""
    chance = np.where(is_suspicious, 1 - MISSED, prior.false_alarms)
    return (rng.random(chance.size) < chance).astype(np.int8)


def _score(log_weights: np.ndarray, prior: Prior) -> np.ndarray:
    """The probability of the label 1."""
    weights = np.exp(log_weights - log_weights.max(axis=0))
    suspicious = weights[_NUM_ORDINARY:].sum(axis=0) / weights.sum(axis=0)
    return suspicious * (1 - MISSED) + (1 - suspicious) * prior.false_alarms
