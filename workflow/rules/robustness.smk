rule degrade:
    """Evaluate a network with fewer of its weights, and on images that are made worse."""
    input:
        data=rules.fetch.output.arrays,
        weights="<study>/networks/rep{rep}/{network}/weights.safetensors",
        mask=own_mask,
        network=own_network(),
    output:
        table="<study>/robustness/rep{rep}/{network}.csv",
        record="<study>/provenance/robustness/rep{rep}/{network}.json",
    log:
        "<study>/logs/robustness/rep{rep}/{network}.log",
    conda:
        "../../envs/torch.yaml"
    threads: config["training"]["threads"]
    resources:
        mem_mb=doubling(4000),
        runtime=doubling(30),
        gpu=GPUS,
    params:
        code=code("degrade"),
        software=software("torch"),
        settings=robustness_settings(),
        dataset=subpath(input[0], parent=True),
        identity=lambda wildcards: network_options(wildcards.network),
        mask=lambda wildcards, input: ["--mask", input.mask] if input.mask else [],
    shell:
        prunesim(
            "degrade --settings {params.settings:q} --dataset {params.dataset:q} --replicate {wildcards.rep}"
            " {params.identity} --weights {input.weights:q} {params.mask:q} --output {output.table:q}"
        )


rule robustness_table:
    """The accuracies of all networks with fewer weights and on worse images in one table."""
    input:
        rows=[f"{STUDY}/robustness/{folder}.csv" for *_, folder in NETWORKS],
        records=[f"{STUDY}/{record_path(f'robustness/{folder}')}" for *_, folder in NETWORKS],
    output:
        table=report(
            "<study>/tables/robustness.csv",
            caption="../report/tables.rst",
            category="Tables",
            labels={"table": "robustness"},
        ),
        record="<study>/provenance/tables/robustness.json",
    log:
        "<study>/logs/tables/robustness.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code("table"),
        software=software("analysis"),
        plan=plan("replicates", "rounds", "methods", "robustness"),
        study=subpath(output.table, ancestor=2),
    shell:
        prunesim("table robustness --study {params.study:q} --plan {params.plan:q} --output {output.table:q}")
