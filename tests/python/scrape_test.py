"""Reads a scraped page with the official parsers and prints every sample as a line of JSON.

`scrape_test.py openmetrics|prometheus <file>`: exits with 0 if the page is valid.
"""

import json
import sys

from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client import parser as prometheus_parser

PARSERS = {
    "openmetrics": openmetrics_parser.text_string_to_metric_families,
    "prometheus": prometheus_parser.text_string_to_metric_families,
}


def main(form, path):
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
    for family in PARSERS[form](text):
        for sample in family.samples:
            exemplar = sample.exemplar
            print(
                json.dumps(
                    {
                        "family": family.name,
                        "type": family.type,
                        "unit": family.unit,
                        "help": family.documentation,
                        "name": sample.name,
                        "labels": sample.labels,
                        "value": repr(float(sample.value)),
                        "exemplar": exemplar
                        and {
                            "labels": exemplar.labels,
                            "value": exemplar.value,
                            "time": float(exemplar.timestamp),
                        },
                    }
                )
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
