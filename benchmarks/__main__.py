"""Prints the tables of all results: python -m benchmarks."""

import json

from benchmarks import long_video
from benchmarks import measure
from benchmarks import metrics
from benchmarks import predict_speed
from benchmarks import scaling


def main() -> None:
  for path in sorted(measure.RESULTS.glob('*.json')):
    record = json.loads(path.read_text(encoding='utf-8'))
    kinds = {
        'contenders': measure, 'videos': long_video, 'points': scaling, 'video': predict_speed,
        'metrics': metrics,
    }
    printed_by = next(module for key, module in kinds.items() if key in record)
    print(printed_by.create_table(record), end='\n\n')


if __name__ == '__main__':
  main()
