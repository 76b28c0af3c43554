"""Which detector `config.detector` asks for."""

from collections.abc import Iterable, Mapping
import hashlib
import pathlib
from typing import Any

from wsstad_jax.core.errors import UserError
from wsstad_jax.detections.combined import CombinedDetector
from wsstad_jax.detections.detectors import Detector
from wsstad_jax.detections.detectors import MotionDetector
from wsstad_jax.detections.file_detector import FileDetector
from wsstad_jax.detections.onnx_detector import OnnxDetector
from wsstad_jax.formats import by_name

KINDS = ('motion', 'onnx', 'motion+onnx', 'files')


def create_detector(settings: Mapping[str, Any], video_path: str) -> Detector:
  """Returns the detector of `settings['kind']` for one video.

  Args:
    settings: `config.detector`.
    video_path: by whose name files of detections are searched.

  Raises:
    UserError: there is no such kind.
  """
  kind = settings['kind']
  if kind == 'files':
    return FileDetector(video_path, **settings['files'])
  if kind == 'motion':
    return MotionDetector(**settings['motion'])
  if kind == 'onnx':
    return OnnxDetector(**settings['onnx'])
  if kind == 'motion+onnx':
    return CombinedDetector(
        MotionDetector(**settings['motion']), OnnxDetector(**settings['onnx']),
        settings['duplicate_overlap'],
    )
  raise UserError(f'config.detector.kind is {kind!r}; there are {", ".join(KINDS)}.')


def describe_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
  """Returns what detections depend on, as JSON: the settings in use, and files by content.

  Raises:
    UserError: a file cannot be read.
  """
  kind = settings['kind']
  used = {'kind': kind}
  if 'motion' in kind:
    used |= settings['motion']
  if 'onnx' in kind:
    model = settings['onnx']['model']
    used['onnx'] = dict(settings['onnx']) | {'model': _digest([model]) if model else ''}
  if kind == 'motion+onnx':
    used['duplicate_overlap'] = settings['duplicate_overlap']
  if kind == 'files':
    folder = pathlib.Path(settings['files']['folder'])
    paths = (path for pattern in by_name.PATTERNS.values() for path in folder.glob(pattern))
    used['files'] = [settings['files']['boxes'], _digest(sorted(paths))]
  return used


def _digest(paths: Iterable[str | pathlib.Path]) -> str:
  """Returns the SHA-256 of the contents of files."""
  digest = hashlib.sha256()
  for path in paths:
    try:
      digest.update(hashlib.sha256(pathlib.Path(path).read_bytes()).digest())
    except OSError as error:
      raise UserError(f'{path} cannot be read: {error.strerror}.') from error
  return digest.hexdigest()
