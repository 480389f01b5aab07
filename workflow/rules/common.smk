import functools
import gc
import json
import os
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.settings.types import DeploymentMethod

ROOT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parents[1]
sys.path.insert(0, str(ROOT / "src"))

from prunesim.audit.records import record_path
from prunesim.datasets.concept_listing import check_folder, concepts_line
from prunesim.datasets.listing import recorded_line, watched
from prunesim.datasets.readers import READERS
from prunesim.datasets.settings import dataset_id
from prunesim.errors import PrunesimError
from prunesim.explorer.page import page_identity
from prunesim.figures.catalogue import figures_of, sheets_of
from prunesim.networks import sources
from prunesim.networks.spec import activation_layers, compared_layers, made_of
from prunesim.progress import display
from prunesim.pruning.catalogue import BY_GRADIENT
from prunesim.results.recognition import MOST_CONCEPTS
from prunesim.resolution.overlays import check_study
from prunesim.serving import start as serving
from prunesim.storage.snakemake_records import recorded_params
from prunesim.storage.terminal import VARIABLE
from prunesim.study import chains, forking, methods, paths, width_paths, widths
from prunesim.study.claims import claimed_tables, claims_settings
from prunesim.study.closure import code_identity, code_text
from prunesim.study.config import load_yaml, tables_of
from prunesim.study.looks import annotated_settings, dissected_settings, robustness_of
from prunesim.study.tables import asks_for_robustness


configfile: ROOT / "config.yaml"


# Jobs and files of a large study are millions of objects that stay; Python would look for garbage among them again and
# again, a tenth of the time that Snakemake takes.
gc.freeze()
gc.set_threshold(100_000, 50, 50)


# Jobs run `python -m prunesim` with the Python that runs Snakemake, unless conda puts another one before it. The
# package is found through a variable of our own because conda jobs lose PYTHONPATH. Another one says which file of a
# job is not its log but the terminal: 3>&2 in the rules.
os.environ.update(
    PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]),
    PRUNESIM_SRC=str(ROOT / "src"),
    **{VARIABLE: "3"},
)
# Python in a conda environment would rather import what `pip install --user` left in the home directory.
CONDA = None
if DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method:
    os.environ.update(PYTHONNOUSERSITE="1")
    CONDA = workflow.deployment_settings.conda_prefix or Path(".snakemake/conda")

try:
    config = check_study(config, ROOT, workflow.config_settings.config, conda=CONDA)
    if config["concepts"]["source"] == "folder":
        check_folder(config["concepts"]["path"], f"results/{config['study']}/concepts/concepts.json")
except PrunesimError as error:
    raise WorkflowError(str(error)) from None

STUDY = f"results/{config['study']}"
DATASET_ID = f"datasets/{dataset_id(config['dataset'])}"
DATASET = f"results/{DATASET_ID}"
TABLES = tables_of(config)
SHEETS = sheets_of(TABLES)
FIGURES = figures_of(TABLES, config["methods"], config["figures"]["more"])
FIGURE_FILES = ["svg", "png", "csv", *(["pdf"] if config["figures"]["pdf"] else [])]
PAGES = ["explorer"]
DRAWN = [*(f"tables/{name}" for name in TABLES), *(f"figures/{name}" for name in [*FIGURES, *SHEETS]), *PAGES]
LAYERS = compared_layers(config["network"], config["comparison"]["layers"])
DUMPED_LAYERS = [name for name, kind in activation_layers(config["network"])]
NETWORK = made_of(config["network"])

CONNECTED = paths.connections(
    config["connectivity"]["pairs"],
    replicates=chains.dense_replicates(config),
    methods=config["methods"],
    rounds=methods.method_rounds(config),
    chains=chains.chain_growth(config),
)
# The knobs of growth that no comparison depends on.
OF_NO_COMPARISON = ("given", "connectivity", "robustness", "concepts", "widths", "spectra")
WIDTHS = widths.width_growth(config)
METHOD = "|".join(config["methods"]) or "none"
SCORED = "|".join(name for name, one in config["methods"].items() if one["criterion"] in BY_GRADIENT) or "none"
NETWORKS = paths.networks(
    chains.dense_replicates(config), config["methods"], methods.method_rounds(config), chains.chain_growth(config)
)
GIVEN = chains.given_networks(config)
CHAIN = "|".join(config["chains"]) or "none"
ROUND = r"(?!00)\d\d+"  # round 00 is the dense network, which is not retrained
CODE_READ = {}  # what `code` has read of the package, once for all verbs
BEFORE_ALL = 10**6  # a priority: above `trainings_left`, for jobs that refuse what cannot be trained


