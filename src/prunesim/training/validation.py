"""How many images of a class are held out of training. Without PyTorch: a forecast needs it too."""

SHOWN = 5


def held_out_count(members, share):
    """Return how many of the training images of a class are held out: the nearest whole number, halves to even."""
    return round(share * members)


def validation_gaps(class_counts, share):
    """Say which classes have no image on one side of the split.

    Parameters
    ----------
    class_counts : dict of str to int
        Training images by class, before the split.
    share : float
        ``training.validation``.

    Yields
    ------
    str
        A sentence each for the classes without a validation image, and for those without one to train with.
    """
    held_out = {name: held_out_count(count, share) for name, count in class_counts.items()}
    unseen = [name for name, count in held_out.items() if count == 0]
    untrained = [name for name, count in held_out.items() if count == class_counts[name] > 0]
    if unseen:
        fewest = min(class_counts[name] for name in unseen)
        yield (
            f"{_of_classes(unseen, class_counts)} no validation image: with training.validation {share:g} none is held "
            f"out of {fewest}, so validation loss and accuracy "
            f"{'do not exist' if len(unseen) == len(class_counts) else 'are of the other classes alone'}."
        )
    if untrained:
        yield (
            f"{_of_classes(untrained, class_counts)} no image left to train with: training.validation {share:g} holds "
            "all of them out; lower it."
        )


def _of_classes(names, class_counts):
    if len(names) == len(class_counts):
        return f"all {len(names)} classes have"
    shown = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
    return f"{len(names)} of {len(class_counts)} classes ({shown}) {'has' if len(names) == 1 else 'have'}"
