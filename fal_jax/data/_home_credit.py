"""The columns of Home Credit's `application_train.csv`.

Their levels are those of the whole file, some of which the first 5,000 rows lack.
"""

from fal_jax.data._columns import Column, Kind

_WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_HOUSING = (
    *("House / apartment", "With parents", "Municipal apartment", "Rented apartment"),
    *("Office apartment", "Co-op apartment"),
)
_OCCUPATIONS = (
    *("Accountants", "Cleaning staff", "Cooking staff", "Core staff", "Drivers", "HR staff"),
    *("High skill tech staff", "IT staff", "Laborers", "Low-skill Laborers", "Managers"),
    *("Medicine staff", "Private service staff", "Realty agents", "Sales staff", "Secretaries"),
    *("Security staff", "Waiters/barmen staff"),
)
_ORGANIZATIONS = (
    *("Advertising", "Agriculture", "Bank", "Cleaning", "Construction", "Culture", "Electricity"),
    *("Emergency", "Government", "Hotel", "Housing", "Insurance", "Kindergarten"),
    *("Legal Services", "Medicine", "Military", "Mobile", "Other", "Police", "Postal", "Realtor"),
    *("Religion", "Restaurant", "School", "Security", "Security Ministries", "Self-employed"),
    *("Services", "Telecom", "University", "XNA"),
    *(f"Business Entity Type {number}" for number in range(1, 4)),
    *(f"Industry: type {number}" for number in range(1, 14)),
    *(f"Trade: type {number}" for number in range(1, 8)),
    *(f"Transport: type {number}" for number in range(1, 5)),
)
_LEVELS = {
    "NAME_CONTRACT_TYPE": ("Cash loans", "Revolving loans"),
    "CODE_GENDER": ("F", "M", "XNA"),
    "FLAG_OWN_CAR": ("N", "Y"),
    "FLAG_OWN_REALTY": ("N", "Y"),
    "NAME_TYPE_SUITE": (
        *("Unaccompanied", "Family", "Spouse, partner", "Children", "Other_A", "Other_B"),
        "Group of people",
    ),
    "NAME_INCOME_TYPE": (
        *("Working", "Commercial associate", "Pensioner", "State servant", "Unemployed"),
        *("Student", "Businessman", "Maternity leave"),
    ),
    "NAME_EDUCATION_TYPE": (
        *("Lower secondary", "Secondary / secondary special", "Incomplete higher"),
        *("Higher education", "Academic degree"),
    ),
    "NAME_FAMILY_STATUS": (
        *("Married", "Single / not married", "Civil marriage", "Separated", "Widow", "Unknown"),
    ),
    "NAME_HOUSING_TYPE": _HOUSING,
    "OCCUPATION_TYPE": _OCCUPATIONS,
    "WEEKDAY_APPR_PROCESS_START": _WEEKDAYS,
    "ORGANIZATION_TYPE": _ORGANIZATIONS,
    "FONDKAPREMONT_MODE": (
        *("reg oper account", "reg oper spec account", "org spec account", "not specified"),
    ),
    "HOUSETYPE_MODE": ("block of flats", "specific housing", "terraced house"),
    "WALLSMATERIAL_MODE": (
        *("Stone, brick", "Panel", "Block", "Wooden", "Mixed", "Monolithic", "Others"),
    ),
    "EMERGENCYSTATE_MODE": ("No", "Yes"),
}
_BUILDING = """
APARTMENTS BASEMENTAREA YEARS_BEGINEXPLUATATION YEARS_BUILD COMMONAREA ELEVATORS ENTRANCES
FLOORSMAX FLOORSMIN LANDAREA LIVINGAPARTMENTS LIVINGAREA NONLIVINGAPARTMENTS NONLIVINGAREA
"""
_LOAN = """
SK_ID_CURR TARGET NAME_CONTRACT_TYPE CODE_GENDER FLAG_OWN_CAR FLAG_OWN_REALTY CNT_CHILDREN
AMT_INCOME_TOTAL AMT_CREDIT AMT_ANNUITY AMT_GOODS_PRICE NAME_TYPE_SUITE NAME_INCOME_TYPE
NAME_EDUCATION_TYPE NAME_FAMILY_STATUS NAME_HOUSING_TYPE REGION_POPULATION_RELATIVE DAYS_BIRTH
DAYS_EMPLOYED DAYS_REGISTRATION DAYS_ID_PUBLISH OWN_CAR_AGE FLAG_MOBIL FLAG_EMP_PHONE
FLAG_WORK_PHONE FLAG_CONT_MOBILE FLAG_PHONE FLAG_EMAIL OCCUPATION_TYPE CNT_FAM_MEMBERS
REGION_RATING_CLIENT REGION_RATING_CLIENT_W_CITY WEEKDAY_APPR_PROCESS_START
HOUR_APPR_PROCESS_START REG_REGION_NOT_LIVE_REGION REG_REGION_NOT_WORK_REGION
LIVE_REGION_NOT_WORK_REGION REG_CITY_NOT_LIVE_CITY REG_CITY_NOT_WORK_CITY
LIVE_CITY_NOT_WORK_CITY ORGANIZATION_TYPE EXT_SOURCE_1 EXT_SOURCE_2 EXT_SOURCE_3
"""
_INQUIRIES = tuple(
    f"AMT_REQ_CREDIT_BUREAU_{span}" for span in ("HOUR", "DAY", "WEEK", "MON", "QRT", "YEAR")
)
# In the file's order; the first is the loan's number, the second the label.
HEADER = (
    *_LOAN.split(),
    *(f"{name}_{statistic}" for statistic in ("AVG", "MODE", "MEDI") for name in _BUILDING.split()),
    *("FONDKAPREMONT_MODE", "HOUSETYPE_MODE", "TOTALAREA_MODE", "WALLSMATERIAL_MODE"),
    "EMERGENCYSTATE_MODE",
    *("OBS_30_CNT_SOCIAL_CIRCLE", "DEF_30_CNT_SOCIAL_CIRCLE"),
    *("OBS_60_CNT_SOCIAL_CIRCLE", "DEF_60_CNT_SOCIAL_CIRCLE"),
    "DAYS_LAST_PHONE_CHANGE",
    *(f"FLAG_DOCUMENT_{number}" for number in range(2, 22)),
    *_INQUIRIES,
)
_COMPLETE = {
    *("NAME_CONTRACT_TYPE", "CODE_GENDER", "CNT_CHILDREN", "AMT_INCOME_TOTAL", "AMT_CREDIT"),
    *("NAME_INCOME_TYPE", "NAME_EDUCATION_TYPE", "NAME_FAMILY_STATUS", "NAME_HOUSING_TYPE"),
    *("DAYS_BIRTH", "DAYS_REGISTRATION", "DAYS_ID_PUBLISH", "WEEKDAY_APPR_PROCESS_START"),
    *("HOUR_APPR_PROCESS_START", "ORGANIZATION_TYPE"),
    *(name for name in HEADER if name.startswith(("FLAG_", "REG", "LIVE_"))),
}


def _kind(name: str) -> Kind:
    """Amounts on a log scale; counts, days, shares and rare flags by rank, which bounds them."""
    if name in _LEVELS:
        return "category"
    if name == "HOUR_APPR_PROCESS_START":
        return "hour"
    if name.startswith("EXT_SOURCE"):
        return "number"
    return "log" if name.startswith("AMT_") and name not in _INQUIRIES else "quantile"


COLUMNS = tuple(
    Column(name, _kind(name), missing=name not in _COMPLETE, levels=_LEVELS.get(name, ()))
    for name in HEADER[2:]
)