pathvars:
    study=STUDY,
    dataset=DATASET,


wildcard_constraints:
    rep=r"\d+",
    method="|".join([*config["methods"], *config["chains"]]) or "none",
    network=r"dense|[a-z][a-z0-9_]*/round\d\d+",
    layer="|".join(map(re.escape, DUMPED_LAYERS)),


def prunesim(words, record=True):
    """The shell command of a job: a verb with its options, in a log of its own, and last the record of what it made."""
    record = " --record {output:q}" if record else ""
    return f'PYTHONPATH="$PRUNESIM_SRC" python -m prunesim {words}{record} 3>&2 > {{log:q}} 2>&1'


def code(verb, *modules):
    """What the code of a verb of the command line does, and of modules that it loads by name: an edit that changes it
    runs the verb's rules again."""
    modules = [f"prunesim.commands.{verb}", *modules]
    return code_text(modules, code_identity(modules, ROOT / "src", CODE_READ))


def settings(**parts):
    """What a job is told, as one JSON text: Snakemake notices a change of any part of it."""
    return json.dumps(parts, sort_keys=True)


@functools.cache
def image_files():
    """A line that stands for the images in a folder of the user's: another one converts them again."""
    recorded = recorded_line(recorded_params(".", f"{DATASET}/dataset.json"))
    line, sentence = watched(config["dataset"], DATASET, recorded)
    if sentence:
        logger.warning(sentence)
    return line


def section(name, *keys):
    """Some keys of a section of the config."""
    return {key: config[name][key] for key in keys}


def plan(*keys):
    """What a table consists of: some of the knobs by which a study grows, which are in no other settings."""
    knobs = {**growth(), "dataset": DATASET_ID, "tables": TABLES, "figures": [*FIGURES, *SHEETS], "pages": PAGES}
    outside = [key for key in ("chains", "given") if key in knobs]
    keys = [key for key in keys if key not in OF_NO_COMPARISON or key in knobs]
    return settings(**{key: knobs[key] for key in (*keys, *outside)})


def software(environment):
    """The pinned packages of an environment: another version of one runs its rules again, with conda or without."""
    pins = load_yaml(ROOT / "envs" / f"{environment}.yaml")["dependencies"]
    return json.dumps(pins, sort_keys=True)


def own_network():
    """The files of a network of the user's own, which the rules that build it depend on."""
    return sources.network_files(config["network"]["name"])


def dump_settings():
    """What is dumped: the names of layers and, where they say more, those in the network and their axes."""
    listed = config["network"]["layers"] or []
    outputs = {layer["name"]: layer["output"] for layer in listed if layer["output"] not in (None, layer["name"])}
    more = {"outputs": outputs, "layouts": config["network"]["layouts"]}
    return {"layers": DUMPED_LAYERS, **{key: value for key, value in more.items() if value}}


def dump_training():
    """The keys of the training that a dump depends on; the precision, for the answers, where it is not the default."""
    keys = ["device", "threads", "deterministic", "channels_last"]
    return section("training", *keys, *(["precision"] if config["training"]["precision"] != "float32" else []))


def given_file(key):
    """An input function: the file of a network from outside."""

    def file(wildcards):
        who = (int(wildcards.rep), wildcards.get("method", "dense"), int(wildcards.get("kk", 0)))
        found = (one.get(key) for one in GIVEN if (one["replicate"], one["method"], one["round"]) == who)
        return next(found, None) or []

    return file


def adopted(*exclude):
    """What a job is told that takes a network into the study."""
    training = section("training", "device", "precision", "threads", "deterministic", "channels_last")
    return settings(
        seed=config["seed"], network=NETWORK, training=training, **({"exclude": exclude[0]} if exclude else {})
    )


def of_round(file):
    """An input function: what a job of a round takes, as a function of `prunesim.study.methods` says."""

    def path(wildcards):
        method = config["methods"][wildcards.method]
        found = file(int(wildcards.rep), wildcards.method, method, int(wildcards.kk))
        return f"{STUDY}/networks/{found}" if found else []

    return path


def trainings_left(wildcards):
    """The priority of a training and of what comes before it: how many trainings of its chain, which have to follow one
    another, wait for it. Otherwise one chain of several is left to the end, with all other cores idle."""
    rounds = methods.method_rounds(config)
    method = wildcards.get("method")
    if method is None:
        return 1 + max(rounds.values(), default=0)
    return 1 + rounds[method] - int(wildcards.get("kk") or wildcards.get("at") or 0)


