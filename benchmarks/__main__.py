"""Prints the tables of all results: python -m benchmarks."""

import json

from benchmarks import measure


def main() -> None:
  for path in sorted(measure.RESULTS.glob('*.json')):
    print(measure.create_table(json.loads(path.read_text(encoding='utf-8'))), end='\n\n')


if __name__ == '__main__':
  main()
