"""Keys of a configuration that have to agree with each other, or with the network."""

from fnmatch import fnmatchcase
from itertools import pairwise

from prunesim.networks.builtin import NETWORKS, built_in_layers
from prunesim.networks.spec import KINDS, built_in_outputs, chosen, some, torchvision_name
from prunesim.pruning.catalogue import ALONE, AT_START, FILTER_NAMES, OF_FILTERS, OF_WEIGHTS
from prunesim.study.chains import check_chains, check_weights
from prunesim.study.claims import check_claims
from prunesim.study.widths import check_widths
from prunesim.study.words import did_you_mean, one_of, refuse, show


def check_layers(config, layers):
    """Refuse compared layers that the network does not have or that are not dumped.

    Parameters
    ----------
    config : dict
        From `check_config`.
    layers : list of (str, str)
        Name and kind of the layers with activations, in their order.

    Raises
    ------
    PrunesimError
        One sentence a line for each layer, with the nearest name and all there are.
    """
    asked = config["comparison"]["layers"]
    names = [name for name, _ in layers]
    if "predictions" in names:
        refuse(
            [
                "network.layers: a layer called predictions would lie where the answers of the network do; give it "
                "another name, such as {name: answer, output: predictions}."
            ]
        )
    kinds = list(dict.fromkeys(kind for _, kind in layers))
    problems = []
    for word in [asked] if isinstance(asked, str) else asked:
        if word == "relu" or chosen(layers, [word]):
            continue
        if word in KINDS:
            problems.append(
                f"comparison.layers: no {word} of network {config['network']['name']} is dumped, only "
                f"{one_of(kinds)}; add it to activations.layers."
            )
        else:
            problems.append(
                f"comparison.layers: {show(word)} is not a layer of network {config['network']['name']}"
                f"{did_you_mean(word, names)}; it has {some(names)}."
            )
    refuse(problems)


def check_densities(config, weight_layer_names):
    """Refuse densities of layers that a method does not prune.

    Parameters and errors are those of `check_exclude`.
    """
    problems = []
    for method, settings in config["methods"].items():
        out = settings["exclude"]
        pruned = [x for x in weight_layer_names if not any(fnmatchcase(x, pattern) for pattern in out)]
        told = [
            (key, x) for key in ("fraction", "density") if isinstance(settings.get(key), dict) for x in settings[key]
        ]
        for key, pattern in told if not settings.get("control") else ():
            if not any(fnmatchcase(name, pattern) for name in pruned):
                problems.append(
                    f"methods.{method}.{key}: {show(pattern)} matches no layer that is pruned of network "
                    f"{config['network']['name']}{did_you_mean(pattern, pruned)}; it has {some(pruned)}."
                )
    refuse(problems)


def check_exclude(config, weight_layer_names):
    """Refuse exclusions from pruning that match no layer, or that leave none.

    Parameters
    ----------
    config : dict
        From `check_config`.
    weight_layer_names : list of str
        The convolutional and linear layers, in their order.

    Raises
    ------
    PrunesimError
        One sentence a line for each pattern, with the nearest name and all there are.
    """
    network, known = config["network"]["name"], some(weight_layer_names)
    problems = []
    sections = [(kind, *item) for kind in ("methods", "chains") for item in config[kind].items()]
    for kind, method, settings in sections:
        key = f"{kind}.{method}.exclude"
        unmatched = [p for p in settings["exclude"] if not any(fnmatchcase(n, p) for n in weight_layer_names)]
        problems += [
            f"{key}: {show(pattern)} matches no layer with weights of network {network}"
            f"{did_you_mean(pattern, weight_layer_names)}; it has {known}."
            for pattern in unmatched
        ]
        if not unmatched and all(any(fnmatchcase(n, p) for p in settings["exclude"]) for n in weight_layer_names):
            problems.append(f"{key} leaves no layer of network {network} to prune; it has {known}.")
    refuse(problems)


