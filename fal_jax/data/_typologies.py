"""What simulated account holders do: each typology by the distributions of what a bank sees.

The figures are invented. They are meant to overlap as the real ones do: for every suspicious
typology there is an ordinary one that looks like it, and thresholds are met by honest people too.
"""

from typing import NamedTuple

SEGMENTS = ("personal", "student", "business", "corporate")
SEGMENT_SHARES = (0.62, 0.13, 0.2, 0.05)
RISKS = (0.8, 0.9, 1.5, 1.74)
"""How much likelier than on average a segment's transaction is suspicious: 1 on average."""
ACTIVITY = (1.0, 0.8, 1.8, 3.0)
"""What a segment's counts are multiplied by."""
USUAL_AMOUNT = (4.8, 4.0, 6.5, 8.5)
"""Mean of the log of an account's usual amount."""
CUSTOMER_AGE = ((46.0, 15.0), (22.5, 2.5), None, None)
"""Mean and deviation in years; firms have none."""
CHANNELS = ("card", "transfer", "online", "cash")
CORRIDORS = ("domestic", "neighbouring", "overseas", "high risk")


class Normal(NamedTuple):
    """A normal distribution of a measure on its own scale, given an observed parent and the time.

    Attributes:
      mean: where the parent is 0, in the middle of the period.
      deviation: above 0.
      slope: added to the mean by unit of the parent.
      drift: added to the mean from the first day to the last.
      missing: the probability that the value is missing.
    """

    mean: float
    deviation: float
    slope: float = 0.0
    drift: float = 0.0
    missing: float = 0.0


class Typology(NamedTuple):
    """One pattern of behaviour.

    Attributes:
      name: what it is called.
      shares: of an ordinary typology, by segment among ordinary transactions; of a suspicious one,
          among suspicious transactions on the first and on the last day.
      amount: log; its parent the log of the account's usual amount.
      idle_days: log, days since the account's transaction before.
      hold_hours: log, how long the money lay in the account.
      passed_on: logit, what share of the account's inflow left it within a day.
      returned: logit, what share of it came back within a month; its parent `passed_on`.
      relation_days: log, since the first payment between the two; its parent the account's age.
      transfers_day: mean number in 24 hours, by unit of the segment's activity.
      counterparties_week: mean number of different ones in seven days.
      cash_week: mean number of cash transactions in seven days.
      channels: probabilities of `CHANNELS`.
      corridors: probabilities of `CORRIDORS`.
      night: the share that happens at any hour of the day alike, the rest by daylight.
    """

    name: str
    shares: tuple[float, ...]
    amount: Normal
    idle_days: Normal
    hold_hours: Normal
    passed_on: Normal
    returned: Normal
    relation_days: Normal
    transfers_day: float
    counterparties_week: float
    cash_week: float
    channels: tuple[float, ...]
    corridors: tuple[float, ...]
    night: float


