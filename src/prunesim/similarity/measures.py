"""The registry: every measure with its declared properties, as data that the tests check both ways."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from prunesim.errors import PrunesimError
from prunesim.similarity import gradients, kernels, linear


@dataclass(frozen=True)
class Measure:
    """A similarity measure and what is claimed about it.

    Attributes
    ----------
    function : callable
        ``function(pair, **settings)`` for measures of co-moments (kind "linear"), and for kernel measures
        ``function(first, second, starts, **settings)`` of what `prepare` returned for each network.
    source : str
        Where the measure was defined.
    kind : {"linear", "kernel"}
        Kernel measures are computed on a subset of the samples.
    gradient : callable, optional
        ``gradient(pair, **settings)``, see `prunesim.similarity.gradients`. Measures without it are computed anew
        without each block.
    steps : callable, optional
        ``steps(pair, **settings)`` returns the settings between which a sample leaves a step of the measure in doubt;
        its interval reaches over those of all.
    prepare : callable, optional
        ``prepare(sample, starts, **settings)``, for kernel measures.
    bounds : (float, float)
        Smallest and largest possible value.
    larger_is_more_similar : bool
    symmetric : bool
        Whether the two networks may be swapped.
    orthogonal, permutation, isotropic_scaling, translation, invertible : bool
        Whether the value stays when one network is rotated, has its neurons permuted, is multiplied by
        a number, has a vector added to each sample, or goes through an invertible linear map.
    needs_samples : bool
        Whether more samples than neurons are needed for the value to mean anything.
    minimum_samples : int
        Fewest samples for which the measure is defined.
    bias_corrected : bool
        Whether intervals are centred on the bias-corrected estimate. Not for measures that are steps, or that
        mean something else when there are more samples.
    needs_norms : bool
        Whether the moments must hold row norms.
    settings : dict
        Names and defaults of what can be set.
    """

    function: Callable
    source: str
    kind: str = "linear"
    gradient: Callable | None = None
    steps: Callable | None = None
    prepare: Callable | None = None
    bounds: tuple = (0.0, 1.0)
    larger_is_more_similar: bool = True
    symmetric: bool = True
    orthogonal: bool = True
    permutation: bool = True
    isotropic_scaling: bool = True
    translation: bool = True
    invertible: bool = False
    needs_samples: bool = False
    minimum_samples: int = 2
    bias_corrected: bool = True
    needs_norms: bool = False
    settings: dict = field(default_factory=dict)


MEASURES = {
    "cca_mean": Measure(
        linear.cca_mean,
        "Hotelling 1936; Raghu et al. 2017",
        gradient=gradients.cca_mean_gradient,
        invertible=True,
        needs_samples=True,
    ),
    "cca_mean_98": Measure(
        linear.cca_mean_98,
        "google/svcca, Raghu et al. 2017",
        gradient=gradients.cca_mean_98_gradient,
        steps=linear.leading_counts,
        invertible=True,
        needs_samples=True,
    ),
    "svcca": Measure(
        linear.svcca,
        "Raghu et al. 2017",
        gradient=gradients.svcca_gradient,
        needs_samples=True,
        settings={"variance": 0.99, "directions": None},
    ),
    "pwcca": Measure(
        linear.pwcca,
        "Morcos et al. 2018",
        gradient=gradients.pwcca_gradient,
        symmetric=False,
        orthogonal=False,
        needs_samples=True,
        settings={"weights": "first"},
    ),
    "cka_linear": Measure(
        linear.cka_linear, "Cortes et al. 2012; Kornblith et al. 2019", gradient=gradients.cka_linear_gradient
    ),
    "cka_linear_debiased": Measure(
        linear.cka_linear_debiased,
        "Song et al. 2012; Kornblith et al. 2019",
        bounds=(-1.0, 1.0),
        minimum_samples=4,
        needs_norms=True,
    ),
    "nbs": Measure(linear.nbs, "Tang et al. 2020", gradient=gradients.nbs_gradient),
    "procrustes_distance": Measure(
        linear.procrustes_distance,
        "Ding et al. 2021",
        gradient=gradients.procrustes_gradient,
        bounds=(0.0, 2.0),
        larger_is_more_similar=False,
    ),
    "linear_r2": Measure(
        linear.linear_r2,
        "Kornblith et al. 2019",
        gradient=gradients.linear_r2_gradient,
        symmetric=False,
        needs_samples=True,
    ),
    "subspace_match": Measure(
        linear.subspace_match,
        "Wang et al. 2018",
        orthogonal=False,
        translation=False,
        needs_samples=True,
        bias_corrected=False,
        settings={"epsilon": 0.5},
    ),
    "cka_rbf": Measure(
        kernels.cka_rbf,
        "Kornblith et al. 2019",
        kind="kernel",
        prepare=kernels.prepare_rbf,
        settings={"bandwidth": 1.0},
    ),
    "mutual_knn": Measure(
        kernels.mutual_knn,
        "Huh et al. 2024",
        kind="kernel",
        prepare=kernels.prepare_neighbours,
        bias_corrected=False,
        settings={"neighbours": 10},
    ),
}


def selected(names):
    """Return {name: Measure} for the names given, or all for "all".

    Raises
    ------
    PrunesimError
        If a name is unknown.
    """
    names = list(MEASURES) if names == "all" else [names] if isinstance(names, str) else list(names)
    for name in names:
        if name not in MEASURES:
            raise PrunesimError(f"The measure {name!r} is not known; the measures are {', '.join(MEASURES)}.")
    return {name: MEASURES[name] for name in names}


def split_settings(measures, settings):
    """Return {name: settings of that measure}; a setting that no measure has is refused.

    Raises
    ------
    PrunesimError
        If a setting is unknown or its value out of range.
    """
    known = {setting for measure in MEASURES.values() for setting in measure.settings}
    for setting, value in settings.items():
        if setting not in known:
            raise PrunesimError(f"{setting!r} is no setting of a measure; the settings are {', '.join(sorted(known))}.")
        _check(setting, value)
    return {
        name: {setting: settings.get(setting, default) for setting, default in measure.settings.items()}
        for name, measure in measures.items()
    }


def _check(setting, value):
    if setting == "weights":
        if value not in ("first", "second", "mean"):
            raise PrunesimError(f"The setting weights is {value!r}; it must be first, second or mean.")
        return
    rules = {
        "variance": (lambda v: 0 < v <= 1, "above 0 and at most 1"),
        "directions": (lambda v: v is None or (v == int(v) and v >= 1), "a whole number of at least 1, or None"),
        "epsilon": (lambda v: 0 <= v <= 1, "between 0 and 1"),
        "neighbours": (lambda v: v == int(v) and v >= 1, "a whole number of at least 1"),
        "bandwidth": (lambda v: 0 < v < math.inf, "above 0 and finite"),
    }
    fits, text = rules[setting]
    try:
        fine = bool(fits(value))
    except (TypeError, ValueError, OverflowError):  # no number, NaN, infinite
        fine = False
    if not fine:
        raise PrunesimError(f"The setting {setting} is {value!r}; it must be {text}.")
