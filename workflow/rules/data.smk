rule fetch:
    """Convert a data set to arrays, once for all studies."""
    output:
        arrays=multiext(
            "<dataset>/",
            "train_images.npy",
            "train_labels.npy",
            "test_images.npy",
            "test_labels.npy",
            "dataset.json",
        ),
        record="<dataset>/provenance.json",
    log:
        "<dataset>/fetch.log",
    # A download may succeed the next time; files that are wrong stay wrong.
    retries: 0 if config["dataset"]["path"] else 2
    # On a cluster, only where Snakemake itself runs is there a way to the internet for sure.
    localrule: config["dataset"]["path"] is None
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=doubling(4000),
        runtime=doubling(60),
    params:
        code=code("fetch", READERS[config["dataset"]["source"] or config["dataset"]["name"]]),
        settings=settings(**config["dataset"]),
        software=software("torch"),
        folder=subpath(output[0], parent=True),
    shell:
        'PYTHONPATH="$PRUNESIM_SRC" python -m prunesim fetch --settings {params.settings:q}'
        " --output {params.folder:q}"
        " --record {output:q} 3>&2 > {log:q} 2>&1"
