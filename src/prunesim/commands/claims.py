"""``prunesim claims``: test the claims of the literature on the tables of a study."""

from prunesim.results.claims.table import claims
from prunesim.results.reading import parse_settings, read_table, read_whole_table
from prunesim.storage.files import write_text

ALWAYS = ("networks", "similarity")


def add_arguments(parser):
    """Declare the arguments."""
    parser.add_argument("--tables", required=True, metavar="DIR", help="folder of networks.csv and similarity.csv")
    parser.add_argument(
        "--settings",
        required=True,
        metavar="JSON",
        help="an object with measure, layers and methods; also tables (further ones to read), about (methods) and own "
        "(claims), where there are any",
    )
    parser.add_argument("--output", required=True, metavar="FILE", help="claims.csv to write")


def run(arguments):
    """Test the claims and write them."""
    settings = parse_settings(arguments.settings, ["measure", "layers", "methods"], optional=["tables", "about", "own"])
    own = {
        side["table"] for claim in settings.get("own", {}).values() for side in (claim["of"], claim["minus"]) if side
    }
    names = [*ALWAYS, *settings.get("tables", [])]
    tables = {name: read_table(arguments.tables, name) for name in names}
    # What claims of the user's own select from has columns that no other claim needs.
    whole = {name: read_whole_table(f"{arguments.tables}/{name}.csv") for name in sorted(own)}
    write_text(arguments.output, claims(tables | whole, settings).to_csv(index=False, float_format="%.6g"))
