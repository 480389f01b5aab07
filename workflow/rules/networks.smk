rule train_dense:
    """Initialise and train the network that all methods of a replicate start from."""
    input:
        data=rules.fetch.output.arrays,
        network=own_network(),
    output:
        "<study>/networks/rep{rep}/dense/initial.safetensors",
        "<study>/networks/rep{rep}/dense/weights.safetensors",
        "<study>/networks/rep{rep}/dense/history.csv",
        "<study>/networks/rep{rep}/dense/metrics.json",
        record="<study>/provenance/networks/rep{rep}/dense.json",
    log:
        "<study>/logs/networks/rep{rep}/dense.log",
    priority: trainings_left
    conda:
        "../../envs/torch.yaml"
    threads: config["training"]["threads"]
    resources:
        mem_mb=doubling(4000),
        runtime=doubling(60),
        gpu=GPUS,
    params:
        code=code("train"),
        software=software("torch"),
        settings=settings(seed=config["seed"], network=NETWORK, training=config["training"]),
        dataset=subpath(input[0], parent=True),
        # Not an output: Snakemake would delete it before the job that resumes from it.
        checkpoint=lambda wildcards: f"{STUDY}/checkpoints/rep{wildcards.rep}/dense.safetensors",
        folder=subpath(output[0], parent=True),
    shell:
        prunesim(
            "train --settings {params.settings:q} --dataset {params.dataset:q} --replicate {wildcards.rep}"
            " --checkpoint {params.checkpoint:q} --output {params.folder:q}"
        )


rule rewind_point:
    """Repeat the first steps of the dense training, up to where methods rewind to."""
    input:
        data=rules.fetch.output.arrays,
        initial="<study>/networks/rep{rep}/dense/initial.safetensors",
        network=own_network(),
    output:
        weights="<study>/networks/rep{rep}/dense/rewind_{unit}{number}.safetensors",
        record="<study>/provenance/networks/rep{rep}/rewind_{unit}{number}.json",
    log:
        "<study>/logs/networks/rep{rep}/rewind_{unit}{number}.log",
    wildcard_constraints:
        unit="epoch|step",
        number=r"[1-9]\d*",
    priority: trainings_left
    conda:
        "../../envs/torch.yaml"
    threads: config["training"]["threads"]
    resources:
        mem_mb=doubling(4000),
        runtime=doubling(60),
        gpu=GPUS,
    params:
        code=code("rewind"),
        software=software("torch"),
        settings=lambda wildcards: settings(
            seed=config["seed"],
            network=NETWORK,
            training=config["training"],
            rewind={wildcards.unit: int(wildcards.number)},
        ),
        dataset=subpath(input[0], parent=True),
    shell:
        prunesim(
            "rewind --settings {params.settings:q} --dataset {params.dataset:q} --replicate {wildcards.rep}"
            " --initial {input.initial:q} --output {output.weights:q}"
        )


rule reinitialise:
    """Draw other initial weights for a control."""
    input:
        data=rules.fetch.output.arrays,
        network=own_network(),
    output:
        weights="<study>/networks/rep{rep}/{method}/initial.safetensors",
        record="<study>/provenance/networks/rep{rep}/{method}/initial.json",
    log:
        "<study>/logs/networks/rep{rep}/{method}/initial.log",
    wildcard_constraints:
        method=METHOD,
    priority: trainings_left
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=doubling(4000),
        runtime=doubling(20),
    params:
        code=code("reinitialise"),
        software=software("torch"),
        settings=settings(seed=config["seed"], network=NETWORK, training=config["training"]),
        dataset=subpath(input[0], parent=True),
    shell:
        prunesim(
            "reinitialise --settings {params.settings:q} --dataset {params.dataset:q} --replicate {wildcards.rep}"
            " --method {wildcards.method} --output {output.weights:q}"
        )


