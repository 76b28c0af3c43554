"""Rebuilds the list of ST-UCF-Crime and prints how its two human annotations agree.

python -m tfds_builders.st_ucf_crime.rebuild --lists=DIR [--boxes=DIR] [--out=splits.csv]

DIR of the lists holds train_list_with_frame_counts.txt and test_list_with_frame_counts.txt;
that of the boxes (the same if not given) liu_ma*.pkl and sst*.json, if their agreement is to
be printed.
"""

import argparse
import collections
import os
import sys

from tfds_builders.st_ucf_crime import rules
from wsstad_jax.core.errors import UserError
from wsstad_jax.formats import by_name
from wsstad_jax.formats import ucf_crime_lists


def rebuild(lists: str, boxes: str | None, out: str | None) -> None:
  """Writes the list to `out` and prints what is in the set.

  Raises:
    UserError: a file cannot be read.
  """
  train = ucf_crime_lists.read_train_counts(
      os.path.join(lists, 'train_list_with_frame_counts.txt')
  )
  test = ucf_crime_lists.read_test_counts(os.path.join(lists, 'test_list_with_frame_counts.txt'))
  rows = rules.create_split(train, test)
  counts = collections.Counter((row.split, row.label) for row in rows)
  for split in ('train', 'validation', 'test'):
    print(f'{split:10} {counts[split, 0]:5} normal {counts[split, 1]:5} anomalous')
  if out:
    rules.write_split(out, rows)
    print(f'Written to {out}.')
  print_agreement(rows, boxes or lists)


def print_agreement(rows: list[rules.Row], folder: str) -> None:
  """Prints how the boxes of Liu & Ma and of SST agree, if both are in the folder."""
  tables = {}
  for kind in ('liu_ma', 'sst'):
    try:
      tables[kind] = by_name.read_folder(folder, kind)
    except UserError as error:
      print(f'No agreement is measured: {error}')
      return
  print(f'\n{"Liu & Ma against SST":22}   videos   boxes   shared   IoU   IoU of videos   S_loc')
  for name, splits in (('training videos', ('train', 'validation')), ('test videos', ('test',)),
                       ('all', ('train', 'validation', 'test'))):
    num_frames = {
        ucf_crime_lists.stem(row.video): row.frames for row in rows if row.split in splits
    }
    found = rules.measure_agreement(tables['liu_ma'], tables['sst'], num_frames)
    print(
        f'{name:22} {found.num_videos:8} {found.num_boxes:7} {found.shared_frames:8.3f} '
        f'{found.mean_iou:5.3f} {found.mean_iou_of_videos:15.3f} {found.mean_s_loc:7.3f}'
    )


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--lists', required=True, help='folder of the official lists')
  parser.add_argument('--boxes', help='folder of the box files; that of the lists if not given')
  parser.add_argument('--out', help='the list to write')
  options = parser.parse_args()
  try:
    rebuild(options.lists, options.boxes, options.out)
  except UserError as error:
    print(f'error: {error}', file=sys.stderr)
    sys.exit(2)


if __name__ == '__main__':
  main()
