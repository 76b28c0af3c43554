"""Tubes and scores drawn on the video they were found in."""

from collections.abc import Callable, Iterable, Iterator, Sequence
import os

import cv2
import numpy as np

from wsstad_jax.core import processes
from wsstad_jax.core import times
from wsstad_jax.core.records import Tube
from wsstad_jax.core.records import VideoFacts
from wsstad_jax.reports import colors
from wsstad_jax.video import decode

_BACKGROUND = 24  # grey level of the timeline
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def write_overlay(
    path: str,
    facts: VideoFacts,
    tubes: Sequence[Tube],
    *,
    frame_scores: np.ndarray,
    truths: Sequence[Tube] = (),
    progress: Callable[..., Iterable[np.ndarray]] = times.silent,
) -> None:
  """Writes the video with boxes, ranks and scores, and a timeline below the picture.

  Red is the top-1 tube, orange a runner-up, green the annotated event. The timeline
  shows the score of each frame, bars for the spans of event and top-1 tube, and where
  the shown frame is. It is added below, so that it hides nothing. Frames are streamed.

  Args:
    path: file to write; it has as many frames as the video.
    facts: of the video to draw on; `facts.path` is read.
    tubes: predicted tubes, best first.
    frame_scores: [num_frames], in [0, 1].
    truths: the annotated events, if known.
    progress: passes on the frames and shows how many there have been, as `tqdm.tqdm` does.

  Raises:
    UserError: the video cannot be read.
    ValueError: there is not one score for each frame.
  """
  if len(frame_scores) != facts.num_frames:
    raise ValueError(f'{len(frame_scores)} scores for {facts.num_frames} frames')
  frames = progress(
      processes.read_ahead(_draw(facts, tubes, frame_scores, truths)),
      total=facts.num_frames, desc=f'Drawing {os.path.basename(path)}', unit='frame',
  )
  decode.write_video(
      path, frames, frames_per_second=facts.frames_per_second, preset='ultrafast', num_threads=4
  )


def _draw(
    facts: VideoFacts, tubes: Sequence[Tube], frame_scores: np.ndarray, truths: Sequence[Tube]
) -> Iterator[np.ndarray]:
  marked = [(truth, 'event', colors.TRUTH) for truth in truths]
  for rank, tube in reversed(list(enumerate(tubes, start=1))):  # the best is drawn last, on top
    color = colors.PREDICTED if rank == 1 else colors.RUNNER_UP
    marked.append((tube, f'{rank}: {tube.score:.2f}', color))
  timeline = _draw_timeline(facts, tubes[:1], frame_scores, truths)
  for index, frame in enumerate(decode.iterate_frames(facts.path)):
    picture = np.concatenate([frame, timeline])
    for tube, text, color in marked:
      if tube.start <= index < tube.stop:
        _draw_box(picture[: facts.height], tube.boxes_xyxy[index - tube.start], text, color)
    column = index * facts.width // facts.num_frames
    picture[facts.height :, column] = 255
    yield picture


def _draw_box(
    picture: np.ndarray, box_xyxy: np.ndarray, text: str, color: tuple[int, int, int]
) -> None:
  """Draws a box and, above it or inside where there is no room, its text."""
  height, width = picture.shape[:2]
  thickness = max(2, height // 240)  # yuv420p washes the colour of thinner lines out
  left, top, right, bottom = np.rint(box_xyxy).astype(int).tolist()
  # Maxima are exclusive: the last pixels of the box are one less.
  cv2.rectangle(picture, (left, top), (right - 1, bottom - 1), color, thickness)
  scale = max(0.35, height / 900)
  (text_width, text_height), baseline = cv2.getTextSize(text, _FONT, scale, 1)
  x = int(np.clip(left, 0, max(width - text_width, 0)))
  y = int(np.clip(top - baseline, text_height, height - baseline))
  cv2.rectangle(
      picture, (x, y - text_height), (x + text_width, y + baseline), color, cv2.FILLED
  )
  cv2.putText(picture, text, (x, y), _FONT, scale, (255, 255, 255), 1, cv2.LINE_AA)


def _draw_timeline(
    facts: VideoFacts, predicted: Sequence[Tube], frame_scores: np.ndarray, truths: Sequence[Tube]
) -> np.ndarray:
  """Returns the strip [h, width, 3]: the score as filled curve, the spans as bars above."""
  bar = max(3, facts.height // 80)
  height = max(24, facts.height // 8)
  height += (facts.height + height) % 2  # H.264 has even sides
  strip = np.full((height, facts.width, 3), _BACKGROUND, np.uint8)
  for row, (spans, color) in enumerate(((truths, colors.TRUTH), (predicted, colors.PREDICTED))):
    for tube in spans:
      start = tube.start * facts.width // facts.num_frames
      stop = -(-tube.stop * facts.width // facts.num_frames)
      strip[row * bar : (row + 1) * bar, start:stop] = color
  # A column shows the largest score of its frames, so that short peaks stay visible.
  starts = np.arange(facts.width) * facts.num_frames // facts.width
  columns = np.maximum.reduceat(frame_scores, starts)
  levels = np.rint(np.clip(columns, 0, 1) * (height - 2 * bar)).astype(int)
  strip[np.arange(height)[:, None] >= height - levels[None, :]] = colors.CURVE
  return strip
