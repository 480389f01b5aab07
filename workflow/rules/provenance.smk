rule provenance_table:
    """Who made each artifact of the study. Tables, figures and pages that are not what their jobs made are refused."""
    input:
        # Not the record of the data set: a figure can be drawn again when the images are long gone.
        records=study_records(),
        made=expand("<study>/provenance/{job}.json", job=DRAWN),
        tables=expand("<study>/tables/{table}.csv", table=TABLES),
        figures=rules.figures.input,
        pages=rules.explorer.output.page,
        accepted=accepted_results(),
    output:
        report(
            "<study>/tables/provenance.csv",
            caption="../report/provenance.rst",
            category="Tables",
            labels={"table": "provenance"},
        ),
    log:
        "<study>/logs/tables/provenance.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code("table"),
        software=software("analysis"),
        plan=plan(
            *("replicates", "rounds", "methods", "families", "layers"),
            *("connectivity", "robustness", "concepts", "widths", "spectra"),
            *("dataset", "tables", "figures", "pages"),
        ),
        study=subpath(output[0], ancestor=2),
    shell:
        prunesim(
            "table provenance --study {params.study:q} --plan {params.plan:q} --output {output:q}",
            record=False,
        )
