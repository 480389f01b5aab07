"""What a study says about the claims of the literature, and about its own controls."""

from prunesim.results.claims.gaps import TOO_FEW_LAYERS as TOO_FEW_LAYERS
from prunesim.results.claims.registry import CLAIMS as CLAIMS
from prunesim.results.claims.statistics import verdict as verdict
from prunesim.results.claims.table import COLUMNS as COLUMNS
from prunesim.results.claims.table import claims as claims