def _check_dataset(config, schema):
    dataset = config["dataset"]
    name, source, path = dataset["name"], dataset["source"], dataset["path"]
    sources = schema["properties"]["dataset"]["properties"]["source"]["enum"]
    built_in = [word for word in sources if word not in ("image_folder", None)]
    if source is None and name not in sources:
        yield (
            f"dataset.name: {show(name)} is not a built-in data set{did_you_mean(name.lower(), built_in)}; "
            f"set dataset.source to the one that reads its files, or take {one_of(built_in)}."
        )
    if source is not None and name in built_in and source in built_in and name != source:
        yield (
            f"dataset.name is {name}, which is another data set than dataset.source, {source}; "
            "give it a name of its own."
        )
    if (source or name) == "image_folder" and path is None:
        yield "dataset.path is null; image_folder needs the folder that holds train/<class>/* and test/<class>/*."
    if (source or name) == "digits" and path is not None:
        yield f"dataset.path is {show(path)}; digits comes with scikit-learn, so it must be null."
    if dataset["fit"] != "stretch" and dataset["resize"] is None:
        yield (
            f"dataset.fit is {dataset['fit']}, but dataset.resize is null; "
            f"give the height and width to {dataset['fit']} the images to."
        )
    if dataset["background"] and (source or name) != "image_folder" and dataset["fit"] != "pad":
        yield (
            f"dataset.background is {dataset['background']}, but images of {source or name} have no transparent pixels "
            "and are not padded; it must be null."
        )


def _check_network(config, schema):
    network = config["network"]
    name, layers = network["name"], network["layers"]
    if name in NETWORKS and network["arguments"]:
        yield f"network.arguments is for a network of your own; for the built-in {name} it must be {{}}."
    if network["width_factor"] != 1 and name not in NETWORKS:
        yield f"network.width_factor is for the built-in networks; for {name} it must be 1."
    if network["small_images"] and not torchvision_name(name):
        yield f"network.small_images is for torchvision's ResNets and DenseNets; for {name} it must be false."
    if set("{}") & set(name):
        yield f"network.name is {show(name)}; braces are Snakemake's wildcards, so the path must have none."
    names = [layer["name"] for layer in layers or []]
    for twice in sorted({name for name in names if names.count(name) > 1}):
        yield f"network.layers names {show(twice)} twice; the names of layers must differ."


def _check_training(config, schema):
    training = config["training"]
    milestones, epochs = training["milestones"], training["epochs"]
    if any(later <= earlier for earlier, later in pairwise(milestones)):
        yield f"training.milestones is {show(milestones)}; the epochs must be in ascending order."
    if milestones and max(milestones) >= epochs:
        yield f"training.milestones is {show(milestones)}; each must be below training.epochs, which is {epochs}."
    if training["schedule"] == "step" and not milestones:
        yield "training.milestones is []; training.schedule step needs at least one epoch there."
    if training["augmentation"] == "crop_flip":
        padding, resize = training["crop_padding"], config["dataset"]["resize"]
        if padding == 0 and not training["flip"]:
            yield (
                "training.augmentation crop_flip does nothing with crop_padding 0 and flip false; "
                "write augmentation: none."
            )
        if resize and padding >= min(resize):
            yield (
                f"training.crop_padding is {padding}; "
                f"it must be below the size of the images, dataset.resize {show(resize)}."
            )


def _check_methods(config, schema):
    epochs = config["training"]["epochs"]
    if not config["methods"] and not config["chains"]:
        yield "methods has none left; at least one must not be false, or chains must have one."
    for name, method in config["methods"].items():
        rewind = method["rewind"]
        if isinstance(rewind, dict) and rewind.get("epoch", 0) >= epochs:
            yield (
                f"methods.{name}.rewind is {show(rewind)}; the epoch must be below training.epochs, which is {epochs}."
            )
        if method["criterion"] in AT_START and rewind in ("lr", "none") and not method["control"]:
            yield (
                f"methods.{name}.rewind is {rewind}, but {method['criterion']} ranks the initial weights, so training "
                "must start from them; leave it out, or write init."
            )
        yield from _check_unit(name, method)
        yield from _check_sparsity(name, method, config["network"])
        density = method["density"]
        if isinstance(density, list) and any(later >= earlier for earlier, later in pairwise(density)):
            yield f"methods.{name}.density is {show(density)}; the densities must fall from round to round."
        key = "fraction" if density is None else "density"
        if isinstance(method[key], dict) and method["scope"] == "erk":
            yield f"methods.{name}.{key} is told layer by layer; scope erk would give them other densities."