def method_section(wildcards, *keys):
    """Some keys of the method of a job."""
    return {key: config["methods"][wildcards.method][key] for key in keys}


def pruned_to(wildcards):
    """What a round is told of how to prune, or of whose mask it makes its own."""
    method = config["methods"][wildcards.method]
    # What is as it was before there was a choice is not said, so that no text of an old study's settings changes.
    unit = method_section(wildcards, "unit") if method["unit"] == "filter" else {}
    if method["control"]:
        return {**method_section(wildcards, "control", "of", "types", "exclude", "from"), **unit}
    asked = methods.density_of(method, int(wildcards.kk))
    anew = method_section(wildcards, "from") if method["from"] == "dense" else {}
    return {**method_section(wildcards, "criterion", "scope", "types", "exclude"), **asked, **anew, **unit}


def filter_method(name):
    """What a method that prunes whole filters selects, by its name."""
    return {name: {key: config["methods"][name][key] for key in ("criterion", "types", "exclude")}}


def sparse_start(wildcards):
    """The weights that a sparse training starts from: ADMM from the trained ones, others from the initial ones."""
    file = "weights" if config["methods"][wildcards.method]["sparsity"]["admm"] else "initial"
    return f"{STUDY}/networks/rep{wildcards.rep}/dense/{file}.safetensors"


def sparse_settings(wildcards):
    """What a sparse training is told; which scope only ADMM, which aims at a density."""
    method = method_section(wildcards, "types", "exclude", *(["scope"] if wildcards.at else []))
    given = {key: value for key, value in config["methods"][wildcards.method]["sparsity"].items() if value is not None}
    method["sparsity"] = {key: value for key, value in given.items() if key != "gamma_init" or "bn_scale" in given}
    return settings(seed=config["seed"], network=NETWORK, training=config["training"], method=method)


def sparse_aim(wildcards):
    """The round and the density that a sparse training is for, if it is for one."""
    if not wildcards.at:
        return []
    aim = methods.density_of(config["methods"][wildcards.method], int(wildcards.at))["density"]
    return ["--round", str(int(wildcards.at)), "--density", json.dumps(aim, sort_keys=True)]


def activation_files(folders, names):
    """What is read of the activations of some networks, with the index that says what the files must be."""
    return [f"{STUDY}/activations/{folder}/{name}" for folder in folders for name in ("activations.json", *names)]


def chain_activations(wildcards):
    """The activations of a network and of all earlier rounds of its chain, at one layer."""
    dense = chains.dense_of(config, wildcards.method)
    chain = paths.chain(wildcards.rep, wildcards.method, int(wildcards.kk), dense)
    return activation_files([folder for *_, folder in chain], [f"{wildcards.layer}.npy"])


def replicates_activations(wildcards):
    """The activations of a network in a replicate and all earlier ones, at one layer."""
    folders = [f"rep{replicate}/{wildcards.network}" for replicate in range(int(wildcards.rep) + 1)]
    return activation_files(folders, [f"{wildcards.layer}.npy"])


def layers_activations(wildcards, suffix=".pooled"):
    """The activations of the dense network and of a round, pooled or not, at all compared layers."""
    dense = chains.dense_of(config, wildcards.method)
    folders = [paths.network(wildcards.rep, wildcards.method, round_, dense) for round_ in (0, int(wildcards.kk))]
    return activation_files(folders, [f"{layer}{suffix}.npy" for layer in LAYERS])


def functional_answers(wildcards):
    """The answers of a network and of all that it is compared with: earlier rounds, and earlier replicates."""
    method, _, round_ = wildcards.network.partition("/")
    round_, dense = int(round_.removeprefix("round") or 0), chains.dense_of(config, method)
    before = paths.answers_before(int(wildcards.rep), method, round_, dense)
    folders = [folder for *_, folder in before] + [f"rep{wildcards.rep}/{wildcards.network}"]
    return activation_files(folders, ["predictions.npy"])


def dumped_answers():
    """The answers of every network of the study."""
    known = {key: value for key, value in growth().items() if key not in ("layers", *OF_NO_COMPARISON)}
    return activation_files([folder for *_, folder in paths.dumped_networks(**known)], ["predictions.npy"])


def connectivity_plan():
    """What the table of lines consists of; without any, nothing asks for it."""
    return plan("replicates", "rounds", "methods", "connectivity")


