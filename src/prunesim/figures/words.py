"""Words for the measures: standard library only, for all that shows them."""

MEASURES = {
    "cca_mean": "mean CCA",
    "cca_mean_98": "mean CCA, leading 98 %",
    "svcca": "SVCCA",
    "pwcca": "PWCCA",
    "cka_linear": "linear CKA",
    "cka_linear_debiased": "debiased linear CKA",
    "cka_rbf": "RBF CKA",
    "nbs": "NBS",
    "procrustes_distance": "Procrustes; 0 is equal",
    "subspace_match": "subspace match",
    "mutual_knn": "mutual nearest neighbours",
    "linear_r2": "linear regression, explained share",
}
DISTANCES = ("procrustes_distance",)


def measure_label(measure):
    """Return the axis label of a measure."""
    return f"{'Distance' if measure in DISTANCES else 'Similarity'} ({MEASURES.get(measure, measure)})"
