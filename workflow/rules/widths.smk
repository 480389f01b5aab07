# Dense networks of several widths, compared with each other before and after training.
if WIDTHS:

    rule train_width:
        """Initialise and train a network of another width."""
        input:
            data=rules.fetch.output.arrays,
        output:
            "<study>/widths/{width}/rep{rep}/dense/initial.safetensors",
            "<study>/widths/{width}/rep{rep}/dense/weights.safetensors",
            "<study>/widths/{width}/rep{rep}/dense/history.csv",
            "<study>/widths/{width}/rep{rep}/dense/metrics.json",
            record="<study>/provenance/widths/{width}/rep{rep}/dense.json",
        log:
            "<study>/logs/widths/{width}/rep{rep}/dense.log",
        wildcard_constraints:
            width="|".join(map(re.escape, WIDTHS["factors"])),
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
            settings=width_training,
            dataset=subpath(input[0], parent=True),
            checkpoint=lambda wildcards: f"{STUDY}/checkpoints/widths/{wildcards.width}/rep{wildcards.rep}.safetensors",
            folder=subpath(output[0], parent=True),
        shell:
            prunesim(
                "train --settings {params.settings:q} --dataset {params.dataset:q} --replicate {wildcards.rep}"
                " --checkpoint {params.checkpoint:q} --output {params.folder:q}"
            )

    rule dump_width:
        """Dump the spatial means of a network of another width, before or after its training."""
        input:
            data=rules.fetch.output.arrays,
            weights=width_start,
        output:
            expand("<study>/widths/{{width}}/rep{{rep}}/{{state}}/{layer}.pooled.npy", layer=DUMPED_LAYERS),
            predictions="<study>/widths/{width}/rep{rep}/{state}/predictions.npy",
            index="<study>/widths/{width}/rep{rep}/{state}/activations.json",
            record="<study>/provenance/widths/{width}/rep{rep}/{state}.json",
        log:
            "<study>/logs/widths/{width}/rep{rep}/{state}.log",
        wildcard_constraints:
            width="|".join(map(re.escape, WIDTHS["factors"])),
            state="|".join(width_paths.STATES),
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
            settings=width_dump,
            dataset=subpath(input[0], parent=True),
            folder=subpath(output.index, parent=True),
        shell:
            prunesim(
                "dump --settings {params.settings:q} --dataset {params.dataset:q} --weights {input.weights:q}"
                " --output {params.folder:q}"
            )

    rule compare_widths:
        """Compare all networks of one width with all of another one, or with each other, at one layer."""
        input:
            activations=width_activations,
        output:
            table="<study>/widths/comparisons/{width}/{other}/{layer}.csv",
            record="<study>/provenance/widths/comparisons/{width}/{other}/{layer}.json",
        log:
            "<study>/logs/widths/comparisons/{width}/{other}/{layer}.log",
        wildcard_constraints:
            width="|".join(map(re.escape, WIDTHS["factors"])),
            other="|".join(map(re.escape, WIDTHS["factors"])),
        conda:
            "../../envs/analysis.yaml"
        resources:
            mem_mb=doubling(1500),
            runtime=doubling(10),
            group_slot=1,
        params:
            code=code("widths"),
            software=software("analysis"),
            settings=width_settings,
            study=subpath(output.table, ancestor=5),
        shell:
            prunesim(
                "widths --settings {params.settings:q} --study {params.study:q} --width {wildcards.width:q}"
                " --other {wildcards.other:q} --layer {wildcards.layer:q} --output {output.table:q}"
            )

    rule widths_table:
        """Every comparison of networks of several widths, with their accuracies, in one table."""
        input:
            comparisons=width_comparisons(),
            records=width_comparisons(record=True),
            metrics=width_metrics(),
        output:
            table=report(
                "<study>/tables/widths.csv",
                caption="../report/tables.rst",
                category="Tables",
                labels={"table": "widths"},
            ),
            record="<study>/provenance/tables/widths.json",
        log:
            "<study>/logs/tables/widths.log",
        localrule: True
        conda:
            "../../envs/analysis.yaml"
        params:
            code=code("table"),
            software=software("analysis"),
            plan=plan("widths"),
            study=subpath(output.table, ancestor=2),
        shell:
            prunesim("table widths --study {params.study:q} --plan {params.plan:q} --output {output.table:q}")