rule score:
    """Score the weights of a network before it is trained."""
    input:
        data=rules.fetch.output.arrays,
        weights=of_round(methods.ranked),
        mask=of_round(methods.mask_before),
        network=own_network(),
    output:
        scores="<study>/networks/rep{rep}/{method}/round{kk}/scores.safetensors",
        record="<study>/provenance/networks/rep{rep}/{method}/score{kk}.json",
    log:
        "<study>/logs/networks/rep{rep}/{method}/score{kk}.log",
    wildcard_constraints:
        method=SCORED,
        kk=ROUND,
    priority: trainings_left
    conda:
        "../../envs/torch.yaml"
    threads: config["training"]["threads"]
    resources:
        mem_mb=doubling(4000),
        runtime=doubling(20),
        gpu=GPUS,
    params:
        code=code("score"),
        software=software("torch"),
        settings=lambda wildcards: settings(
            seed=config["seed"],
            network=NETWORK,
            training=config["training"],
            **method_section(wildcards, "score_images"),
            **pruned_to(wildcards),
        ),
        dataset=subpath(input[0], parent=True),
        mask=lambda wildcards, input: ["--mask", input.mask] if input.mask else [],
    shell:
        prunesim(
            "score --settings {params.settings:q} --dataset {params.dataset:q} --replicate {wildcards.rep}"
            " --round {wildcards.kk} --weights {input.weights:q} {params.mask:q} --output {output.scores:q}"
        )


rule coupling:
    """Find which filters go together, and refuse a method that cannot prune them before anything is trained."""
    input:
        data=rules.fetch.output.arrays,
        network=own_network(),
    output:
        coupling="<study>/networks/coupling/{method}.json",
        record="<study>/provenance/networks/coupling/{method}.json",
    log:
        "<study>/logs/networks/coupling/{method}.log",
    wildcard_constraints:
        method=METHOD,
    priority: BEFORE_ALL
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=doubling(4000),
        runtime=doubling(20),
    params:
        code=code("coupling"),
        software=software("torch"),
        settings=lambda wildcards: settings(network=NETWORK, methods=filter_method(wildcards.method)),
        dataset=subpath(input[0], parent=True),
    shell:
        prunesim("coupling --settings {params.settings:q} --dataset {params.dataset:q} --output {output.coupling:q}")


rule sparsify:
    """Train a network with a penalty that makes it sparse before it is pruned."""
    input:
        data=rules.fetch.output.arrays,
        start=sparse_start,
        network=own_network(),
    output:
        weights="<study>/networks/rep{rep}/{method}/sparse{at}/weights.safetensors",
        history="<study>/networks/rep{rep}/{method}/sparse{at}/history.csv",
        metrics="<study>/networks/rep{rep}/{method}/sparse{at}/metrics.json",
        record="<study>/provenance/networks/rep{rep}/{method}/sparse{at}.json",
    log:
        "<study>/logs/networks/rep{rep}/{method}/sparse{at}.log",
    wildcard_constraints:
        method=METHOD,
        at=r"|\d\d+",
    priority: trainings_left
    conda:
        "../../envs/torch.yaml"
    threads: config["training"]["threads"]
    resources:
        mem_mb=doubling(4000),
        runtime=doubling(60),
        gpu=GPUS,
    params:
        code=code("sparsify"),
        software=software("torch"),
        settings=sparse_settings,
        dataset=subpath(input[0], parent=True),
        aim=sparse_aim,
        checkpoint=lambda wildcards: f"{STUDY}/checkpoints/rep{wildcards.rep}/{wildcards.method}_sparse{wildcards.at}.safetensors",
        folder=subpath(output[0], parent=True),
    shell:
        prunesim(
            "sparsify --settings {params.settings:q} --dataset {params.dataset:q} --replicate {wildcards.rep}"
            " --method {wildcards.method} {params.aim:q} --start {input.start:q} --checkpoint {params.checkpoint:q}"
            " --output {params.folder:q}"
        )


