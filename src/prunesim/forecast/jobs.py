"""The jobs of a study, with what each needs and takes."""

from math import ceil
from typing import NamedTuple

from prunesim.activations.sampling import position_cap, positions_of
from prunesim.errors import PrunesimError
from prunesim.figures.catalogue import figures_of, sheets_of
from prunesim.forecast import costs, looks
from prunesim.forecast.images import published_bytes
from prunesim.forecast.profile import network_profile
from prunesim.networks.batches import evaluation_batch
from prunesim.networks.spec import activation_layers, compared_layers
from prunesim.pruning.catalogue import GRASP_IMAGES, SNIP_IMAGES, SYNFLOW_ITERATIONS
from prunesim.pruning.criteria import select_tensors
from prunesim.pruning.rewinding import first_step, rewind_file, round_training
from prunesim.study import methods, paths
from prunesim.study.chains import chain_growth, dense_of, dense_replicates, given_networks
from prunesim.study.claims import claimed_tables
from prunesim.study.config import tables_of
from prunesim.study.looks import robustness_of
from prunesim.study.tables import asks_for_robustness
from prunesim.study.width_paths import STATES, pairs_of_networks, width_networks
from prunesim.study.widths import compared_filters, network_at, width_growth

# Bytes of a row of a comparison, and of the log, the record and Snakemake's notes on a job.
ROW_BYTES, NOTES_BYTES = 260, 8000
LINE_BYTES, SPECTRUM_BYTES = 70, 75
# Rows of a pair of answers.
ANSWER_MEASURES = 5


class Machine(NamedTuple):
    """What the jobs run on.

    Attributes
    ----------
    nodes : int
    cores, gpus : int
        Of a node.
    memory, gpu_memory : float or None
        Bytes of a node and of a GPU; None is unknown.
    tflops : float or None
        Of a GPU in training; None takes `costs.GPU_TFLOPS`.
    overhead : float
        Seconds that a job takes beside itself: a queue, a container, an environment.
    forked : bool
        Whether jobs are forked from a process that has imported their libraries.
    """

    nodes: int = 1
    cores: int = 1
    gpus: int = 0
    memory: float | None = None
    gpu_memory: float | None = None
    tflops: float | None = None
    overhead: float = 0.0
    forked: bool = False


class Job(NamedTuple):
    """A job of the pipeline.

    Attributes
    ----------
    rule, name : str
        The rule, and the job's own name within the study.
    needs : list of str
        Names of the jobs that must end before it starts.
    seconds : float
    cores, gpus : int
    memory, gpu_memory : float
        Peak in bytes.
    holds, gpu_holds : dict of str to float
        Of what the peak is made, where it is known; see `prunesim.forecast.costs.training_memory`.
    writes : dict of str to float
        Bytes that stay on disk, by kind.
    """

    rule: str
    name: str
    needs: list
    seconds: float
    cores: int = 1
    gpus: int = 0
    memory: float = costs.IMPORTED["numpy"]
    gpu_memory: float = 0
    holds: dict = {}  # noqa: RUF012
    gpu_holds: dict = {}  # noqa: RUF012
    writes: dict = {}  # noqa: RUF012


def study_jobs(config, images, profile, machine):
    """Return every job of a study, in an order in which each comes after those that it needs.

    Parameters
    ----------
    config : dict
        From `prunesim.resolution.overlays.read_config`.
    images : prunesim.forecast.images.Images
    profile : prunesim.forecast.profile.Profile
    machine : Machine

    Returns
    -------
    list of Job
    """
    expected = [name for name, _ in activation_layers(config["network"])]
    if expected != list(profile.layers):
        raise PrunesimError(
            f"network.layers: the network has the layers {', '.join(profile.layers)}, but the config lists "
            f"{', '.join(expected)}; `prunesim layers` prints them as they belong there."
        )
    rules = _Rules(config, images, profile, machine)
    growth = {"methods": config["methods"], "rounds": methods.method_rounds(config)}
    growth |= {"replicates": dense_replicates(config)}
    growth |= {"chains": rules.chains, "given": bool(given_networks(config))}
    growth |= {"connectivity": config["connectivity"]["pairs"]}
    growth |= {"robustness": asks_for_robustness(config), "concepts": bool(config["concepts"]["source"])}
    growth |= {"families": config["comparison"]["families"], "layers": rules.layers}
    growth |= {"widths": rules.widths, "spectra": config["comparison"]["spectra"]}
    jobs = [rules.fetch(), *(rules.named(name) for name in paths.jobs(**growth))]
    return [*jobs, *rules.tables_and_figures(jobs)]


