"""What the paper's tables are: files, columns, rows, and how each column is preprocessed.

`load_table` says what would leak and what is done about it.
"""

from typing import NamedTuple

from fal_jax.data._columns import Column
from fal_jax.data._home_credit import COLUMNS as HOME_CREDIT_COLUMNS
from fal_jax.data._home_credit import HEADER as HOME_CREDIT_HEADER
from fal_jax.data._parsing import Layout


class Source(NamedTuple):
    """An original file.

    Attributes:
      file: its name, a pattern where the name varies.
      rows: how many it has.
      origin: where to get it.
      layout: how it becomes a table.
      sample_files: the name of the known sample, if there is one.
      sample_rows: how many rows it has.
    """

    file: str
    rows: int
    origin: str
    layout: Layout
    sample_files: tuple[str, ...] = ()
    sample_rows: tuple[int, ...] = ()


_COMPONENTS = tuple(f"V{number}" for number in range(1, 29))
_CREDIT_CARD = Source(
    file="creditcard.csv",
    rows=284_807,
    origin="Kaggle mlg-ulb/creditcardfraud or OpenML 1597",
    layout=Layout(
        header=("Time", *_COMPONENTS, "Amount", "Class"),
        label="Class",
        columns=(
            Column("Time", "hour"),
            *(Column(name, "number") for name in _COMPONENTS),
            Column("Amount", "log"),
        ),
        per_hour=(("Time", 3600),),
        copies=(*_COMPONENTS, "Amount"),
    ),
)

_GMSC_HEADER = (
    "",
    "SeriousDlqin2yrs",
    "RevolvingUtilizationOfUnsecuredLines",
    "age",
    "NumberOfTime30-59DaysPastDueNotWorse",
    "DebtRatio",
    "MonthlyIncome",
    "NumberOfOpenCreditLinesAndLoans",
    "NumberOfTimes90DaysLate",
    "NumberRealEstateLoansOrLines",
    "NumberOfTime60-89DaysPastDueNotWorse",
    "NumberOfDependents",
)
_GMSC = Source(
    file="cs-training.csv",
    rows=150_000,
    origin="Kaggle's competition GiveMeSomeCredit",
    layout=Layout(
        header=_GMSC_HEADER,
        label="SeriousDlqin2yrs",
        columns=tuple(
            Column(name, "quantile", missing=name in ("MonthlyIncome", "NumberOfDependents"))
            for name in _GMSC_HEADER[2:]
        ),
        copies=_GMSC_HEADER[2:],
    ),
)

_HOME_CREDIT = Source(
    file="application_train.csv",
    rows=307_511,
    origin="Kaggle's competition home-credit-default-risk",
    layout=Layout(
        header=HOME_CREDIT_HEADER,
        label="TARGET",
        columns=HOME_CREDIT_COLUMNS,
        none_codes=(("DAYS_EMPLOYED", 365243),),
        copies=HOME_CREDIT_HEADER[2:],
    ),
    sample_files=("homecredit_5000.csv.xz",),
    sample_rows=(5_000,),
)

_PAYSIM_TYPES = ("CASH_IN", "CASH_OUT", "DEBIT", "PAYMENT", "TRANSFER")
_PAYSIM = Source(
    file="PS_*_log.csv",
    rows=6_362_620,
    origin="Kaggle ealaxi/paysim1",
    layout=Layout(
        header=(
            *("step", "type", "amount"),
            *("nameOrig", "oldbalanceOrg", "newbalanceOrig"),
            *("nameDest", "oldbalanceDest", "newbalanceDest"),
            *("isFraud", "isFlaggedFraud"),
        ),
        label="isFraud",
        columns=(
            Column("step", "hour"),
            Column("type", "category", levels=_PAYSIM_TYPES),
            Column("amount", "log"),
            Column("oldbalanceOrg", "log"),
            Column("oldbalanceDest", "log"),
        ),
        per_hour=(("step", 1),),
        copies=("step", "amount"),
    ),
    sample_files=("paysim_51392.csv.xz",),
    sample_rows=(51_392,),
)

_CC_FRAUD_NUMBERS = ("balance", "numTrans", "numIntlTrans", "creditLine")
_CC_FRAUD = Source(
    file="ccFraud.csv",
    rows=10_000_000,
    origin="the sample data of Microsoft's RevoScaleR, ccFraud.csv",
    layout=Layout(
        header=("custID", "gender", "state", "cardholder", *_CC_FRAUD_NUMBERS, "fraudRisk"),
        label="fraudRisk",
        columns=(
            Column("gender", "category", levels=("1", "2")),
            Column("state", "category", levels=tuple(str(state) for state in range(1, 52))),
            Column("cardholder", "category", levels=("1", "2")),
            *(Column(name, "quantile") for name in _CC_FRAUD_NUMBERS),
        ),
    ),
    sample_files=("ccfraud_1708.csv.xz",),
    sample_rows=(1_708,),
)

SOURCES = {
    "CreditCard": _CREDIT_CARD,
    "GMSC": _GMSC,
    "HomeCredit": _HOME_CREDIT,
    "PaySim": _PAYSIM,
    "CCFraud": _CC_FRAUD,
}
