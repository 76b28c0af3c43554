"""Predicted tubes in the formats of others."""

from collections.abc import Callable, Iterable, Sequence
import os

from wsstad_jax.formats import boxes_csv
from wsstad_jax.formats import coco
from wsstad_jax.formats import conversion
from wsstad_jax.formats import mot
from wsstad_jax.formats import table
from wsstad_jax.reports.exchange import PredictedVideo

KINDS = ('csv', 'coco', 'mot')


def write(folder: str, videos: Sequence[PredictedVideo], kinds: Iterable[str]) -> list[str]:
  """Writes the tubes of all videos to boxes.csv, coco.json or mot/<video>.txt.

  Each tube is a track with a box in every frame; tracks count from 0, the best tube first.
  Videos without tubes have no place in these formats.

  Args:
    folder: for the files.
    videos: with unique ids.
    kinds: some of `KINDS`.

  Returns:
    Where they are: a file of each kind, and the folder of those of MOT.
  """
  tables = {
      video.video_id: conversion.from_tubes(video.video_id, [found.tube for found in video.found])
      for video in videos
      if video.found
  }
  paths = []
  for kind in dict.fromkeys(kinds):
    for name, content in _FILES[kind](tables).items():
      path = os.path.join(folder, name)
      os.makedirs(os.path.dirname(path), exist_ok=True)
      _WRITERS[kind](path, content)
    paths.append(os.path.join(folder, 'mot') if kind == 'mot' else path)
  return paths


_Tables = dict[str, table.BoxTable]
_FILES: dict[str, Callable[[_Tables], _Tables]] = {
    'csv': lambda tables: {'boxes.csv': table.concatenate(tables.values())},
    'coco': lambda tables: {'coco.json': table.concatenate(tables.values())},
    'mot': lambda tables: {f'mot/{name}.txt': content for name, content in tables.items()},
}
_WRITERS = {'csv': boxes_csv.write, 'coco': coco.write, 'mot': mot.write}
