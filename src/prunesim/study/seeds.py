"""Seeds are derived from names, never drawn from global state."""

import hashlib

ROLES = ("init", "order", "augment", "prune", "positions", "images", "validation", "subset", "null", "score", "reinit")
ROLES += ("corruption", "filters")


def derive_seed(study_seed, role, *indices):
    """Return the seed of one random decision.

    The seed depends on nothing but its arguments, so a round draws the same numbers whichever
    rounds ran before it, in whichever process.

    Parameters
    ----------
    study_seed : int
        The seed of the study (config key ``seed``).
    role : str
        What the random numbers are for, one of `ROLES`.
    *indices : int or str
        Where: usually replicate and round, or the name of a layer.

    Returns
    -------
    int
        A seed in [0, 2**63).
    """
    if role not in ROLES:
        raise ValueError(f"role {role!r} is not one of {', '.join(ROLES)}")
    text = "/".join(str(part) for part in (study_seed, role, *indices))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
