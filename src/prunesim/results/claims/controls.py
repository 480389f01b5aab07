"""Claims about a method against its controls: is it the weights, the mask, or only how many weights of each layer?"""

from prunesim.results.claims.accuracy import (
    ACCURACY_MARGIN,
    AS_SHARES,
    accuracies,
    differences,
    image_noise,
)
from prunesim.results.claims.finding import Finding

MADE = {
    "reinitialise": "of the same mask and other initial weights",
    "random": "with as many weights of each layer removed at random, round after round",
    "shuffle": "with the mask shuffled within each layer",
}
STARTS = {"init": "rewound to its initial weights", "lr": "retrained from its trained weights", "none": "fine-tuned"}


def beats(control):
    """Return the claim that a method, pruned after training, is better than its control of this sort."""

    def find(study):
        if study.about.get("control") != control or study.about["early"]:
            return None
        return _compared(study, "has a higher test accuracy than", "above 0 supports it", 1)

    return find


def harmless(control):
    """Return the claim that a control of this sort does as well as its method, which prunes before training."""

    def find(study):
        if study.about.get("control") != control or not study.about["early"]:
            return None
        return _compared(study, f"is no more than {ACCURACY_MARGIN} better than", AS_SHARES, -1)

    return find


def _compared(study, how, support, sign):
    method, of = study.method, study.about["of"]
    rounds = [set(study.networks.loc[study.networks["method"] == name, "round"]) for name in (method, of)]
    common = rounds[0] & rounds[1] - {0}
    if not common:
        return None
    last = max(common)
    mine, other = accuracies(study, method, last), accuracies(study, of, last)
    first, second = (other, mine) if sign > 0 else (mine, other)
    values, notes = differences(first, second)
    variance, said = image_noise(study, first, second)
    sides = f"{of} minus {method}" if sign > 0 else f"{method} minus {of}"
    units = "" if "shares" in support else "as shares of the test images; "
    return Finding(
        statement=f"{study.after(last)}, {of}, {_start(study.about['rewind'])}, {how} the control {method}, "
        f"{MADE[study.about['control']]} ({sides}, {units}{support}).",
        values=values,
        notes=notes + said,
        image_variance=variance,
    )


def _start(rewind):
    if isinstance(rewind, dict):
        ((unit, number),) = ((unit, number) for unit, number in rewind.items() if number is not None)
        return f"rewound to its weights at {unit} {number}"
    return STARTS[rewind]