def connectivity_settings():
    """What a job is told that evaluates a line; not which lines there are."""
    keys = ("points", "train_images", "recalibration_images")
    training = dump_training() | section("training", "validation")
    return settings(
        seed=config["seed"], network=NETWORK, training=training, connectivity=section("connectivity", *keys)
    )


def connected_weights(wildcards):
    """The weights of both ends of a line."""
    return [f"{STUDY}/networks/{folder}/weights.safetensors" for *_, folder in CONNECTED[wildcards.pair]]


def connected_options(wildcards):
    """The options that name both ends of a line."""
    first, (replicate, method, round_, _) = CONNECTED[wildcards.pair]
    start = " ".join(map(str, first[:3]))
    return f"--start {start} --replicate {replicate} --method {method} --round {round_}"


def robustness_settings():
    """What a job is told that evaluates a network with fewer weights and on worse images."""
    return settings(seed=config["seed"], network=NETWORK, training=dump_training(), robustness=robustness_of(config))


def own_mask(wildcards):
    """The mask of a network that has one; of a chain, round 0 has none."""
    found = re.fullmatch(r".+/round0*[1-9]\d*", wildcards.network)
    return f"{STUDY}/networks/rep{wildcards.rep}/{wildcards.network}/mask.safetensors" if found else []


def concept_settings():
    """What the job is told that brings images with concepts into the study."""
    return settings(seed=config["seed"], concepts=annotated_settings(config))


@functools.cache
def concept_files():
    """A line that stands for the files in a folder of images with concepts."""
    if config["concepts"]["source"] != "folder":
        return ""
    try:
        return concepts_line(config["concepts"]["path"], recorded_params(".", f"{STUDY}/concepts/concepts.json"))
    except PrunesimError as error:
        raise WorkflowError(str(error)) from None


def dissection_settings():
    """What a job is told that runs a network over the images with concepts; not the threshold, which comes later."""
    training = section("training", "device", "threads", "deterministic", "channels_last")
    return settings(seed=config["seed"], network=NETWORK, training=training, concepts=dissected_settings(config))


def recognition_plan():
    """What the tables of concepts consist of, and what a detector is."""
    told = json.loads(plan("replicates", "rounds", "methods", "concepts"))
    return settings(**told, **section("concepts", "quantile", "threshold"))


def network_files(name):
    """One file of every network of the study."""
    known = {key: value for key, value in growth().items() if key in ("replicates", "methods", "rounds", "chains")}
    return [f"{STUDY}/networks/{folder}/{name}" for *_, folder in paths.networks(**known)]


def trained_files(name):
    """One file of every network of the study that was pruned here; masks are of these, histories of dense ones too."""
    found = paths.networks(config["replicates"], config["methods"], methods.method_rounds(config))
    return [f"{STUDY}/networks/{folder}/{name}" for *_, round_, folder in found if round_ or name == "history.csv"]


def sparse_files(name):
    """One file of every network that is trained to be sparse."""
    found = paths.sparse_networks(config["replicates"], config["methods"], methods.method_rounds(config))
    return [f"{STUDY}/networks/{folder}/{name}" for *_, folder in found]


def growth():
    """The knobs by which a study grows."""
    return {
        "families": config["comparison"]["families"],
        "replicates": chains.dense_replicates(config),
        "methods": config["methods"],
        "rounds": methods.method_rounds(config),
        "layers": LAYERS,
        **({"chains": chains.chain_growth(config)} if config["chains"] else {}),
        **({"given": True} if chains.given_networks(config) else {}),
        **({"connectivity": config["connectivity"]["pairs"]} if config["connectivity"]["pairs"] else {}),
        **({"robustness": True} if asks_for_robustness(config) else {}),
        **({"concepts": True} if config["concepts"]["source"] else {}),
        **({"widths": WIDTHS} if WIDTHS else {}),
        **({"spectra": True} if config["comparison"]["spectra"] else {}),
    }


def comparison_files():
    """Every comparison of the study."""
    known = {key: value for key, value in growth().items() if key not in OF_NO_COMPARISON}
    return [f"{STUDY}/comparisons/{file}" for file in paths.comparisons(**known)]


def spectrum_files(record=False):
    """The spectra of every pruned network, or the record of each."""
    found = [f"spectra/{folder}" for *_, round_, folder in NETWORKS if round_]
    return [f"{STUDY}/{record_path(name) if record else f'{name}.csv'}" for name in found]


