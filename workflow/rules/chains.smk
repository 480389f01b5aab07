# Networks from outside: weights to start from, and chains that were pruned elsewhere.

# Before the first job says so; what has been taken in may be drawn again without the files.
if not os.path.exists(f"{STUDY}/{record_path('networks/given')}"):
    missing = [path for path in chains.given_files(config) if not os.path.isfile(path)]
    if missing:
        raise WorkflowError(
            f"{', '.join(missing)}: no such file in {os.getcwd()}; network.weights and chains name files as they are "
            "found from where Snakemake runs."
        )


if GIVEN:

    rule check_given:
        """Check all networks from outside before anything is trained."""
        input:
            data=rules.fetch.output.arrays,
            files=chains.given_files(config),
            network=own_network(),
        output:
            checked="<study>/networks/given.json",
            record="<study>/provenance/networks/given.json",
        log:
            "<study>/logs/networks/given.log",
        # No input of what reads the files, which must not rerun for another one in the list. What is due is not looked at
        # below an ancient input that is due itself.
        priority: BEFORE_ALL
        conda:
            "../../envs/torch.yaml"
        resources:
            mem_mb=doubling(4000),
            runtime=doubling(20),
        params:
            code=code("given"),
            software=software("torch"),
            settings=settings(
                network=NETWORK,
                given=GIVEN,
                exclude={name: chain["exclude"] for name, chain in config["chains"].items()},
            ),
            dataset=subpath(input[0], parent=True),
        shell:
            prunesim("given --settings {params.settings:q} --dataset {params.dataset:q}" " --output {output.checked:q}")


if config["network"]["weights"] and config["network"]["weights_as"] == "trained":

    ruleorder: adopt_dense > train_dense

    rule adopt_dense:
        """Take given weights for the dense network of a replicate."""
        input:
            data=rules.fetch.output.arrays,
            weights=given_file("weights"),
            network=own_network(),
        output:
            "<study>/networks/rep{rep}/dense/initial.safetensors",
            "<study>/networks/rep{rep}/dense/weights.safetensors",
            "<study>/networks/rep{rep}/dense/history.csv",
            "<study>/networks/rep{rep}/dense/metrics.json",
            record="<study>/provenance/networks/rep{rep}/dense.json",
        log:
            "<study>/logs/networks/rep{rep}/dense.log",
        conda:
            "../../envs/torch.yaml"
        threads: config["training"]["threads"]
        resources:
            mem_mb=doubling(4000),
            runtime=doubling(20),
            gpu=GPUS,
        params:
            code=code("adopt"),
            software=software("torch"),
            settings=adopted(),
            dataset=subpath(input[0], parent=True),
            folder=subpath(output[0], parent=True),
        shell:
            prunesim(
                "adopt --settings {params.settings:q} --dataset {params.dataset:q}"
                " --replicate {wildcards.rep} --weights {input.weights:q} --output {params.folder:q}"
            )


if config["network"]["weights"] and config["network"]["weights_as"] == "start":

    ruleorder: train_given > train_dense

    rule train_given:
        """Train the dense network of a replicate from given weights."""
        input:
            data=rules.fetch.output.arrays,
            weights=given_file("weights"),
            network=own_network(),
        output:
            "<study>/networks/rep{rep}/dense/initial.safetensors",
            "<study>/networks/rep{rep}/dense/weights.safetensors",
            "<study>/networks/rep{rep}/dense/history.csv",
            "<study>/networks/rep{rep}/dense/metrics.json",
            record="<study>/provenance/networks/rep{rep}/dense.json",
        log:
            "<study>/logs/networks/rep{rep}/dense.log",
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
            checkpoint=lambda wildcards: f"{STUDY}/checkpoints/rep{wildcards.rep}/dense.safetensors",
            folder=subpath(output[0], parent=True),
        shell:
            prunesim(
                "train --settings {params.settings:q} --dataset {params.dataset:q}"
                " --replicate {wildcards.rep} --start {input.weights:q} --checkpoint {params.checkpoint:q}"
                " --output {params.folder:q}"
            )


if config["chains"]:

    rule adopt_chain_dense:
        """Take the dense network of a chain into the study."""
        input:
            data=rules.fetch.output.arrays,
            weights=given_file("weights"),
            network=own_network(),
        output:
            "<study>/networks/rep{rep}/{method}/round{kk}/weights.safetensors",
            "<study>/networks/rep{rep}/{method}/round{kk}/history.csv",
            "<study>/networks/rep{rep}/{method}/round{kk}/metrics.json",
            record="<study>/provenance/networks/rep{rep}/{method}/round{kk}.json",
        log:
            "<study>/logs/networks/rep{rep}/{method}/round{kk}.log",
        wildcard_constraints:
            method=CHAIN,
            kk="00",
        conda:
            "../../envs/torch.yaml"
        threads: config["training"]["threads"]
        resources:
            mem_mb=doubling(4000),
            runtime=doubling(20),
            gpu=GPUS,
        params:
            code=code("adopt"),
            software=software("torch"),
            settings=lambda wildcards: adopted(config["chains"][wildcards.method]["exclude"]),
            dataset=subpath(input[0], parent=True),
            folder=subpath(output[0], parent=True),
        shell:
            prunesim(
                "adopt --settings {params.settings:q} --dataset {params.dataset:q}"
                " --replicate {wildcards.rep} --method {wildcards.method} --round {wildcards.kk}"
                " --weights {input.weights:q} --output {params.folder:q}"
            )

    rule adopt_round:
        """Take a pruned network of a chain into the study."""
        input:
            data=rules.fetch.output.arrays,
            weights=given_file("weights"),
            mask=given_file("mask"),
            network=own_network(),
        output:
            "<study>/networks/rep{rep}/{method}/round{kk}/mask.safetensors",
            "<study>/networks/rep{rep}/{method}/round{kk}/weights.safetensors",
            "<study>/networks/rep{rep}/{method}/round{kk}/history.csv",
            "<study>/networks/rep{rep}/{method}/round{kk}/metrics.json",
            record="<study>/provenance/networks/rep{rep}/{method}/round{kk}.json",
        log:
            "<study>/logs/networks/rep{rep}/{method}/round{kk}.log",
        wildcard_constraints:
            method=CHAIN,
            kk=ROUND,
        conda:
            "../../envs/torch.yaml"
        threads: config["training"]["threads"]
        resources:
            mem_mb=doubling(4000),
            runtime=doubling(20),
            gpu=GPUS,
        params:
            code=code("adopt"),
            software=software("torch"),
            settings=lambda wildcards: adopted(config["chains"][wildcards.method]["exclude"]),
            dataset=subpath(input[0], parent=True),
            folder=subpath(output[0], parent=True),
            mask=lambda wildcards, input: ["--mask", input.mask] if input.mask else [],
        shell:
            prunesim(
                "adopt --settings {params.settings:q} --dataset {params.dataset:q}"
                " --replicate {wildcards.rep} --method {wildcards.method} --round {wildcards.kk}"
                " --weights {input.weights:q} {params.mask:q} --output {params.folder:q}"
            )