def sampled(profile, images, megabytes):
    """Return the positions an image at which each layer is sampled, by layer, and their common bound."""
    layers = {name: {"shape": shape} for name, shape in profile.layers.items()}
    cap = position_cap(layers.values(), images, megabytes)
    return {name: min(positions_of(layer), cap) for name, layer in layers.items()}, cap


NETWORK_RULES = ("train_dense", "train_given", "adopt_dense", "adopt_chain_dense", "adopt_round", "retrain")


class _Rules:
    """The jobs of each rule; what they share is computed once."""

    def __init__(self, config, images, profile, machine):
        self.config, self.images, self.profile, self.machine = config, images, profile, machine
        self.training = config["training"]
        self.on_gpu = machine.gpus > 0 and self.training["device"] != "cpu"
        self.tflops = machine.tflops or costs.GPU_TFLOPS[self.training["precision"]]
        self.methods = config["methods"]
        self.chains = chain_growth(config)
        self.connections = paths.connections(
            config["connectivity"]["pairs"],
            dense_replicates(config),
            config["methods"],
            methods.method_rounds(config),
            self.chains,
        )
        self.layers = compared_layers(config["network"], config["comparison"]["layers"])
        self.widths, self.at_widths = width_growth(config), {}
        self.held_out = round(self.training["validation"] * images.train)
        self.steps_per_epoch = ceil((images.train - self.held_out) / self.training["batch_size"])
        self.dumped_images = min(config["activations"]["images"], images.test)
        self.positions, self.cap = sampled(profile, self.dumped_images, config["activations"]["megabytes"])
        self.state = 4 * profile.state

    def job(self, rule, name, needs, verb, seconds, **values):
        writes = values.pop("writes", {})
        start_up = costs.FORKED_START_UP if self.machine.forked else costs.START_UP
        started = start_up[verb] + costs.SNAKEMAKE["job"] + self.machine.overhead
        writes = {**writes, "records": writes.get("records", 0) + NOTES_BYTES}
        return Job(rule, name, needs, started + seconds, writes=writes, **values)

    def fetch(self):
        stored = (self.images.train + self.images.test) * (self.images.bytes_each + 8)
        folder = (self.config["dataset"]["source"] or self.config["dataset"]["name"]) == "image_folder"
        count = self.images.train + self.images.test
        work = {"file": count * folder, "image": count, "byte": stored}
        # A folder is read image by image, the others whole.
        memory = costs.IMPORTED["numpy"] + (0 if folder else 2 * published_bytes(self.config["dataset"]))
        seconds = costs.price("fetching", work)
        return self.job("fetch", "fetch", [], "fetch", seconds, memory=memory, writes={"data set": stored})

    def named(self, name):
        """Return the job that has this name in `paths.jobs`."""
        kind, _, rest = name.partition("/")
        if kind == "comparisons":
            return self.comparison(rest)
        if kind == "spectra":
            return self.spectrum(name, *rest.split("/"))
        if kind == "connectivity":
            return self.connect(name, rest)
        if kind == "activations":
            return self.dump(rest)
        if kind == "robustness":
            return self.evaluated(
                "degrade", name, [rest], looks.degraded_images(robustness_of(self.config), self.images)
            )
        if name == "concepts/images":
            made = looks.annotated_bytes(self.config, self.images)
            seconds = costs.price("writing", {"byte": made}) + costs.price("annotating", {"byte": made})
            return self.job("annotate", name, ["fetch"], "fetch", seconds, writes={"concepts": made})
        if kind == "concepts":
            return self.dissect(name, rest)
        if kind == "widths":
            return self.width(name, *rest.split("/"))
        if rest == "given":
            return self.check_given(name)
        if rest.startswith("coupling/"):
            return self.job("coupling", name, ["fetch"], "train", 0, memory=costs.IMPORTED["numpy"] + 4 * self.state)
        replicate, *method, job = rest.split("/")
        if method and method[0] in self.chains:
            return self.adopt("adopt_round" if job != "round00" else "adopt_chain_dense", name)
        if job == "dense" and self.config["network"]["weights"]:
            if self.config["network"]["weights_as"] == "trained":
                return self.adopt("adopt_dense", name)
            needs = ["fetch", "networks/given"]
            return self.trained("train_given", name, needs, self.training, 0, self.training["epochs"])
        if job == "dense":
            return self.trained("train_dense", name, ["fetch"], self.training, 0, self.training["epochs"])
        if not method:
            rewind = next(
                m["rewind"] for m in self.methods.values() if rewind_file(m["rewind"]) == f"{job}.safetensors"
            )
            needs = ["fetch", f"networks/{replicate}/dense"]
            epochs = first_step(rewind, self.steps_per_epoch) / self.steps_per_epoch
            return self.trained("rewind_point", name, needs, self.training, 0, epochs)
        if job.startswith("sparse"):
            return self.sparsify(name, replicate, self.methods[method[0]])
        if job == "initial":
            return self.trained("reinitialise", name, ["fetch"], self.training, 0, 0)
        make = {"prune": self.prune, "score": self.score}.get(job[:-2], self.retrain)
        return make(name, int(replicate.removeprefix("rep")), method[0], int(job[-2:]))

    # --- Networks

    def prunable(self, method):
        """Return how many weights a method prunes."""
        kinds = {name: kind for name, (kind, _) in self.profile.weights.items()}
        names = select_tensors(kinds, self.methods[method]["types"], self.methods[method]["exclude"])
        return sum(self.profile.weights[name][1] for name in names)

    def check_given(self, name):
        networks = len(given_networks(self.config))
        seconds = networks * self.checking(2 * self.state)
        return self.job(
            "check_given", name, ["fetch"], "given", seconds, memory=costs.IMPORTED["numpy"] + 4 * self.state
        )

    def adopt(self, rule, name):
        """A network from outside: it is read, evaluated and written."""
        return self.trained(rule, name, ["fetch", "networks/given"], self.training, 0, 0)

    def needed(self, replicate, method, round_, files):
        """Return the jobs that make what a job of a round reads; see `prunesim.study.methods`."""
        found = (file(replicate, method, self.methods[method], round_) for file in files)
        return list(dict.fromkeys(f"networks/{paths.job_of(file)}" for file in found if file))

    def score(self, name, replicate, method, round_):
        """SNIP and GraSP are a pass or two over a batch; SynFlow one hundred over one image."""
        settings = self.methods[method]
        images = SYNFLOW_ITERATIONS if settings["criterion"] == "synflow" else settings["score_images"] or SNIP_IMAGES
        if settings["criterion"] == "grasp":
            images = 3 * (settings["score_images"] or GRASP_IMAGES) * self.images.classes
        needs = ["fetch", *self.needed(replicate, method, round_, (methods.ranked, methods.mask_before))]
        return self.trained("score", name, needs, self.training, 0, images / max(self.images.train, 1))

    def sparsify(self, name, replicate, settings):
        """A training as that of the dense network; ADMM's has epochs of its own."""
        admm = settings["sparsity"]["admm"]
        training = self.training | ({"optimizer": admm["optimizer"]} if admm else {})
        epochs = admm["iterations"] * admm["epochs"] if admm else training["epochs"]
        needs = ["fetch", f"networks/{replicate}/dense"]
        return self.trained("sparsify", name, needs, {**training, "epochs": epochs}, 0, epochs)

    def prune(self, name, replicate, method, round_):
        weights = self.prunable(method)
        files = (
            methods.ranked,
            methods.mask_before,
            methods.scores,
            methods.other_mask,
            methods.coupling,
        )
        needs = self.needed(replicate, method, round_, files)
        seconds = costs.price("pruning", {"weight": weights}) + self.checking(self.state)
        memory = costs.IMPORTED["numpy"] + 2 * self.state + 12 * weights
        return self.job("prune", name, needs, "prune", seconds, memory=memory, writes={"networks": weights})

    def retrain(self, name, replicate, method, round_):
        settings = self.methods[method]
        needs = ["fetch", *self.needed(replicate, method, round_, [methods.start])]
        needs.append(f"networks/rep{replicate}/{method}/prune{round_:02d}")
        training = round_training(self.training, settings)
        epochs = training["epochs"] - first_step(settings["rewind"], self.steps_per_epoch) / self.steps_per_epoch
        return self.trained("retrain", name, needs, training, self.prunable(method), epochs)

    def trained(self, rule, name, needs, training, masked, epochs):
        images = self.images
        written = self.state * (2 if rule in ("train_dense", "train_given", "adopt_dense") else 1)
        trained = epochs * (images.train - self.held_out)
        evaluated = epochs * self.held_out + (0 if rule == "rewind_point" else images.test)
        batches = evaluated / evaluation_batch(images.shape, self.profile.layers.values())
        work = costs.training_work(self.profile, epochs * self.steps_per_epoch, trained, evaluated, batches)
        if self.on_gpu:
            seconds = costs.gpu_training_seconds(work, self.tflops)
        else:
            seconds = costs.price("training", work) / training["threads"] ** costs.THREADS_POWER
        checkpoint = self.state + 4 * self.profile.parameters * (1 if training["optimizer"] == "sgd" else 2)
        read = 2 * images.bytes_each * images.train
        seconds += costs.price("writing", {"byte": written + max(epochs - 1, 0) * checkpoint})
        seconds += self.checking(read + masked)
        holds, gpu_holds = costs.training_memory(self.profile, training, images, self.on_gpu)
        return self.job(
            rule,
            name,
            needs,
            "rewind" if rule == "rewind_point" else "train",
            seconds,
            cores=training["threads"],
            gpus=int(self.on_gpu),
            memory=sum(holds.values()),
            gpu_memory=sum(gpu_holds.values()),
            holds=holds,
            gpu_holds=gpu_holds,
            writes={"networks": written},
        )

    def checking(self, size):
        return costs.price("checking", {"byte": size})

    # --- Activations and comparisons

    def dump(self, folder, written=None):
        images, layers = self.dumped_images, self.profile.layers.items()
        if written is None:
            written = sum(4 * images * shape[0] * (self.positions[name] + 1) for name, shape in layers)
        answered = 4 * self.images.test * self.images.classes
        work = costs.dumping_work(self.profile, images, written)
        # Of the answers to all test images.
        work["mac"] += self.images.test * self.profile.macs
        work["byte"] += answered
        if self.on_gpu:
            seconds = 2 * work.pop("mac") / (self.tflops * 1e12) + costs.price("dumping", work)
        else:
            seconds = costs.price("dumping", work)
        holds, gpu_holds = costs.dumping_memory(self.profile, self.images, images, self.on_gpu)
        return self.job(
            "dump",
            f"activations/{folder}",
            ["fetch", f"networks/{folder}"],
            "dump",
            seconds,
            cores=self.training["threads"],
            gpus=int(self.on_gpu),
            memory=sum(holds.values()),
            gpu_memory=sum(gpu_holds.values()),
            holds=holds,
            gpu_holds=gpu_holds,
            writes={"activations": written + answered},
        )

    def connect(self, name, line):
        """Return the job that evaluates the networks on a line."""
        ends = [folder for *_, folder in self.connections[line]]
        images, settings = self.images, self.config["connectivity"]
        train, statistics = (
            min(settings[f"{x}_images"], images.train - self.held_out) for x in ("train", "recalibration")
        )
        # A network without batch normalisation takes half.
        evaluated = settings["points"] * (2 * (images.test + train) + statistics)
        return self.evaluated("connect", name, ends, evaluated, LINE_BYTES * 2 * settings["points"])

    def evaluated(self, rule, name, folders, images, written=0):
        """Return a job that runs networks over a number of images in all."""
        batches = images / evaluation_batch(self.images.shape, self.profile.layers.values())
        work = costs.training_work(self.profile, 0, 0, images, batches)
        if self.on_gpu:
            seconds = costs.gpu_training_seconds(work, self.tflops)
        else:
            seconds = costs.price("training", work) / self.training["threads"] ** costs.THREADS_POWER
        holds, gpu_holds = costs.training_memory(self.profile, self.training, self.images, self.on_gpu)
        return self.job(
            rule,
            name,
            ["fetch", *(f"networks/{folder}" for folder in folders)],
            "connect",
            seconds + self.checking(len(folders) * self.state),
            cores=self.training["threads"],
            gpus=int(self.on_gpu),
            memory=sum(holds.values()),
            gpu_memory=sum(gpu_holds.values()),
            holds=holds,
            gpu_holds=gpu_holds,
            writes={"records": written},
        )

    def dissect(self, name, folder):
        """Return the job that runs a network over images with concepts."""
        images, pixels = looks.concept_images(self.config, self.images)
        grown = pixels / (self.images.shape[1] * self.images.shape[2])
        work = costs.training_work(self.profile, 0, 0, 2 * images * grown)
        seconds = costs.price("training", work) if not self.on_gpu else costs.gpu_training_seconds(work, self.tflops)
        units = looks.dissected_units(self.config, self.profile)
        seconds += costs.price("dissecting", looks.dissecting_work(self.config, images * pixels, units))
        made = looks.annotated_bytes(self.config, self.images)
        return self.job(
            "dissect",
            name,
            ["fetch", "concepts/images", f"networks/{folder}"],
            "connect",
            seconds + self.checking(made + self.state),
            cores=self.training["threads"],
            gpus=int(self.on_gpu),
            memory=costs.IMPORTED["cuda" if self.on_gpu else "torch"] + made + 4 * self.profile.parameters + 1e8,
            gpu_memory=costs.GPU_CONTEXT + 5e8 if self.on_gpu else 0,
            writes={"concepts": units * (1 + self.config["concepts"]["draws"]) * LINE_BYTES},
        )

    def at_width(self, factor):
        """Return the rules for networks of another width."""
        if factor not in self.at_widths:
            network = network_at(self.config["network"], factor)
            profile = network_profile(network, self.images.shape, self.images.classes)
            config = {**self.config, "network": network}
            self.at_widths[factor] = _Rules(config, self.images, profile, self.machine)
        return self.at_widths[factor]

    def width(self, name, factor, where, what, layer=None):
        """Return the job of a network of another width, or of a comparison of two widths."""
        if factor == "comparisons":
            return self.compared_widths(name, where, what, layer)
        rules, dense = self.at_width(factor), f"widths/{factor}/{where}/dense"
        if what == "dense":
            return rules.trained("train_width", name, ["fetch"], self.training, 0, self.training["epochs"])
        written = sum(4 * self.dumped_images * shape[0] for shape in rules.profile.layers.values())
        job = rules.dump(name, written)
        return job._replace(rule="dump_width", name=name, needs=["fetch", dense])

    def compared_widths(self, name, narrow, wide, layer):
        settings, replicates = self.config["widths"], self.widths["replicates"]
        members = [(factor, r) for factor, r, _ in width_networks(dict.fromkeys([narrow, wide]), replicates)]
        filters = compared_filters(self.config, layer)
        units = [filters or self.at_width(factor).profile.layers[layer][0] for factor, _ in members] * len(STATES)
        pairs = [(members.index(a), members.index(b)) for a, b in pairs_of_networks(narrow, wide, replicates)]
        pairs += [(a + len(members), b + len(members)) for a, b in pairs]
        dumped = [f"widths/{factor}/rep{r}/{state}" for factor, r in members for state in STATES]
        told = self.config["comparison"] | {key: settings[key] for key in ("measures", "null_draws")}
        job = self.compared(f"widths/{narrow}", [], units, pairs, self.dumped_images, told)
        return job._replace(name=name, needs=dumped)

    def comparison(self, name):
        """Return the job of one comparison; its name is that of its file, as `paths.comparisons` makes it."""
        family, replicate, *where = name.split("/")
        replicate = int(replicate.removeprefix("rep"))
        if family == "functional":
            return self.answers(name, replicate, *where)
        if family == "layers":
            folders = [self.dense(replicate, where[0]), f"rep{replicate}/{'/'.join(where)}"]
            widths = [self.profile.layers[layer][0] for layer in self.layers]
            count = len(widths)
            pairs = [(i, count + j) for i in range(count) for j in range(count)]
            return self.compared(name, folders, 2 * widths, pairs, self.dumped_images)
        *network, layer = where
        if family == "rounds":
            method, round_ = network[0], int(network[1].removeprefix("round"))
            base = dense_of(self.config, method)
            folders = [folder for *_, folder in paths.chain(replicate, method, round_, base)]
        else:
            folders = [f"rep{earlier}/{'/'.join(network)}" for earlier in range(replicate + 1)]
        last = len(folders) - 1
        widths = [self.profile.layers[layer][0]] * len(folders)
        samples = self.dumped_images * self.positions[layer]
        return self.compared(name, folders, widths, [(i, last) for i in range(last)], samples)

    def answers(self, name, replicate, method, job="round00"):
        """Return the job that compares the answers of one network."""
        settings, round_ = self.config["comparison"], int(job.removeprefix("round"))
        dense = dense_of(self.config, method)
        before = [folder for *_, folder in paths.answers_before(replicate, method, round_, dense)]
        folders = [*before, paths.network(replicate, method, round_, dense)]
        size = self.images.test * self.images.classes
        looks = len(before) * (1 + settings["null_draws"])
        rows = len(before) * ANSWER_MEASURES
        return self.job(
            "compare_functional",
            f"comparisons/{name}",
            ["fetch", *(f"activations/{folder}" for folder in folders)],
            "similarity",
            costs.price("answers", {"probability": looks * size}) + self.checking(4 * size * len(folders)),
            memory=costs.IMPORTED["numpy"] + 80 * size,
            writes={"records": ROW_BYTES * rows},
        )

    def dense(self, replicate, method):
        """Return the folder of the network that the rounds of a method start from."""
        return paths.network(replicate, method, 0, dense_of(self.config, method))

    def spectrum(self, name, replicate, method, round_):
        """Return the job that finds the canonical correlations of a round with its dense network."""
        folders = [self.dense(int(replicate.removeprefix("rep")), method), f"{replicate}/{method}/{round_}"]
        draws, widths = (
            self.config["comparison"]["null_draws"],
            [self.profile.layers[layer][0] for layer in self.layers],
        )
        seconds = memory = 0
        for layer, width in zip(self.layers, widths, strict=True):
            samples, pair = self.dumped_images * self.positions[layer], ([width, width], [(0, 1)])
            seconds += costs.price("comparing", costs.comparing_work(*pair, samples, 1, draws, ["cca_mean"]))
            memory = max(memory, costs.comparing_memory(*pair, 1))
        return self.job(
            "spectrum",
            name,
            [f"activations/{folder}" for folder in folders],
            "similarity",
            seconds,
            memory=memory,
            writes={"records": SPECTRUM_BYTES * sum(widths)},
        )

    def compared(self, name, folders, widths, pairs, samples, settings=None):
        settings = settings or self.config["comparison"]
        draws, measures = settings["null_draws"], settings["measures"]
        blocks = min(settings["blocks"], self.dumped_images)
        work = costs.comparing_work(widths, pairs, samples, blocks, draws, measures)
        seconds = costs.price("comparing", work)
        seconds += costs.kernel_seconds(len(widths), len(pairs), samples, draws, measures)
        return self.job(
            f"compare_{name.partition('/')[0]}",
            f"comparisons/{name}",
            [f"activations/{folder}" for folder in folders],
            "similarity",
            seconds,
            memory=costs.comparing_memory(widths, pairs, blocks),
            writes={"records": ROW_BYTES * len(pairs) * len(measures)},
        )

    # --- Tables and figures

    def tables_and_figures(self, jobs):
        networks = [job.name for job in jobs if job.rule in NETWORK_RULES]
        comparisons = [job.name for job in jobs if job.name.startswith("comparisons/")]
        rows = sum(job.writes["records"] for job in jobs if job.name.startswith("comparisons/"))
        dumps = [job.name for job in jobs if job.rule == "dump"]
        lines, degraded, dissected = (
            [job.name for job in jobs if job.rule == rule] for rule in ("connect", "degrade", "dissect")
        )
        claimed = [f"tables/{name}" for name in claimed_tables(self.config)]
        answers = [name for name in tables_of(self.config) if name in ("answers", "classes")]
        size = len(dumps) * self.images.test * self.images.classes
        answered = costs.price("answers", {"probability": size}) + self.checking(4 * size)
        notes = rows + NOTES_BYTES * len(jobs)
        of_widths = [job.name for job in jobs if job.rule in ("train_width", "compare_widths")]
        spectra = [job.name for job in jobs if job.rule == "spectrum"]
        counts = (len(comparisons), len(jobs), len(of_widths), len(spectra))
        reading = {count: costs.price("tabling", {"file": count}) for count in counts}
        sparse = [job.name for job in jobs if job.rule == "sparsify"]
        tables = [
            self.job("networks_table", "tables/networks", networks, "table", 0),
            self.job("networks_table", "tables/layers", networks, "table", 0),
            self.job(
                "similarity_table",
                "tables/similarity",
                comparisons,
                "table",
                2 * reading[len(comparisons)],
                writes={"records": rows},
            ),
            *(
                [self.job("spectra_table", "tables/spectra", spectra, "table", 2 * reading[len(spectra)])]
                if spectra
                else []
            ),
            *([self.job("sparsity_table", "tables/sparsity", sparse, "table", 0)] if sparse else []),
            *(self.job("answers_table", f"tables/{name}", ["fetch", *dumps], "table", answered) for name in answers),
            *(
                self.job("connectivity_table", "tables/connectivity", lines, "table", 0)
                for name in tables_of(self.config)
                if name == "connectivity"
            ),
            *([self.job("robustness_table", "tables/robustness", degraded, "table", 0)] if degraded else []),
            *(
                self.job("concept_tables", f"tables/{name}", [*dissected, "tables/networks"], "table", 0)
                for name in tables_of(self.config)
                if name in ("concepts", "concept_layers")
            ),
            *(
                self.job(f"{name}_table", f"tables/{name}", networks, "table", 0)
                for name in ("training", "overlap")
                if name in tables_of(self.config)
            ),
            *(
                [self.job("widths_table", "tables/widths", of_widths, "table", reading[len(of_widths)])]
                if of_widths
                else []
            ),
            self.job("claims_table", "tables/claims", claimed, "claims", 0),
        ]
        figures = [
            self.job(f"figure_{name}", f"figures/{name}", [f"tables/{table}" for table in about["tables"]], "figure", 0)
            for name, about in figures_of(tables_of(self.config), self.methods, self.config["figures"]["more"]).items()
        ]
        figures += [
            self.job(name, f"figures/{name}", dissected[:1], "figure", 0) for name in sheets_of(tables_of(self.config))
        ]
        figures = [job._replace(memory=costs.IMPORTED["figures"]) for job in figures]
        explored = {key: price * rows / ROW_BYTES for key, price in costs.EXPLORED_ROW.items()}
        page = self.job(
            "explorer",
            "explorer",
            ["tables/networks", "tables/similarity"],
            "explore",
            explored["seconds"],
            memory=costs.IMPORTED["numpy"] + explored["memory"],
        )
        needs = [job.name for job in (*jobs, *tables, *figures, page) if job.name != "fetch"]
        seconds = reading[len(jobs)]
        last = self.job(
            "provenance_table", "tables/provenance", needs, "table", seconds, writes={"records": notes / 10}
        )
        return [*tables, *figures, page, last]