def study_records():
    """The record of every job up to the comparisons."""
    return [f"{STUDY}/{record_path(job)}" for job in paths.jobs(**growth())]


def comparison_records():
    """The record of every comparison."""
    return [file for file in study_records() if file.startswith(f"{STUDY}/provenance/comparisons/")]


def figure_files(figures, endings):
    """Some files of some figures."""
    return [f"{STUDY}/figures/{figure}.{ending}" for figure in figures for ending in endings]


def figure_settings(figure):
    """What a figure is told: only the keys that it uses, and the width where one is asked for."""
    values = {**config["figures"], "layers": LAYERS}
    width = section("figures", "width") if values["width"] else {}
    return settings(**{key: values[key] for key in FIGURES[figure]["settings"]}, **width)


def measure_settings(measures):
    """The settings of some measures. One that is null is none, and studies from before there was one stay as they are."""
    names = tuple(f"{name}_" for name in measures)
    return [key for key, value in config["comparison"].items() if key.startswith(names) and value is not None]


def own_dense(method):
    """Whose network round 0 of a chain is that brought its own."""
    return {"dense": method} if method in config["chains"] and chains.dense_of(config, method) == method else {}


def comparison_settings(method):
    """What a comparison of a method or chain is told; neither the layers nor the families, by which a study grows."""
    chosen = measure_settings(config["comparison"]["measures"])
    return settings(
        seed=config["seed"], **section("comparison", "measures", "blocks", "null_draws", *chosen), **own_dense(method)
    )


def spectrum_settings(method):
    """What the job is told that finds canonical correlations; see `comparison_settings`."""
    return settings(seed=config["seed"], **section("comparison", "null_draws"), **own_dense(method))


def functional_settings(method):
    """What a comparison of answers is told; see `comparison_settings`."""
    return settings(seed=config["seed"], **section("comparison", "blocks", "null_draws"), **own_dense(method))


def width_training(wildcards):
    """What a job is told that trains a network of another width: what its dense network would be told."""
    network = widths.network_at(config["network"], wildcards.width)
    return settings(seed=config["seed"], network=made_of(network), training=config["training"])


def width_dump(wildcards):
    """What a job is told that dumps a network of another width: spatial means only."""
    return settings(
        seed=config["seed"],
        network=made_of(widths.network_at(config["network"], wildcards.width)),
        training=dump_training(),
        activations=section("activations", "images", "megabytes"),
        pooled=True,
        **dump_settings(),
    )


def width_start(wildcards):
    """The weights of a network of another width, before or after its training."""
    file = width_paths.STATES[wildcards.state]
    return f"{STUDY}/widths/{wildcards.width}/rep{wildcards.rep}/dense/{file}.safetensors"


def width_activations(wildcards):
    """What is read of the networks of two widths, or of one, to compare a layer."""
    networks = width_paths.width_networks(dict.fromkeys([wildcards.width, wildcards.other]), WIDTHS["replicates"])
    return [
        f"{STUDY}/{folder}/{state}/{name}"
        for *_, folder in networks
        for state in width_paths.STATES
        for name in ("activations.json", f"{wildcards.layer}.pooled.npy")
    ]


def width_settings(wildcards):
    """What a comparison of widths is told; not the widths themselves, but how many filters they have in common."""
    measures = config["widths"]["measures"]
    return settings(
        seed=config["seed"],
        replicates=WIDTHS["replicates"],
        filters=widths.compared_filters(config, wildcards.layer),
        **section("widths", "measures", "null_draws"),
        **section("comparison", "blocks", *measure_settings(measures)),
    )


def width_comparisons(record=False):
    """Every comparison of widths, or the record of each."""
    files = [file for *_, file in width_paths.width_comparisons(**WIDTHS)]
    return [f"{STUDY}/{record_path(file.removesuffix('.csv')) if record else file}" for file in files]


def width_metrics():
    """What is known of every network of another width."""
    found = width_paths.width_networks(WIDTHS["factors"], WIDTHS["replicates"])
    return [f"{STUDY}/{folder}/dense/metrics.json" for *_, folder in found]


def accepted_results():
    """What `prunesim accept` has noted of this study, if it has."""
    path = f"{STUDY}/provenance/accepted.json"
    return [path] if os.path.exists(path) else []


def network_options(network):
    """The options that name a network: `dense` or `imp/round01`."""
    method, _, round_ = network.partition("/")
    return f"--method {method} --round {round_.removeprefix('round') or 0}"
