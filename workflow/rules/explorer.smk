rule explorer:
    """The page in which the tables of the study are explored, without a network or a server."""
    input:
        tables=multiext("<study>/tables/", "networks.csv", "similarity.csv"),
    output:
        page="<study>/explorer.html",
        record="<study>/provenance/explorer.json",
    log:
        "<study>/logs/explorer.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code("explore"),
        page=page_identity(),
        software=software("analysis"),
        study=subpath(output[0], parent=True),
    shell:
        prunesim("explore {params.study:q} --output {output.page:q}")
