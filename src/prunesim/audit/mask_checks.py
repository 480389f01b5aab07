"""What the mask of a round must be: the counts that were asked for, and nothing back that had gone."""

import numpy as np

from prunesim.pruning.controls import CONTROLS, whole
from prunesim.pruning.criteria import select_tensors
from prunesim.pruning.filters import (
    filters_to_remove,
    full_mask,
    remaining_filters,
    remove_filters,
    select_groups,
)
from prunesim.pruning.targets import targets

# Controls whose masks may hold what an earlier one of theirs had not.
_FREE = ("shuffle",)


def check_mask_step(path, mask, before, other, settings, kinds, coupling=None):
    """Return a sentence for each thing about a mask that is not as its settings ask.

    Parameters
    ----------
    path : path-like
        Of the mask.
    mask : dict of str to numpy.ndarray
    before : dict of str to numpy.ndarray or None
        The mask that was pruned further; None where a round begins with all weights.
    other : dict of str to numpy.ndarray or None
        Of a control: the mask of its method at the round.
    settings : dict
        That the mask was made with.
    kinds : dict of str to str
        ``conv`` or ``linear`` by weight tensor.
    coupling : list of dict, optional
        Which filters go together, where whole filters are pruned.
    """
    if before is None:
        before = whole(mask, None, None)
    selected = select_tensors(kinds, settings["types"], settings["exclude"])
    if coupling is not None:
        return _check_filters(path, mask, before, settings, select_groups(coupling, selected))
    if settings.get("unit") != "filter" and set(mask) != set(selected):
        return [f"{path} is for {', '.join(sorted(mask))}; the method prunes {', '.join(selected)}."]
    if set(mask) != set(before):
        return [f"{path} is for other tensors than the mask of the round before."]
    control = settings.get("control")
    problems = [] if control in _FREE else _check_nested(path, mask, before)
    found = {name: int(kept.sum()) for name, kept in mask.items()}
    if control and CONTROLS[control] is whole:
        asked = [([name], kept.size) for name, kept in mask.items()]
    elif control:
        if other is None:
            return [*problems, f"{path} is of a control, but the mask of its method at this round is missing."]
        if control == "reinitialise" and any(not np.array_equal(mask[name], other[name]) for name in mask):
            problems.append(f"{path} is not the mask of the method that it is a control of.")
        asked = [([name], int(other[name].sum())) for name in mask]
    else:
        shapes = {name: kept.shape for name, kept in mask.items()}
        remaining = {name: int(kept.sum()) for name, kept in before.items()}
        goal = {key: settings[key] for key in ("scope", "fraction", "density") if key in settings}
        asked = targets(shapes, remaining, **goal)
    return problems + _check_counts(path, found, before, asked)


def _check_filters(path, mask, before, settings, groups):
    """Check that a mask is 0 exactly where whole filters lie, and as many of them as were asked for."""
    expected = full_mask(mask, groups)
    if set(mask) != set(expected):
        return [f"{path} is not for the tensors that hold the filters of the method."]
    kept, earlier = remaining_filters(mask, groups), remaining_filters(before, groups)
    for group, alive in zip(groups, kept, strict=True):
        remove_filters(expected, group, np.flatnonzero(~alive))
    problems = _check_nested(path, mask, before)
    problems += [
        f"{path}: what is pruned of {name} is not whole filters."
        for name in mask
        if not np.array_equal(mask[name], expected[name])
    ]
    together = [range(len(groups))] if settings["scope"] == "global" else [[index] for index in range(len(groups))]
    for indices in together:
        remaining = sum(int(earlier[index].sum()) for index in indices)
        goal = {key: settings[key] for key in ("fraction", "density") if key in settings}
        # The best filter of each group stays.
        stay = max(remaining - filters_to_remove([earlier[index] for index in indices], **goal), len(indices))
        found = sum(int(kept[index].sum()) for index in indices)
        if found != stay:
            where = f" of {groups[indices[0]]['name']}" if len(indices) == 1 else ""
            problems.append(f"{path} keeps {found} filters{where}; {stay} of {remaining} should remain.")
    return problems


def _check_nested(path, mask, before):
    revived = {name: int(np.count_nonzero(kept > before[name])) for name, kept in mask.items()}
    return [
        f"{path}: {count} weights of {name} come back that an earlier round had pruned."
        for name, count in revived.items()
        if count
    ]


def _check_counts(path, found, before, asked):
    problems = []
    for names, expected in asked:
        kept, remaining = sum(found[name] for name in names), sum(int(before[name].sum()) for name in names)
        if kept != expected:
            where = f" of {names[0]}" if len(names) == 1 else ""
            problems.append(f"{path} keeps {kept} weights{where}; {expected} of {remaining} should remain.")
    return problems
