"""The paper's claims against the paper's own tables and against ours."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from experiments import choices, claims, markdown, paper, statistics, study, tables
from experiments.claims import Claim, Contest, Side
from experiments.study import Record, Records
from fal_jax import metrics
from fal_jax.metrics import Comparison

HOLDS, FAILS, UNTOLD = "holds", "does not hold", "can't be told"
READINGS = ("FAML", "FAML-0.999")
JUDGED = {**study.BUDGETS, "own": "the paper's settings, each metric's own choice"}
"""What a claim is held against: the records of each budget, and what choosing otherwise makes."""
_NOTE = f"""\
Our verdicts are by whole data sets alone. A comparison is *ahead* where its paired difference is
positive with p < {statistics.LEVEL} by the corrected resampled t-test and, where the claim names an
amount, no smaller than that; *behind* where it is below what is claimed (0, or the amount) with
p < {statistics.LEVEL} after Holm's correction over the claim's comparisons; else *within error*. A
claim holds where all its comparisons are ahead on as many data sets as it names; it does not hold
where for that too many data sets have one behind; else it can't be told. Holdout and folds are
compared without pairing. FAML is judged in both readings of its rate: decaying from 0.9 (FAML), and
0.999 (FAML-0.999). Settings are chosen by average precision, and with *each metric's own choice*,
for each metric by itself; both on validation rows. The paper's own cells have no runs to test:
there ahead is by the figure alone, and rows in doubt are left out."""


class Finding(NamedTuple):
    """What was found on a claim: the verdict, its numbers in short, and what is behind them."""

    verdict: str
    numbers: str
    details: str = ""


def section(records: Records) -> str:
    """The table of claims, and in full what its cells are made of."""
    records = {**records, **choices.own(records, "paper")}
    rows, details = [], []
    for claim in claims.CLAIMS:
        theirs, readings = published(claim), _readings(claim)
        ours = {
            (budget, reading): found(claim, records, budget, reading)
            for budget in JUDGED
            for reading in readings
        }
        named = {key: f"{key[1]}: " if len(readings) > 1 else "" for key in ours}
        cells = [
            "<br>".join(named[key] + _shown(ours[key]) for key in ours if key[0] == budget)
            for budget in JUDGED
        ]
        rows.append([claim.quote, _shown(theirs), *cells, f"**{overall(ours)}**"])
        details += [f"- {claim.quote}", f"  - the paper's own table: {theirs.details}"]
        details += [
            f"  - {JUDGED[key[0]]}: {named[key]}{finding.details}" for key, finding in ours.items()
        ]
    header = ["claim", "in the paper's own table"]
    header += [f"here: {title}" for title in JUDGED.values()]
    table = markdown.table([*header, "verdict"], rows, rule="---")
    in_full = "<details><summary>In full</summary>\n\n" + "\n".join(details) + "\n\n</details>"
    return f"{_NOTE}\n\n{table}\n\n{in_full}"


def published(claim: Claim) -> Finding:
    """The claim in the paper's own tables: figures without spread, rows in doubt left out."""
    gaps: dict[Contest, float] = {}
    for contest in claim.contests:
        left, right = (_cell(contest.dataset, side) for side in (contest.left, contest.right))
        if not left.doubt and not right.doubt:
            gaps[contest] = getattr(left, contest.metric) - getattr(right, contest.metric)
    # A claim is rounded to two digits, so its tables are held to no more.
    behind = [
        contest
        for contest, gap in gaps.items()
        if not (round(gap, 2) >= claim.amount if claim.amount else gap > 0)
    ]
    won = len(claim.datasets) - len({contest.dataset for contest in behind})
    verdict = HOLDS if won >= claim.needed else FAILS
    numbers = f"{len(gaps) - len(behind)} of {len(gaps)} ahead"
    if len(gaps) == 1:
        numbers = f"{next(iter(gaps.values())):+.4f}"
    details = (
        f"all ahead on {won} of {len(claim.datasets)} data sets; differences "
        f"{min(gaps.values()):+.4f} to {max(gaps.values()):+.4f}"
        f"{_beyond_errors(gaps)}{_named('not ahead', behind)}"
    )
    return Finding(verdict, numbers, details)


def _beyond_errors(gaps: Mapping[Contest, float]) -> str:
    """How many gaps of Table 3 are above twice the standard errors that it prints."""
    errors = {
        contest: [
            getattr(_cell(contest.dataset, side), f"{contest.metric}_error")
            for side in (contest.left, contest.right)
        ]
        for contest in gaps
        if contest.left.protocol == contest.right.protocol == "nested-cv"
    }
    if not errors:
        return ""
    beyond = sum(gaps[contest] > 2 * math.hypot(*pair) for contest, pair in errors.items())
    return f"; {beyond} of them above twice the standard errors it prints, together"


def _cell(dataset: str, side: Side) -> paper.Cell | paper.FoldCell:
    table = paper.TABLE_2 if side.protocol == "holdout" else paper.TABLE_3
    return table[dataset][side.method]


