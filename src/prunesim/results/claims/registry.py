"""The claims: what each says, where it was said, and the function that holds a study against it."""

from collections.abc import Callable
from dataclasses import dataclass

from prunesim.results.claims import accuracy, connected, controls, drift, layers

ANSUINI = "Ansuini et al. 2020 (ICPRAM), abstract"
FURTHER = "extends Ansuini et al. 2020 (ICPRAM)"
BLAKENEY = "Blakeney et al. 2020 (WACV), abstract"
CONTROL = "control"
FRANKLE_CARBIN = "Frankle and Carbin 2019 (ICLR)"
FRANKLE_2021 = "Frankle et al. 2021 (ICLR), abstract"
LEE = "Lee et al. 2019 (ICLR), abstract"
PAUL = "Paul et al. 2022 (arXiv 2210.03044), abstract"


@dataclass(frozen=True)
class Claim:
    """One claim.

    Attributes
    ----------
    title : str
        The claim in a line, for figures.
    source : str
        Who made it, and where; ``control`` where it is one of prunesim's own.
    find : callable
        From a `prunesim.results.claims.finding.Study` to a `prunesim.results.claims.finding.Finding`; None where the
        study has not what the claim is about.
    bound : float
    below : bool
        The claim is that the number is below the bound, not above.
    """

    title: str
    source: str
    find: Callable
    bound: float = 0.0
    below: bool = False

    @property
    def direction(self):
        """Say on which side of the bound the claim holds, ``above`` or ``below``."""
        return "below" if self.below else "above"


MARGIN = -accuracy.ACCURACY_MARGIN

CLAIMS = {
    "accuracy_kept": Claim("Accuracy is kept to the last round", ANSUINI, accuracy.accuracy_kept, MARGIN),
    "first_layer_agrees": Claim(
        "The first layer stays closer than the weakest layer inside", ANSUINI, layers.first_layer_agrees
    ),
    "output_agrees": Claim("The last layer stays closer than those inside", ANSUINI, layers.output_agrees),
    "middle_drifts": Claim("Layers inside drift with each round", BLAKENEY, drift.middle_drifts, below=True),
    "closer_than_retrained": Claim(
        "Pruned networks stay closer than other replicates are", CONTROL, layers.closer_than_retrained
    ),
    "above_null": Claim("Every layer is more alike than shuffled images", CONTROL, layers.above_null),
    "density_kept": Claim(
        f"Accuracy is kept down to {100 * accuracy.SMALL:g} % of the weights",
        FRANKLE_CARBIN,
        accuracy.density_kept,
        accuracy.SMALL,
        below=True,
    ),
    "gap_grows": Claim("The gap of layers inside grows with sparsity", FURTHER, drift.gap_grows),
    "sparse_from_start": Claim("Sparse from the start is as good as dense", LEE, accuracy.sparse_from_start, MARGIN),
    "beats_reinitialised": Claim(
        "The same mask with other initial weights is worse", FRANKLE_CARBIN, controls.beats("reinitialise")
    ),
    "beats_random": Claim("A random mask is worse", FRANKLE_CARBIN, controls.beats("random")),
    "shuffling_hurts": Claim("Shuffling the mask hurts", FRANKLE_2021, controls.beats("shuffle")),
    "shuffling_harmless": Claim(
        "Shuffling a mask from before training is harmless", FRANKLE_2021, controls.harmless("shuffle"), MARGIN
    ),
    "reinitialising_harmless": Claim(
        "Re-initialising after a mask from before training is harmless",
        FRANKLE_2021,
        controls.harmless("reinitialise"),
        MARGIN,
    ),
    "rounds_connected": Claim(
        "No barrier between rounds that keep accuracy",
        PAUL,
        connected.connected("rounds"),
        connected.STABLE,
        below=True,
    ),
    "dense_connected": Claim(
        "No barrier from the dense network while accuracy is kept",
        PAUL,
        connected.connected("dense"),
        connected.STABLE,
        below=True,
    ),
    "barrier_once_lost": Claim(
        "A barrier between rounds once accuracy is lost", PAUL, connected.barrier_once_lost, connected.STABLE
    ),
}
