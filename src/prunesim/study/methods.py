"""What each method of a study does, made complete: what a control takes from its method, how many rounds there are, and
which files its jobs start from. Plain data."""

from prunesim.pruning.catalogue import ALONE, AT_START, BY_GRADIENT
from prunesim.pruning.rewinding import rewind_file
from prunesim.study import paths
from prunesim.study.words import did_you_mean, show

# What a control says for itself; all else is that of the method it is a control of.
OWN = ("control", "of")


def resolve_methods(methods):
    """Return methods with what they leave open filled in.

    A control has the settings of its method. ``rewind`` is init for criteria that rank initial weights and for a
    control with new ones, and else lr; ``from`` is dense for criteria that rank initial weights and for sparsity by
    training, and else previous.

    Parameters
    ----------
    methods : dict of str to dict
        As checked against the schema.
    """
    plain = {name: _open_ends(settings) for name, settings in methods.items()}
    return {name: _of_control(settings, plain) for name, settings in plain.items()}


def check_controls(methods, schema):
    """Yield a sentence for each control that names no method, or says more than whose control it is.

    Parameters
    ----------
    methods : dict of str to dict
        As the schema fills them, before `resolve_methods`.
    schema : dict
        Of the config.
    """
    defaults = schema["properties"]["methods"]["additionalProperties"]["properties"]
    resolved = resolve_methods(methods)
    for name, settings in methods.items():
        key, control, of = f"methods.{name}", settings["control"], settings["of"]
        if control is None:
            if of is not None:
                yield f"{key}.of is {show(of)}, but {name} is no control; say which with control, or leave it out."
        elif control in ALONE:
            if of is not None:
                yield f"{key}.of is {show(of)}; {control} is a control of the dense training, so leave it out."
        elif of is None:
            yield f"{key}.of is null; {control} needs the method that it is a control of."
        elif of not in methods:
            known = [other for other in methods if not methods[other]["control"]]
            there = f"there are {', '.join(known)}" if known else "there is none that prunes"
            yield f"{key}.of is {show(of)}, which is no method{did_you_mean(of, known)}; {there}."
        elif methods[of]["control"]:
            yield f"{key}.of is {of}, which is a control itself; name the method that prunes."
        else:
            for setting, value in settings.items():
                same = value in (defaults[setting].get("default"), resolved[name][setting])
                if setting not in OWN and not same:
                    yield (
                        f"{key}.{setting} is {show(value)}, but a control has the settings of its method; "
                        f"set it at methods.{of}.{setting}."
                    )


def _open_ends(settings):
    early = settings["criterion"] in AT_START
    filled = dict(settings)
    if settings["rewind"] == "auto":
        filled["rewind"] = "init" if early or settings["control"] in ALONE else "lr"
    if settings["from"] == "auto":
        filled["from"] = "dense" if early or settings["sparsity"] else "previous"
    return filled


def _of_control(settings, methods):
    other = methods.get(settings["of"])
    if not settings["control"] or other is None or other["control"]:
        return settings
    taken = {**other, **{key: settings[key] for key in OWN}}
    if settings["control"] == "reinitialise":
        taken["rewind"] = "init"
    return taken


def rounds_of(settings, rounds):
    """Return how many rounds a method has, where the study has `rounds`: one for each density where it lists some."""
    if settings["control"] in ALONE:
        return min(rounds, 1)
    density = settings["density"]
    if density is None or rounds == 0:
        return rounds
    return len(density) if isinstance(density, list) else 1


def method_rounds(config):
    """Return the number of rounds of each method of a config, by its name."""
    return {name: rounds_of(settings, config["rounds"]) for name, settings in config["methods"].items()}


def density_of(settings, round_):
    """Return what is asked of a round: ``{"fraction": f}`` of the remaining weights, or a ``density`` of all.

    A round that prunes the dense network anew goes as far as all rounds up to it would one after the other.
    """
    density = settings["density"]
    if density is None and settings["from"] == "dense":
        fraction = settings["fraction"]
        if isinstance(fraction, dict):
            return {"density": {layer: (1 - share) ** round_ for layer, share in fraction.items()}}
        return {"density": (1 - fraction) ** round_}
    if density is None:
        return {"fraction": settings["fraction"]}
    return {"density": density[round_ - 1] if isinstance(density, list) else density}


def base(replicate, name, settings, round_):
    """Return the weights that a round prunes, and retrains from if it rewinds to none, relative to ``networks``."""
    if round_ > 1 and settings["from"] == "previous":
        return f"{paths.network(replicate, name, round_ - 1)}/weights.safetensors"
    if settings["sparsity"]:
        return f"{paths.sparse(replicate, settings['of'] or name, sparse_round(settings, round_))}/weights.safetensors"
    return f"{paths.network(replicate, name, 0)}/weights.safetensors"


def ranked(replicate, name, settings, round_):
    """Return the weights that the criterion of a method ranks."""
    if settings["criterion"] in AT_START:
        return f"rep{replicate}/dense/initial.safetensors"
    return base(replicate, name, settings, round_)


def mask_before(replicate, name, settings, round_):
    """Return the mask that a round prunes further, or None where it begins with all weights."""
    if round_ == 1 or settings["from"] == "dense":
        return None
    return f"{paths.network(replicate, name, round_ - 1)}/mask.safetensors"


def sparse_round(settings, round_):
    """Return which round a sparse training is for: ADMM aims at one density, the others are for all, round 0."""
    return round_ if settings["sparsity"]["admm"] else 0


def scores(replicate, name, settings, round_):
    """Return the scores that a round prunes by, or None where weights are enough."""
    if settings["control"] or settings["criterion"] not in BY_GRADIENT:
        return None
    return f"{paths.network(replicate, name, round_)}/scores.safetensors"


def coupling(replicate, name, settings, round_):
    """Return the file that says which filters go together, or None where single weights are pruned."""
    return f"coupling/{name}.json" if settings["unit"] == "filter" and not settings["control"] else None


def other_mask(replicate, name, settings, round_):
    """Return the mask that a control makes its own of, or None."""
    if not settings["of"]:
        return None
    return f"{paths.network(replicate, settings['of'], round_)}/mask.safetensors"


def start(replicate, name, settings, round_):
    """Return the weights that a round is retrained from."""
    if settings["control"] == "reinitialise":
        return f"rep{replicate}/{name}/initial.safetensors"
    file = rewind_file(settings["rewind"])
    return f"rep{replicate}/dense/{file}" if file else base(replicate, name, settings, round_)
