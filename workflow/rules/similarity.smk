rule compare_rounds:
    """Compare a network with all earlier rounds of its chain, at one layer."""
    input:
        activations=chain_activations,
    output:
        table="<study>/comparisons/rounds/rep{rep}/{method}/round{kk}/{layer}.csv",
        record="<study>/provenance/comparisons/rounds/rep{rep}/{method}/round{kk}/{layer}.json",
    log:
        "<study>/logs/comparisons/rounds/rep{rep}/{method}/round{kk}/{layer}.log",
    wildcard_constraints:
        kk=ROUND,
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=doubling(1500),
        runtime=doubling(2),
        group_slot=1,
    params:
        code=code("similarity"),
        software=software("analysis"),
        settings=lambda wildcards: comparison_settings(wildcards.method),
        activations=f"{STUDY}/activations",
    shell:
        prunesim(
            "similarity rounds --settings {params.settings:q} --activations {params.activations:q}"
            " --replicate {wildcards.rep} --method {wildcards.method} --round {wildcards.kk}"
            " --layer {wildcards.layer:q} --output {output.table:q}"
        )


rule compare_layers:
    """Compare every layer of the dense network with every layer of a round."""
    input:
        activations=layers_activations,
    output:
        table="<study>/comparisons/layers/rep{rep}/{method}/round{kk}.csv",
        record="<study>/provenance/comparisons/layers/rep{rep}/{method}/round{kk}.json",
    log:
        "<study>/logs/comparisons/layers/rep{rep}/{method}/round{kk}.log",
    wildcard_constraints:
        kk=ROUND,
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=doubling(1500),
        runtime=doubling(2),
        group_slot=1,
    params:
        code=code("similarity"),
        software=software("analysis"),
        settings=lambda wildcards: comparison_settings(wildcards.method),
        activations=f"{STUDY}/activations",
        layers=LAYERS,
    shell:
        prunesim(
            "similarity layers --settings {params.settings:q} --activations {params.activations:q}"
            " --replicate {wildcards.rep} --method {wildcards.method} --round {wildcards.kk}"
            " --layer {params.layers:q} --output {output.table:q}"
        )


rule compare_replicates:
    """Compare a network with its counterparts in all earlier replicates, at one layer."""
    input:
        activations=replicates_activations,
    output:
        table="<study>/comparisons/replicates/rep{rep}/{network}/{layer}.csv",
        record="<study>/provenance/comparisons/replicates/rep{rep}/{network}/{layer}.json",
    log:
        "<study>/logs/comparisons/replicates/rep{rep}/{network}/{layer}.log",
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=doubling(1500),
        runtime=doubling(2),
        group_slot=1,
    params:
        code=code("similarity"),
        software=software("analysis"),
        settings=lambda wildcards: comparison_settings(wildcards.network.partition("/")[0]),
        activations=f"{STUDY}/activations",
        identity=lambda wildcards: network_options(wildcards.network),
    shell:
        prunesim(
            "similarity replicates --settings {params.settings:q} --activations {params.activations:q}"
            " --replicate {wildcards.rep} {params.identity} --layer {wildcards.layer:q}"
            " --output {output.table:q}"
        )


rule compare_functional:
    """Compare the answers of a network with those of all earlier rounds of its chain, and of all earlier replicates."""
    input:
        answers=functional_answers,
        labels="<dataset>/test_labels.npy",
        dataset="<dataset>/dataset.json",
    output:
        table="<study>/comparisons/functional/rep{rep}/{network}.csv",
        record="<study>/provenance/comparisons/functional/rep{rep}/{network}.json",
    log:
        "<study>/logs/comparisons/functional/rep{rep}/{network}.log",
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=doubling(1500),
        runtime=doubling(2),
        group_slot=1,
    params:
        code=code("answers"),
        software=software("analysis"),
        settings=lambda wildcards: functional_settings(wildcards.network.partition("/")[0]),
        activations=f"{STUDY}/activations",
        dataset=subpath(input.labels, parent=True),
        identity=lambda wildcards: network_options(wildcards.network),
    shell:
        prunesim(
            "answers compare --settings {params.settings:q} --activations {params.activations:q}"
            " --dataset {params.dataset:q} --replicate {wildcards.rep} {params.identity} --output {output.table:q}"
        )


rule spectrum:
    """Find all canonical correlations of a pruned network with its dense one, at all compared layers."""
    input:
        activations=lambda wildcards: layers_activations(wildcards, ""),
    output:
        table="<study>/spectra/rep{rep}/{method}/round{kk}.csv",
        record="<study>/provenance/spectra/rep{rep}/{method}/round{kk}.json",
    log:
        "<study>/logs/spectra/rep{rep}/{method}/round{kk}.log",
    wildcard_constraints:
        kk=ROUND,
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=doubling(1500),
        runtime=doubling(2),
        group_slot=1,
    params:
        code=code("spectrum"),
        software=software("analysis"),
        settings=lambda wildcards: spectrum_settings(wildcards.method),
        activations=f"{STUDY}/activations",
        layers=LAYERS,
    shell:
        prunesim(
            "spectrum --settings {params.settings:q} --activations {params.activations:q}"
            " --replicate {wildcards.rep} --method {wildcards.method} --round {wildcards.kk}"
            " --layer {params.layers:q} --output {output.table:q}"
        )


