rule connect:
    """Evaluate the networks on the straight line between two networks."""
    input:
        data=rules.fetch.output.arrays,
        weights=connected_weights,
        network=own_network(),
    output:
        table="<study>/connectivity/{pair}.csv",
        record="<study>/provenance/connectivity/{pair}.json",
    log:
        "<study>/logs/connectivity/{pair}.log",
    wildcard_constraints:
        pair=r"(dense|rounds|children|replicates)/.+",
    conda:
        "../../envs/torch.yaml"
    threads: config["training"]["threads"]
    resources:
        mem_mb=doubling(4000),
        runtime=doubling(30),
        gpu=GPUS,
    params:
        code=code("connect"),
        software=software("torch"),
        settings=connectivity_settings(),
        dataset=subpath(input[0], parent=True),
        ends=connected_options,
    shell:
        prunesim(
            "connect --settings {params.settings:q} --dataset {params.dataset:q} {params.ends}"
            " --weights {input.weights:q} --output {output.table:q}"
        )


rule connectivity_table:
    """The errors on every line in one table."""
    input:
        lines=[f"{STUDY}/connectivity/{pair}.csv" for pair in CONNECTED],
        records=[f"{STUDY}/{record_path(f'connectivity/{pair}')}" for pair in CONNECTED],
    output:
        table=report(
            "<study>/tables/connectivity.csv",
            caption="../report/tables.rst",
            category="Tables",
            labels={"table": "connectivity"},
        ),
        record="<study>/provenance/tables/connectivity.json",
    log:
        "<study>/logs/tables/connectivity.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code("table"),
        software=software("analysis"),
        plan=connectivity_plan(),
        study=subpath(output.table, ancestor=2),
    shell:
        prunesim("table connectivity --study {params.study:q} --plan {params.plan:q} --output {output.table:q}")
