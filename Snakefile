# The entry: `snakemake --cores 2` makes the study of config.yaml. The workflow itself is in workflow/.
include: "workflow/Snakefile"


# An included file's first rule is not a default target; this is.
rule default:
    default_target: True
    input:
        rules.all.input,
    localrule: True
