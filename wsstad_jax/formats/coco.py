"""COCO JSON: images with annotations, or results with the images of another file.

The video and frame of an image are its `video_id` (an entry of `videos`) or `video`, and its
`frame_id`, as in files for video tracking. Where an image has none, its file name tells:
'a/000012.jpg' and 'a_000012.jpg' are frame 12 of the video 'a'. Frames count from 0.
"""

import os
import pathlib
import re

from wsstad_jax.core import files
from wsstad_jax.formats.source import Source
from wsstad_jax.formats.source import shown
from wsstad_jax.formats.table import BoxTable
from wsstad_jax.formats.table import Rows
from wsstad_jax.formats.table import UNTRACKED

_EXPECTED = (
    '{"images": [{"id", "file_name", "frame_id"}], "annotations": [{"image_id", "bbox": [left, '
    'top, width, height]}], "categories": [{"id", "name"}]}, or a list of results beside a file '
    'with images'
)
_NUMBERED = re.compile(r'(.*?)[/_.-]*(\d+)', re.ASCII)


def read(
    path: str | os.PathLike, *, images: str | os.PathLike | None = None
) -> BoxTable:
  """Returns the boxes of all videos.

  Args:
    path: images and annotations, or results: [{"image_id", "category_id", "bbox", "score"}].
    images: the file with the images that results refer to.

  Raises:
    UserError: a file cannot be read, or an entry is no box.
  """
  source = Source(path, _EXPECTED)
  content = source.read_json()
  if isinstance(content, list):
    if images is None:
      raise source.fault(
          '', 'it is a list of results, whose images are in another file (coco_images.json)'
      )
    annotations, about = content, Source(images, _EXPECTED)
    content = about.read_json()
  else:
    annotations, about = source.field(source.mapping(content, ''), 'annotations', ''), source
  content = about.mapping(content, '')
  frame_of = _frames(about, content)
  classes = {
      _key(about, entry, 'id', place): about.field(entry, 'name', place)
      for entry, place in _entries(about, content, 'categories')
  }
  rows = Rows(source, sides=('left', 'top', 'width', 'height'))
  for number, annotation in enumerate(source.sequence(annotations, 'annotations')):
    entry = f'annotation {number}'
    source.mapping(annotation, entry)
    image = _key(source, annotation, 'image_id', entry)
    category = _key(source, annotation, 'category_id', entry) if classes else ''
    if image not in frame_of:
      raise source.fault(entry, f'there is no image {shown(image)}')
    if classes and category not in classes:
      raise source.fault(entry, f'there is no category {shown(category)}')
    video, frame = frame_of[image]
    rows.add(
        entry,
        video=video,
        frame=frame,
        box=source.sequence(source.field(annotation, 'bbox', entry), entry, 4),
        track=annotation.get('track_id', annotation.get('instance_id', UNTRACKED)),
        score=annotation.get('score', 1.0),
        category=classes.get(category, ''),
    )
  return rows.table()


def write(path: str | os.PathLike, table: BoxTable) -> None:
  """Writes a table as videos, images (those with boxes), annotations and categories."""
  videos = {name: number for number, name in enumerate(dict.fromkeys(table.videos), start=1)}
  classes = {name: number for number, name in enumerate(sorted(set(table.classes)), start=1)}
  images, annotations = {}, []
  columns = zip(
      table.videos, table.frames.tolist(), table.tracks.tolist(), table.boxes_xyxy.tolist(),
      table.scores.tolist(), table.classes,
  )
  for video, frame, track, (left, top, right, bottom), score, category in columns:
    image = images.setdefault((video, frame), {
        'id': len(images) + 1,
        'file_name': f'{video}/{frame:06d}.jpg',
        'video_id': videos[video],
        'frame_id': frame,
    })
    width, height = right - left, bottom - top
    annotations.append({
        'id': len(annotations) + 1,
        'image_id': image['id'],
        'category_id': classes[category],
        'bbox': [left, top, width, height],
        'area': width * height,
        'iscrowd': 0,
        'score': score,
    } | ({} if track == UNTRACKED else {'track_id': track}))
  files.write_json(os.fspath(path), {
      'videos': [{'id': number, 'name': name} for name, number in videos.items()],
      'images': list(images.values()),
      'annotations': annotations,
      'categories': [{'id': number, 'name': name} for name, number in classes.items()],
  })


def _frames(source: Source, content: dict) -> dict[object, tuple[object, object]]:
  """Returns the video and frame of each image id."""
  videos = {
      _key(source, entry, 'id', place): source.field(entry, 'name', place)
      for entry, place in _entries(source, content, 'videos')
  }
  frame_of = {}
  source.field(content, 'images', '')
  for image, place in _entries(source, content, 'images'):
    number = _key(source, image, 'id', place)
    if number in frame_of:
      raise source.fault(place, f'the id {shown(number)} stands twice')
    name = image.get('file_name', '')
    found = _NUMBERED.fullmatch(str(pathlib.PurePath(name).with_suffix(''))) if isinstance(
        name, str) and name else None
    if 'video_id' in image:
      video = videos.get(_key(source, image, 'video_id', place))
      if video is None:
        raise source.fault(place, f'there is no video {shown(image["video_id"])}')
    else:
      video = image.get('video', found[1] if found else None)
    frame = image.get('frame_id', found[2] if found else None)
    if video is None or frame is None:
      raise source.fault(place, f'neither its keys nor its name {shown(name)} tell its frame')
    frame_of[number] = video, frame
  return frame_of


def _entries(source: Source, content: dict, name: str):
  """Yields (entry, its place) of a list of objects; nothing if it is not there."""
  for number, entry in enumerate(source.sequence(content.get(name, []), name)):
    yield source.mapping(entry, f'{name} {number}'), f'{name} {number}'


def _key(source: Source, entry: dict, name: str, place: str) -> int | str:
  """Returns an identifier, a whole number or a text."""
  value = source.field(entry, name, place)
  if not isinstance(value, (int, str)) or isinstance(value, bool):
    raise source.fault(place, f'{name} is {shown(value)}')
  return value