def found(claim: Claim, records: Records, budget: str, reading: str) -> Finding:
    """The claim in our records of one budget, FAML being one reading of it."""
    on_whole: dict[Contest, Comparison] = {}
    on_samples: dict[Contest, Comparison] = {}
    for contest in claim.contests:
        sides = [_record(contest, side, records, budget) for side in (contest.left, contest.right)]
        comparison = _compared(contest, sides[0], sides[1], reading)
        if comparison is not None:
            sampled = any(side and side["is_sample"] for side in sides)
            (on_samples if sampled else on_whole)[contest] = comparison
    verdict, numbers, details = _judged(claim, on_whole)
    parts = [details] if on_whole else []
    if on_samples:
        apart = _judged(claim, on_samples)
        names = study.labels(
            {
                contest.dataset: record
                for contest in on_samples
                for side in (contest.left, contest.right)
                if (record := _record(contest, side, records, budget)) and record["is_sample"]
            }
        )
        parts.append(f"samples apart, {names}: {apart.numbers}; {apart.details}")
    run = {contest.dataset for contest in (*on_whole, *on_samples)}
    parts += [f"not run: {', '.join(d for d in claim.datasets if d not in run)}"]
    whole = {contest.dataset for contest in on_whole}
    if missing := [dataset for dataset in claim.datasets if dataset not in whole]:
        numbers = "; ".join(filter(None, [numbers, f"not run whole: {', '.join(missing)}"]))
    return Finding(verdict, numbers, "; ".join(part for part in parts if part != "not run: "))


def _record(contest: Contest, side: Side, records: Records, budget: str) -> Record | None:
    return records.get((contest.dataset, side.protocol, budget))


def _compared(
    contest: Contest, left: Record | None, right: Record | None, reading: str
) -> Comparison | None:
    if left is None or right is None:
        return None
    first, second = (
        reading if side.method == "FAML" else side.method for side in (contest.left, contest.right)
    )
    if contest.left.protocol == contest.right.protocol:
        return study.compare(left, first, second, contest.metric)
    return study.compare_protocols(left, right, first, contest.metric)


def _judged(claim: Claim, compared: dict[Contest, Comparison]) -> Finding:
    """The verdict by comparisons with spread, and the numbers it is by."""
    against = metrics.holm([c.p_value(claim.amount) for c in compared.values()])
    behind, ahead = [], []
    for (contest, comparison), p_value in zip(compared.items(), against, strict=True):
        enough = comparison.difference >= max(claim.amount, 0)
        if enough and comparison.difference > 0 and comparison.p_value() < statistics.LEVEL:
            ahead.append(contest)
        elif p_value < statistics.LEVEL and comparison.difference < claim.amount:
            behind.append(contest)
    won = _won(claim, ahead)
    lost = {contest.dataset for contest in behind}
    verdict = UNTOLD
    if len(won) >= claim.needed:
        verdict = HOLDS
    elif len(claim.datasets) - len(lost) < claim.needed:
        verdict = FAILS
    numbers = (
        f"{len(ahead)} ahead, {len(compared) - len(ahead) - len(behind)} within error, "
        f"{len(behind)} behind of {len(compared)}"
    )
    if len(compared) == 1:
        (comparison,) = compared.values()
        numbers = tables.gap(comparison)
    details = _named("ahead", ahead) + _named("behind", behind)
    details = f"all ahead on {len(won)} of {len(claim.datasets)} data sets{details}"
    if len(compared) == 1:
        (comparison,) = compared.values()
        details = f"p = {comparison.p_value():.3f} of no difference" + (
            f", {comparison.p_value(claim.amount):.3f} of {claim.amount}" if claim.amount else ""
        )
    return Finding(verdict, numbers if compared else "", details)


def _won(claim: Claim, ahead: Sequence[Contest]) -> list[str]:
    """The data sets on which every contest of the claim is ahead."""
    return [
        dataset
        for dataset in claim.datasets
        if all(contest in ahead for contest in claim.contests if contest.dataset == dataset)
    ]


def overall(findings: Mapping[tuple[str, str], Finding]) -> str:
    """One verdict of findings by budget and reading, or each of them where they differ."""
    if len({finding.verdict for finding in findings.values()}) == 1:
        return next(iter(findings.values())).verdict
    parts = []
    for budget, title in JUDGED.items():
        by_reading = {r: f.verdict for (b, r), f in findings.items() if b == budget}
        if len(set(by_reading.values())) == 1:
            parts.append(f"{next(iter(by_reading.values()))} ({title})")
        else:
            parts += [f"{verdict} ({title}, {r})" for r, verdict in by_reading.items()]
    return "; ".join(parts)


def _readings(claim: Claim) -> Sequence[str]:
    """The readings of FAML that a claim has to be judged in."""
    of_faml = any(contest.left.method == "FAML" for contest in claim.contests)
    return READINGS if of_faml else READINGS[:1]


def _shown(finding: Finding) -> str:
    return f"*{finding.verdict}*: {finding.numbers}"


def _named(word: str, contests: Sequence[Contest]) -> str:
    """Contests by name."""
    if not contests:
        return ""
    names = [
        f"{c.dataset} {c.left.method} {study.METRICS[c.metric]}"
        + (f" ({c.right.method})" if c.right.method != c.left.method else "")
        for c in contests
    ]
    return f"; {word}: {', '.join(names)}"
