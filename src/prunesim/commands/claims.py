"""``prunesim claims``: test the claims of the literature on the tables of a study."""

from prunesim.results.claims import claims
from prunesim.results.reading import parse_settings, read_table
from prunesim.storage.files import write_text


def add_arguments(parser):
    """Declare the arguments."""
    parser.add_argument("--tables", required=True, metavar="DIR", help="folder of networks.csv and similarity.csv")
    parser.add_argument("--settings", required=True, metavar="JSON", help="an object with measure, layers and methods")
    parser.add_argument("--output", required=True, metavar="FILE", help="claims.csv to write")


def run(arguments):
    """Test the claims and write them."""
    settings = parse_settings(arguments.settings, ["measure", "layers", "methods"])
    networks, similarity = (read_table(arguments.tables, name) for name in ("networks", "similarity"))
    write_text(arguments.output, claims(networks, similarity, settings).to_csv(index=False, float_format="%.6g"))
