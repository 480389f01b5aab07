for figure, about in FIGURES.items():

    rule:
        name:
            f"figure_{figure}"
        input:
            tables=expand("<study>/tables/{table}.csv", table=about["tables"]),
        output:
            svg=report(
                f"<study>/figures/{figure}.svg",
                caption=f"../report/{figure}.rst",
                category=about["category"],
                labels=about["labels"],
            ),
            png=f"<study>/figures/{figure}.png",
            table=f"<study>/figures/{figure}.csv",
            pdf=figure_files([figure], ["pdf"]) if config["figures"]["pdf"] else [],
            record=f"<study>/provenance/figures/{figure}.json",
        log:
            f"<study>/logs/figures/{figure}.log",
        localrule: True
        conda:
            "../../envs/figures.yaml"
        params:
            code=code("figure", about["module"]),
            figure=figure,
            settings=figure_settings(figure),
            software=software("figures"),
            tables=subpath(input[0], parent=True),
        shell:
            prunesim(
                "figure {params.figure} --tables {params.tables:q} --settings {params.settings:q}"
                " --svg {output.svg:q} --png {output.png:q} --csv {output.table:q} --pdf {output.pdf:q}"
            )


rule figures:
    input:
        figure_files(FIGURES, FIGURE_FILES),
        figure_files(SHEETS, ["svg", "png"]),
    localrule: True