rule networks_table:
    """One row a network, and one row a network and layer."""
    input:
        metrics=network_files("metrics.json"),
    output:
        table=report(
            "<study>/tables/{table}.csv",
            caption="../report/tables.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
        record="<study>/provenance/tables/{table}.json",
    log:
        "<study>/logs/tables/{table}.log",
    wildcard_constraints:
        table="networks|layers",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code("table"),
        software=software("analysis"),
        plan=plan("replicates", "rounds", "methods"),
        study=subpath(output[0], ancestor=2),
    shell:
        prunesim("table {wildcards.table} --study {params.study:q} --plan {params.plan:q}" " --output {output.table:q}")


if "sparsity" in TABLES:

    rule sparsity_table:
        """One row an epoch of every training that makes a network sparse."""
        input:
            sparse_files("history.csv"),
            sparse_files("metrics.json"),
        output:
            table=report(
                "<study>/tables/sparsity.csv",
                caption="../report/tables.rst",
                category="Tables",
                labels={"table": "sparsity"},
            ),
            record="<study>/provenance/tables/sparsity.json",
        log:
            "<study>/logs/tables/sparsity.log",
        localrule: True
        conda:
            "../../envs/analysis.yaml"
        params:
            code=code("table"),
            software=software("analysis"),
            plan=plan("replicates", "rounds", "methods"),
            study=subpath(output.table, ancestor=2),
        shell:
            prunesim("table sparsity --study {params.study:q} --plan {params.plan:q} --output {output.table:q}")


rule similarity_table:
    """Every comparison of the study in one table."""
    input:
        comparisons=comparison_files(),
        records=comparison_records(),
    output:
        table=report(
            "<study>/tables/similarity.csv",
            caption="../report/tables.rst",
            category="Tables",
            labels={"table": "similarity"},
        ),
        record="<study>/provenance/tables/similarity.json",
    log:
        "<study>/logs/tables/similarity.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code("table"),
        software=software("analysis"),
        plan=plan("replicates", "rounds", "methods", "families", "layers"),
        study=subpath(output[0], ancestor=2),
    shell:
        prunesim("table similarity --study {params.study:q} --plan {params.plan:q} --output {output.table:q}")


if "spectra" in TABLES:

    rule spectra_table:
        """Every spectrum of the study in one table."""
        input:
            spectra=spectrum_files(),
            records=spectrum_files(record=True),
        output:
            table=report(
                "<study>/tables/spectra.csv",
                caption="../report/tables.rst",
                category="Tables",
                labels={"table": "spectra"},
            ),
            record="<study>/provenance/tables/spectra.json",
        log:
            "<study>/logs/tables/spectra.log",
        localrule: True
        conda:
            "../../envs/analysis.yaml"
        params:
            code=code("table"),
            software=software("analysis"),
            plan=plan("replicates", "rounds", "methods", "layers", "spectra"),
            study=subpath(output.table, ancestor=2),
        shell:
            prunesim("table spectra --study {params.study:q} --plan {params.plan:q} --output {output.table:q}")


rule answers_table:
    """What the networks answer to all test images: one row a network, and one row a network and class."""
    input:
        answers=dumped_answers(),
        labels=multiext("<dataset>/", "test_labels.npy", "dataset.json"),
    output:
        table=report(
            "<study>/tables/{table}.csv",
            caption="../report/tables.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
        record="<study>/provenance/tables/{table}.json",
    log:
        "<study>/logs/tables/{table}.log",
    wildcard_constraints:
        table="answers|classes",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code("answers"),
        software=software("analysis"),
        plan=plan("replicates", "rounds", "methods", "families", "dataset"),
        study=subpath(output[0], ancestor=2),
    shell:
        prunesim("answers {wildcards.table} --study {params.study:q} --plan {params.plan:q} --output {output.table:q}")


for table, file in (("training", "history.csv"), ("overlap", "mask.safetensors")):
    if table in TABLES:

        rule:
            name:
                f"{table}_table"
            input:
                trained_files(file),
            output:
                table=report(
                    f"<study>/tables/{table}.csv",
                    caption="../report/tables.rst",
                    category="Tables",
                    labels={"table": table},
                ),
                record=f"<study>/provenance/tables/{table}.json",
            log:
                f"<study>/logs/tables/{table}.log",
            localrule: True
            conda:
                "../../envs/analysis.yaml"
            params:
                code=code("table"),
                software=software("analysis"),
                plan=plan("replicates", "rounds", "methods"),
                study=subpath(output.table, ancestor=2),
                table=table,
            shell:
                prunesim(
                    "table {params.table:q} --study {params.study:q} --plan {params.plan:q} --output {output.table:q}"
                )


rule claims_table:
    """The claims of the literature, and those of the config, held against this study."""
    input:
        tables=expand("<study>/tables/{table}.csv", table=claimed_tables(config)),
    output:
        table=report(
            "<study>/tables/claims.csv",
            caption="../report/tables.rst",
            category="Tables",
            labels={"table": "claims"},
        ),
        record="<study>/provenance/tables/claims.json",
    log:
        "<study>/logs/tables/claims.log",
    localrule: True
    conda:
        "../../envs/figures.yaml"
    params:
        code=code("claims"),
        software=software("figures"),
        settings=settings(
            measure=config["figures"]["measure"],
            layers=LAYERS,
            methods=[*config["methods"], *config["chains"]],
            **claims_settings(config),
        ),
        folder=subpath(output[0], parent=True),
    shell:
        prunesim("claims --tables {params.folder:q} --settings {params.settings:q} --output {output.table:q}")


rule tables:
    input:
        expand("<study>/tables/{table}.csv", table=[*TABLES, "provenance"]),
    localrule: True