ORDINARY = (
    Typology(
        "everyday",
        shares=(0.88, 0.93, 0.55, 0.3),
        amount=Normal(0.0, 1.0, slope=1.0),
        idle_days=Normal(0.7, 1.0),
        hold_hours=Normal(4.8, 1.3, missing=0.25),
        passed_on=Normal(-1.0, 1.3),
        returned=Normal(-4.0, 1.0, slope=0.2),
        relation_days=Normal(2.5, 1.2, slope=0.45, missing=0.2),
        transfers_day=1.0,
        counterparties_week=3.0,
        cash_week=0.5,
        channels=(0.55, 0.2, 0.15, 0.1),
        corridors=(0.9, 0.06, 0.035, 0.005),
        night=0.2,
    ),
    Typology(
        "cash trade",
        shares=(0.02, 0.01, 0.25, 0.1),
        amount=Normal(4.5, 1.0, slope=0.5),
        idle_days=Normal(0.7, 1.0),
        hold_hours=Normal(4.0, 1.2, missing=0.25),
        passed_on=Normal(-0.3, 1.2),
        returned=Normal(-4.0, 1.0, slope=0.2),
        relation_days=Normal(2.5, 1.2, slope=0.4, missing=0.3),
        transfers_day=1.5,
        counterparties_week=4.0,
        cash_week=4.0,
        channels=(0.1, 0.15, 0.1, 0.65),
        corridors=(0.93, 0.05, 0.015, 0.005),
        night=0.1,
    ),
    Typology(
        "treasury",
        shares=(0.02, 0.02, 0.14, 0.55),
        amount=Normal(2.0, 1.0, slope=1.0),
        idle_days=Normal(0.0, 0.9),
        hold_hours=Normal(2.0, 1.1, missing=0.1),
        passed_on=Normal(1.5, 1.2),
        returned=Normal(-2.5, 1.2, slope=0.3),
        relation_days=Normal(2.2, 1.2, slope=0.45, missing=0.15),
        transfers_day=4.0,
        counterparties_week=8.0,
        cash_week=0.2,
        channels=(0.05, 0.65, 0.29, 0.01),
        corridors=(0.6, 0.22, 0.15, 0.03),
        night=0.25,
    ),
    Typology(
        "seasonal",
        shares=(0.08, 0.04, 0.06, 0.05),
        amount=Normal(1.2, 1.1, slope=0.95),
        idle_days=Normal(4.0, 0.9),
        hold_hours=Normal(4.5, 1.4, missing=0.3),
        passed_on=Normal(-0.3, 1.5),
        returned=Normal(-3.8, 1.0, slope=0.2),
        relation_days=Normal(2.0, 1.3, slope=0.45, missing=0.3),
        transfers_day=0.6,
        counterparties_week=1.5,
        cash_week=0.3,
        channels=(0.2, 0.45, 0.3, 0.05),
        corridors=(0.8, 0.1, 0.08, 0.02),
        night=0.25,
    ),
)
SUSPICIOUS = (
    Typology(
        "structuring",
        shares=(0.3, 0.2),
        amount=Normal(8.9, 0.15, drift=-0.5),  # below a threshold, and later below a lower one
        idle_days=Normal(0.5, 0.9),
        hold_hours=Normal(3.2, 1.1, missing=0.2),
        passed_on=Normal(0.8, 1.2),
        returned=Normal(-3.5, 1.0, slope=0.2),
        relation_days=Normal(1.5, 1.3, slope=0.35, missing=0.35),
        transfers_day=2.2,
        counterparties_week=3.0,
        cash_week=5.0,
        channels=(0.02, 0.13, 0.1, 0.75),
        corridors=(0.88, 0.06, 0.04, 0.02),
        night=0.15,
    ),
    Typology(
        "rapid movement",
        shares=(0.25, 0.3),
        amount=Normal(3.2, 1.0, slope=0.8),
        idle_days=Normal(0.8, 1.1),
        hold_hours=Normal(0.9, 0.9, drift=0.6, missing=0.1),
        passed_on=Normal(2.8, 0.9),
        returned=Normal(-3.3, 1.1, slope=0.2),
        relation_days=Normal(1.0, 1.3, slope=0.3, missing=0.35),
        transfers_day=4.0,
        counterparties_week=5.0,
        cash_week=0.4,
        channels=(0.05, 0.4, 0.5, 0.05),
        corridors=(0.45, 0.2, 0.2, 0.15),
        night=0.5,
    ),
    Typology(
        "round trip",
        shares=(0.15, 0.15),
        amount=Normal(2.6, 0.9, slope=0.9),
        idle_days=Normal(1.2, 1.0),
        hold_hours=Normal(2.5, 1.0, missing=0.1),
        passed_on=Normal(2.0, 1.0),
        returned=Normal(-0.5, 1.1, slope=0.4),
        relation_days=Normal(2.0, 1.2, slope=0.35, missing=0.15),
        transfers_day=3.0,
        counterparties_week=4.0,
        cash_week=0.2,
        channels=(0.02, 0.7, 0.27, 0.01),
        corridors=(0.4, 0.2, 0.25, 0.15),
        night=0.3,
    ),
    Typology(
        "dormant account waking",
        shares=(0.18, 0.12),
        amount=Normal(3.3, 1.1, slope=0.7),
        idle_days=Normal(5.2, 0.7),
        hold_hours=Normal(2.2, 1.2, missing=0.15),
        passed_on=Normal(1.6, 1.1),
        returned=Normal(-3.3, 1.0, slope=0.2),
        relation_days=Normal(0.8, 1.3, slope=0.3, missing=0.4),
        transfers_day=1.8,
        counterparties_week=2.5,
        cash_week=0.5,
        channels=(0.1, 0.45, 0.4, 0.05),
        corridors=(0.6, 0.15, 0.15, 0.1),
        night=0.4,
    ),
    Typology(
        "funnel account",
        shares=(0.12, 0.23),
        amount=Normal(1.2, 0.9, slope=0.8),
        idle_days=Normal(0.0, 0.9),
        hold_hours=Normal(2.4, 1.0, missing=0.2),
        passed_on=Normal(1.9, 1.0, drift=-0.6),
        returned=Normal(-3.5, 1.0, slope=0.2),
        relation_days=Normal(0.5, 1.2, slope=0.25, missing=0.45),
        transfers_day=4.0,
        counterparties_week=10.0,
        cash_week=0.8,
        channels=(0.1, 0.3, 0.5, 0.1),
        corridors=(0.7, 0.14, 0.1, 0.06),
        night=0.35,
    ),
)