rule prune:
    """Choose the weights that a round removes."""
    input:
        weights=of_round(methods.ranked),
        mask=of_round(methods.mask_before),
        scores=of_round(methods.scores),
        other=of_round(methods.other_mask),
        coupling=of_round(methods.coupling),
    output:
        mask="<study>/networks/rep{rep}/{method}/round{kk}/mask.safetensors",
        record="<study>/provenance/networks/rep{rep}/{method}/prune{kk}.json",
    log:
        "<study>/logs/networks/rep{rep}/{method}/prune{kk}.log",
    wildcard_constraints:
        method=METHOD,
        kk=ROUND,
    priority: trainings_left
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=doubling(2000),
        runtime=doubling(10),
    params:
        code=code("prune"),
        software=software("analysis"),
        settings=lambda wildcards: settings(seed=config["seed"], **pruned_to(wildcards)),
        more=lambda wildcards, input: [
            word
            for name in ("mask", "scores", "other", "coupling")
            if input.get(name)
            for word in (f"--{name}", input.get(name))
        ],
    shell:
        prunesim(
            "prune --settings {params.settings:q} --weights {input.weights:q} {params.more:q}"
            " --replicate {wildcards.rep} --round {wildcards.kk} --output {output.mask:q}"
        )


rule retrain:
    """Train what a round has left."""
    input:
        data=rules.fetch.output.arrays,
        start=of_round(methods.start),
        mask="<study>/networks/rep{rep}/{method}/round{kk}/mask.safetensors",
        network=own_network(),
    output:
        "<study>/networks/rep{rep}/{method}/round{kk}/weights.safetensors",
        "<study>/networks/rep{rep}/{method}/round{kk}/history.csv",
        "<study>/networks/rep{rep}/{method}/round{kk}/metrics.json",
        record="<study>/provenance/networks/rep{rep}/{method}/round{kk}.json",
    log:
        "<study>/logs/networks/rep{rep}/{method}/round{kk}.log",
    wildcard_constraints:
        method=METHOD,
        kk=ROUND,
    priority: trainings_left
    conda:
        "../../envs/torch.yaml"
    threads: config["training"]["threads"]
    resources:
        mem_mb=doubling(4000),
        runtime=doubling(60),
        gpu=GPUS,
    params:
        code=code("train"),
        software=software("torch"),
        settings=lambda wildcards: settings(
            seed=config["seed"],
            network=NETWORK,
            training=config["training"],
            method=method_section(wildcards, "rewind", "fine_tune_learning_rate", "fine_tune_epochs"),
        ),
        dataset=subpath(input[0], parent=True),
        checkpoint=lambda wildcards: f"{STUDY}/checkpoints/rep{wildcards.rep}/{wildcards.method}{wildcards.kk}.safetensors",
        folder=subpath(output[0], parent=True),
    shell:
        prunesim(
            "train --settings {params.settings:q} --dataset {params.dataset:q} --replicate {wildcards.rep}"
            " --method {wildcards.method} --round {wildcards.kk} --start {input.start:q}"
            " --mask {input.mask:q} --checkpoint {params.checkpoint:q} --output {params.folder:q}"
        )


rule dump:
    """Dump the activations of the chosen layers of a network."""
    input:
        data=rules.fetch.output.arrays,
        weights="<study>/networks/rep{rep}/{network}/weights.safetensors",
        network=own_network(),
    output:
        expand(
            "<study>/activations/rep{{rep}}/{{network}}/{layer}{suffix}",
            layer=DUMPED_LAYERS,
            suffix=[".npy", ".pooled.npy"],
        ),
        predictions="<study>/activations/rep{rep}/{network}/predictions.npy",
        index="<study>/activations/rep{rep}/{network}/activations.json",
        record="<study>/provenance/activations/rep{rep}/{network}.json",
    log:
        "<study>/logs/activations/rep{rep}/{network}.log",
    conda:
        "../../envs/torch.yaml"
    threads: config["training"]["threads"]
    resources:
        mem_mb=doubling(4000),
        runtime=doubling(20),
        gpu=GPUS,
    params:
        code=code("dump"),
        software=software("torch"),
        settings=settings(
            seed=config["seed"],
            network=NETWORK,
            training=dump_training(),
            activations=section("activations", "images", "megabytes"),
            **dump_settings(),
        ),
        dataset=subpath(input[0], parent=True),
        folder=subpath(output.index, parent=True),
    shell:
        prunesim(
            "dump --settings {params.settings:q} --dataset {params.dataset:q} --weights {input.weights:q}"
            " --output {params.folder:q}"
        )
