"""What is wrong with single images, gathered so that all of them are named at once."""

from prunesim.errors import PrunesimError

SHOWN = 10


class ImageFault(PrunesimError):
    """An image that cannot be used.

    Attributes
    ----------
    found : str
        The image and what is wrong with it.
    advice : str
        What would be right.
    """

    def __init__(self, path, fault, advice):
        self.found, self.advice = f"{path} {fault}", advice
        super().__init__(f"{self.found}; {advice}.")


def together(faults):
    """Return one error for some faults: the first `SHOWN` by name, each advice once."""
    if len(faults) == 1:
        return faults[0]
    shown = "; ".join(fault.found for fault in faults[:SHOWN])
    more = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
    advice = "; or ".join(dict.fromkeys(fault.advice for fault in faults))
    return PrunesimError(f"{len(faults)} images cannot be used: {shown}{more}. What helps: {advice}.")
