"""What a classifier was fitted as, which options set afterwards do not change."""

from typing import Any, NamedTuple


class Form(NamedTuple):
    """The options that shape what is fitted, as they were then; the loss by its name there."""

    loss: str
    hidden: tuple[int, ...]
    members: int
    scaling: str


def form_of(classifier: Any) -> Form:
    """What another fit would give, by the options."""
    classifier._method()  # refuses an unknown one
    hidden = tuple(int(width) for width in classifier.hidden)
    loss = getattr(classifier, classifier._loss)
    return Form(loss, hidden, int(classifier.members), classifier.scaling)


def check_form(loss: str, before: Form, now: Form, way_out: str) -> None:
    """Refuses to go on as something else than what was fitted; `loss` is that option's name."""
    for field, old, new in zip(Form._fields, before, now, strict=True):
        if old != new:
            name = loss if field == "loss" else field
            raise ValueError(
                f"{name} must stay {old!r}, as it was fitted, to go on from it, got {new!r}: set "
                f"{name} back, or {way_out}."
            )
