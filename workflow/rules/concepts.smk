rule annotate:
    """Bring images with pixel-wise concepts into the study: from a folder, or scenes made for it."""
    input:
        data=rules.fetch.output.arrays,
    output:
        arrays=multiext("<study>/concepts/", "images.npy", "labels.npy", "concepts.json"),
        record="<study>/provenance/concepts/images.json",
    log:
        "<study>/logs/concepts/images.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=doubling(2000),
        runtime=doubling(30),
    params:
        code=code("annotate"),
        software=software("torch"),
        settings=concept_settings(),
        files=lambda wildcards: concept_files(),
        dataset=subpath(input[0], parent=True),
        folder=subpath(output[0], parent=True),
    shell:
        prunesim("annotate --settings {params.settings:q} --dataset {params.dataset:q} --output {params.folder:q}")


rule dissect:
    """Find which concept each unit of a network agrees with most."""
    input:
        data=rules.fetch.output.arrays,
        annotated=rules.annotate.output.arrays,
        weights="<study>/networks/rep{rep}/{network}/weights.safetensors",
        network=own_network(),
    output:
        multiext("<study>/concepts/rep{rep}/{network}/", "units.csv", "best.json", "best_images.npy", "best_masks.npy"),
        record="<study>/provenance/concepts/rep{rep}/{network}.json",
    log:
        "<study>/logs/concepts/rep{rep}/{network}.log",
    conda:
        "../../envs/torch.yaml"
    threads: config["training"]["threads"]
    resources:
        mem_mb=doubling(4000),
        runtime=doubling(30),
        gpu=GPUS,
    params:
        code=code("dissect"),
        software=software("torch"),
        settings=dissection_settings(),
        dataset=subpath(input[0], parent=True),
        annotated=lambda wildcards, input: str(Path(input.annotated[0]).parent),
        identity=lambda wildcards: network_options(wildcards.network),
        # Images are kept of the network that the sheet shows.
        sheet=lambda wildcards: MOST_CONCEPTS * (f"rep{wildcards.rep}/{wildcards.network}" == NETWORKS[0][-1]),
        folder=subpath(output[0], parent=True),
    shell:
        prunesim(
            "dissect --settings {params.settings:q} --dataset {params.dataset:q} --annotated {params.annotated:q}"
            " --replicate {wildcards.rep} {params.identity} --weights {input.weights:q} --sheet {params.sheet}"
            " --output {params.folder:q}"
        )


rule concept_tables:
    """What units recognise: one row a unit, and one row a network and layer."""
    input:
        units=[f"{STUDY}/concepts/{folder}/units.csv" for *_, folder in NETWORKS],
        records=[f"{STUDY}/{record_path(f'concepts/{folder}')}" for *_, folder in NETWORKS],
        annotated="<study>/concepts/concepts.json",
        networks="<study>/tables/networks.csv",
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
        table="concepts|concept_layers",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code("table"),
        software=software("analysis"),
        plan=recognition_plan(),
        study=subpath(output.table, ancestor=2),
    shell:
        prunesim("table {wildcards.table} --study {params.study:q} --plan {params.plan:q} --output {output.table:q}")


rule concept_sheet:
    """The best unit of each concept of the first network, with the images where it answers most."""
    input:
        examples=[
            f"{STUDY}/concepts/{folder}/{name}"
            for *_, folder in NETWORKS[:1]
            for name in ("best.json", "best_images.npy", "best_masks.npy")
        ],
    output:
        svg=report(
            "<study>/figures/concept_sheet.svg",
            caption="../report/concept_sheet.rst",
            category="Concepts",
            labels={"figure": "the best unit of each concept"},
        ),
        png="<study>/figures/concept_sheet.png",
        record="<study>/provenance/figures/concept_sheet.json",
    log:
        "<study>/logs/figures/concept_sheet.log",
    localrule: True
    conda:
        "../../envs/figures.yaml"
    params:
        code=code("sheet"),
        software=software("figures"),
        settings=settings(**section("concepts", "threshold"), **section("figures", "context", "dpi")),
        network=NETWORKS[0][-1],
        folder=subpath(input[0], parent=True),
    shell:
        prunesim(
            "sheet --network {params.network:q} --examples {params.folder:q} --settings {params.settings:q}"
            " --svg {output.svg:q} --png {output.png:q}"
        )
