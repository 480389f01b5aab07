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
        # Asked only when the job may be due, not by every job on a cluster.
        images=lambda wildcards: image_files(),
        folder=subpath(output[0], parent=True),
    shell:
        prunesim("fetch --settings {params.settings:q} --output {params.folder:q}")
