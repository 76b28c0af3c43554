"""Prints the tables of all results: python -m benchmarks."""

import json

from benchmarks import measure
from benchmarks import predict_speed


def main() -> None:
  for path in sorted(measure.RESULTS.glob('*.json')):
    record = json.loads(path.read_text(encoding='utf-8'))
    table_of = measure if 'contenders' in record else predict_speed
    print(table_of.create_table(record), end='\n\n')


if __name__ == '__main__':
  main()
