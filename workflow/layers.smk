# A workflow of one job, for prunesim.resolution.discovery: find the layers of a network where Snakemake's own Python has no PyTorch.
call = config["call"]


rule layers:
    output:
        touch("found"),
    conda:
        "../envs/torch.yaml"
    params:
        words=call["words"],
        folder=call["folder"],
        errors=call["errors"],
    shell:
        'cd {params.folder:q} && PYTHONPATH="$PRUNESIM_SRC" python -m prunesim {params.words:q} 2> {params.errors:q}'