def _check_unit(name, method):
    criterion, unit = method["criterion"], method["unit"]
    if method["control"]:
        if unit == "filter" and method["control"] in OF_WEIGHTS:
            yield (
                f"methods.{name}.control is {method['control']}, which moves single weights, but {method['of']} prunes "
                "filters; take reinitialise or extra_training, or a method with criterion random."
            )
        return
    if unit == "weight" and criterion in OF_FILTERS:
        yield f"methods.{name}.criterion is {criterion}, which ranks whole filters; set methods.{name}.unit: filter."
    if unit == "filter" and criterion not in FILTER_NAMES:
        yield (
            f"methods.{name}.criterion is {criterion}, which ranks single weights; for unit filter take "
            f"{one_of(list(FILTER_NAMES))}."
        )
    if unit == "filter" and (
        method["scope"] == "erk" or any(isinstance(method[x], dict) for x in ("fraction", "density"))
    ):
        which = "scope erk" if method["scope"] == "erk" else "a share for each layer"
        yield f"methods.{name}: {which} is for single weights; for unit filter take scope global or layer."


def _check_sparsity(name, method, network):
    sparsity, key = method["sparsity"], f"methods.{name}.sparsity"
    if not sparsity or method["control"]:
        return
    kinds = [kind for kind in ("l1", "bn_scale", "admm") if sparsity[kind] is not None]
    if len(kinds) != 1:
        yield f"{key} has {' and '.join(kinds) or 'none of l1, bn_scale and admm'}; one of them is right."
    if kinds == ["admm"]:
        if method["from"] == "previous":
            yield f"methods.{name}.from is previous, but ADMM brings the dense network to each density; write dense."
        if method["unit"] == "filter" or method["scope"] == "erk":
            yield f"{key}.admm is for single weights of scope global or layer; change methods.{name}.unit or scope."
    needs = "bn_scale" in (*kinds, method["criterion"])
    if needs and network["name"] in NETWORKS and not any(x.kind == "batch_norm" for x in built_in_layers(network, 2)):
        yield (
            f"methods.{name} needs the scales of batch normalisation, and network {network['name']} has none; take "
            f"{'sparsity l1' if kinds == ['bn_scale'] else 'criterion magnitude'}, or a network with it."
        )


def _check_comparison(config, schema):
    measures, measure = config["comparison"]["measures"], config["figures"]["measure"]
    if measure not in measures:
        yield (
            f"figures.measure is {measure}, which is not in comparison.measures; "
            f"add it there, or take {one_of(measures)}."
        )


def _check_connectivity(config, schema):
    controls = [method["control"] for method in config["methods"].values()]
    if "children" in config["connectivity"]["pairs"] and not set(controls) & set(ALONE):
        yield (
            "connectivity.pairs has children, but no method has control: data_order, which trains the other child; add "
            "one, such as methods.sibling: {control: data_order}."
        )


def _check_concepts(config, schema):
    asked, name = config["concepts"], config["network"]["name"]
    source, path = asked["source"], asked["path"]
    if source == "folder" and path is None:
        yield "concepts.path is null; source folder needs the folder that holds concepts.json, images and masks."
    if source != "folder" and path is not None:
        yield f"concepts.path is {show(path)}, but concepts.source is {show(source)}; it must be folder, or path null."
    if source is None or name not in NETWORKS:
        return
    outputs = [(layer, kind) for layer, kind in built_in_outputs(config["network"]) if kind not in ("linear", "other")]
    names = [layer for layer, _ in built_in_outputs(config["network"])]
    for word in asked["layers"]:
        if word not in (*KINDS, "all") and not chosen([(layer, "") for layer in names], [word]):
            yield (
                f"concepts.layers: {show(word)} is not a layer of network {name}{did_you_mean(word, names)}; "
                f"it has {some(names)}."
            )
        elif not chosen(outputs, [word]):
            yield (
                f"concepts.layers: {show(word)} of network {name} has no value at each row and column, so no concept "
                "can be found there; take conv, relu or pool of a convolutional network."
            )


CROSS_CHECKS = (
    _check_dataset,
    _check_network,
    _check_training,
    _check_methods,
    check_weights,
    check_chains,
    _check_comparison,
    _check_connectivity,
    _check_concepts,
    check_widths,
    check_claims,
)
