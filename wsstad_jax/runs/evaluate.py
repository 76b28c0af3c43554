"""--mode=evaluate: the metrics of the best checkpoint on the test videos, and pictures of them."""

import collections
from collections.abc import Mapping, Sequence
import dataclasses
import math
import os
import time

import ml_collections
import numpy as np
import tqdm

from wsstad_jax.core import config as config_lib
from wsstad_jax.core import files
from wsstad_jax.core import provenance
from wsstad_jax.core import times
from wsstad_jax.core.records import Detections, Tube, TubeKind
from wsstad_jax.data import bags
from wsstad_jax.data import pipeline
from wsstad_jax.metrics import detection
from wsstad_jax.metrics import figures
from wsstad_jax.metrics import frames
from wsstad_jax.metrics import intervals
from wsstad_jax.metrics import localization
from wsstad_jax.metrics import probe
from wsstad_jax.metrics import summary
from wsstad_jax.reports import exchange
from wsstad_jax.reports import exports
from wsstad_jax.reports import intervals_table
from wsstad_jax.reports import overlay
from wsstad_jax.reports import page
from wsstad_jax.reports import tables
from wsstad_jax.runs import outcomes
from wsstad_jax.runs import pairing
from wsstad_jax.runs import prepare
from wsstad_jax.runs import scoring
from wsstad_jax.runs import summaries

_PROBE_INSTANCES = 20  # of each video, evenly drawn from its instances
_PROBE_POSITIVE = 0.3  # overlap with the event from which an instance shows it


@dataclasses.dataclass(frozen=True)
class ScoredVideo:
  """A test video: its bag, the scores of its instances, and how well each is localized.

  Localizations of an abnormal video are nan if nothing is known of where its events are.
  """

  bag: bags.Bag
  scores: scoring.Scores
  tubes: list[Tube]
  localizations: np.ndarray

  @property
  def top(self) -> int:
    """Number of the retrieved tube: that of the highest score (eq. 9)."""
    return int(np.argmax([tube.score for tube in self.tubes]))


def evaluate(
    config: ml_collections.ConfigDict,
    workdir: str,
    bags_folder: str,
    *,
    against: str | None = None,
    export: Sequence[str] = (),
) -> dict:
  """Writes figures, predictions and overlays of test videos; prints the table of results.

  The files are report.html, metrics.json, videos.json, predictions.json and ground_truth.json.

  Args:
    config: of the run.
    workdir: of the run.
    bags_folder: of the prepared data set.
    against: folder of another evaluated run; prints the paired differences to it and writes
      them to differences.json.
    export: formats of `exports.KINDS`, in which the predicted tubes are written to `exports/`.

  Returns:
    The content of metrics.json.

  Raises:
    UserError: there is no checkpoint or no test split, or the other run does not fit.
  """
  begin = time.monotonic()
  source = pipeline.BagSource(bags_folder, 'test')
  score_fn = scoring.restore_score_fn(config, workdir, bags.feature_dim(source[0]))
  scored = score_fn(pipeline.iterate(source))
  videos = [
      localize(bag, scores, config.evaluate)
      for bag, scores in tqdm.tqdm(scored, total=len(source), desc='Testing', unit='video')
  ]
  results = summary.summarize([
      summary.VideoResult(
          int(video.bag['label']), np.array([tube.score for tube in video.tubes]),
          video.localizations,
      )
      for video in videos
  ])
  diagnostics = {'proposals': measure_proposals(videos), 'linear_probe': probe_features(videos)}
  outcome, exported = write_outcomes(videos, workdir, export)
  measured = figures.measure(outcome)
  added = {name: found.value for name, found in measured.items() if name not in results}
  left_out = read_left_out(bags_folder)
  spread = {'intervals': {
      name: {'low': found.low, 'high': found.high} for name, found in measured.items()
  }}
  path = os.path.join(workdir, 'metrics.json')
  tables.write_metrics(
      path,
      results | diagnostics | added | spread
      | {'left_out': {'num_videos': len(left_out), 'reasons': left_out}},
      split='test',
      method=config.method,
  )
  files.write_json(os.path.join(workdir, 'videos.json'), [describe(video) for video in videos])
  print(f'\n{len(videos)} test videos of {config.data.name}, in %:\n')
  print(tables.format_text(config.method, results))
  if math.isnan(results['miou']):
    print('\nNo abnormal test video has boxes around its events: IoU is not measurable.')
  if left_out:
    print(f'\n{len(left_out)} videos of the data set are left out; {path} says why.')
  for name, values in diagnostics.items():
    known = [f'{key} {value:.1f}' for key, value in values.items() if not math.isnan(value)]
    print(f'{name}: {", ".join(known) or "-"}')
  caution = intervals_table.caution_of(video.label for video in outcome)
  print(f'\n{intervals_table.format_figures(measured, caution)}')
  if against:
    compare(outcome, measured, workdir, against)
  seconds = time.monotonic() - begin
  times.note(workdir, 'Evaluating', seconds=seconds, count=len(videos), unit='video')
  report, history = (os.path.join(workdir, name) for name in ('report.html', 'history.json'))
  page.write_page(
      report,
      outcome,
      [bags.video_facts(video.bag) for video in videos],
      title=f'{config.method} on {config.data.name}',
      measured=measured,
      results=tables.beside_paper(config.method, results, data=config.data.name),
      history=files.read_json(history) if os.path.exists(history) else (),
      provenance=provenance.collect(mode='evaluate', seed=config.seed) | {
          'data': bags_folder, 'config': config_lib.flatten(config), 'times': times.read(workdir)
      },
  )
  pictures = draw(videos, os.path.join(workdir, 'overlays'), config.evaluate.num_pictures)
  written = os.path.join(workdir, pairing.PREDICTIONS_FILE)
  summaries.write(workdir, measured, pictures)
  drawn = [picture for picture, _ in pictures]
  print('\nLook at:\n  ' + '\n  '.join([report, path, written, *exported, *drawn]))
  return files.read_json(path)


def write_outcomes(
    videos: Sequence[ScoredVideo], workdir: str, export: Sequence[str]
) -> tuple[list[figures.Outcome], list[str]]:
  """Writes predictions.json, ground_truth.json and exports.

  Returns:
    What they hold, paired, and where the exports are.
  """
  predicted = [outcomes.predicted_video(video.bag, video.scores, video.tubes) for video in videos]
  true = [outcomes.true_video(video.bag) for video in videos]
  exchange.write_predictions(os.path.join(workdir, pairing.PREDICTIONS_FILE), predicted)
  exchange.write_ground_truth(os.path.join(workdir, pairing.GROUND_TRUTH_FILE), true)
  exported = exports.write(os.path.join(workdir, 'exports'), predicted, export)
  return [pairing.pair(*both) for both in zip(predicted, true)], exported


def compare(
    ours: Sequence[figures.Outcome],
    measured: Mapping[str, intervals.Interval],
    workdir: str,
    against: str,
) -> None:
  """Prints the paired differences to another run and writes them to differences.json."""
  differences = figures.compare(ours, pairing.read_run(against, ours))
  print(f'\nAgainst {against}, on the same videos (seeds are not varied):\n')
  caution = intervals_table.caution_of(video.label for video in ours)
  print(intervals_table.format_differences(differences, measured, caution))
  files.write_json(
      os.path.join(workdir, 'differences.json'),
      {'against': against, 'figures': intervals_table.to_json(differences)},
  )


def localize(
    bag: bags.Bag, scores: scoring.Scores, settings: ml_collections.ConfigDict
) -> ScoredVideo:
  """Returns the scored instances of a bag with their S_loc (eq. 10), by `config.evaluate`."""
  tubes = scoring.scored_tubes(bag, scores, settings)
  truths = [truth for truth in bags.truth_tubes(bag) if truth.has_place]
  localizations = localization.best_scores(tubes, truths, bag['detected_frames'])
  if bag['label'] == 1 and not truths:
    localizations = np.full(len(tubes), np.nan)
  return ScoredVideo(bag, scores, tubes, localizations)


def read_left_out(bags_folder: str) -> dict[str, str]:
  """Returns why each video is missing that the data set lists and its bags lack."""
  path = os.path.join(bags_folder, prepare.LEFT_OUT_FILE)
  return files.read_json(path) if os.path.exists(path) else {}


def measure_proposals(videos: Sequence[ScoredVideo]) -> dict[str, float]:
  """Returns, in %, how much of the events detection and tubes got hold of.

  The detections are those that were linked to tubes. Each figure replaces the stages after
  it with the truth: `best_tube_at_true_time` is the mean IoU of the best undivided tube within
  the event's span, `best_part_with_true_boxes` the best overlap in time of an instance,
  `top1_at_event` the share of events whose span the retrieved tube overlaps by over 0.3.
  `instances` is the mean number of them in a bag.
  """
  shares = collections.defaultdict(list)
  for video in videos:
    detected = video.bag['detected_frames'].any()  # else the only tube stands for none
    sources = bags.source_tubes(video.bag) if detected else []
    found = _linked_detections(sources)
    top = video.tubes[video.top]
    for truth in bags.truth_tubes(video.bag):
      span = truth.start, truth.stop
      times = [localization.overlap_in_time((tube.start, tube.stop), span) for tube in video.tubes]
      at_event = localization.overlap_in_time((top.start, top.stop), span) > _PROBE_POSITIVE
      shares['best_part_with_true_boxes'].append(max(times))
      shares['top1_at_event'].append(at_event)
      if not truth.has_place:
        continue
      shares['event_area_detected'].append(detection.truth_coverage(found, truth))
      shares['event_boxes_detected'].append(detection.box_recall(found, truth))
      shares['event_boxes_in_best_tube'].append(detection.tube_recall(sources, truth))
      shares['best_tube_at_true_time'].append(localization.overlap_in_space(sources, truth))
  means = {name: 100 * float(np.mean(values)) for name, values in shares.items()}
  return means | {'instances': float(np.mean([len(video.tubes) for video in videos]))}


def probe_features(videos: Sequence[ScoredVideo]) -> dict[str, float]:
  """Returns the ROC areas, in %, of supervised linear probes on unseen test videos.

  They say how much there is to learn: `region` from a tube's own features whether it
  overlaps an event in space and time, `image` from the whole images whether it does in
  time. Instances that overlap it a little, or by nobody knows how much, are left out.
  Nothing of it enters the model.
  """
  rows = {'region': [], 'image': []}
  for index, video in enumerate(videos):
    chosen = np.unique(np.linspace(0, len(video.tubes) - 1, _PROBE_INSTANCES).astype(int))
    chosen = np.union1d(chosen, np.flatnonzero(video.localizations >= _PROBE_POSITIVE))
    spans = video.bag['truth_spans']
    without = 0 if video.bag['label'] == 0 else np.nan
    times = np.array([
        max(
            (localization.overlap_in_time((tube.start, tube.stop), span) for span in spans),
            default=without,
        )
        for tube in video.tubes
    ])
    for name, overlap in (('region', video.localizations), ('image', times)):
      rows[name] += [
          (video.bag[f'{name}_features'][row], overlap[row] >= _PROBE_POSITIVE, index)
          for row in chosen
          if overlap[row] >= _PROBE_POSITIVE or overlap[row] == 0
      ]
  areas = dict.fromkeys(rows, math.nan)
  for name, examples in rows.items():
    if examples:
      features, labels, groups = (np.array(column) for column in zip(*examples))
      areas[name] = 100 * probe.linear_probe_auc(features.astype(np.float32), labels, groups)
  return areas


def describe(video: ScoredVideo) -> dict[str, object]:
  """Returns what videos.json says of a video."""
  best = video.top
  tube = video.tubes[best]
  unknown = np.isnan(video.localizations).any()
  return {
      'video_id': video.bag['video_id'],
      'category': video.bag['category'],
      'label': int(video.bag['label']),
      'score': tube.score,
      'tube_branch_score': float(video.scores.tube[best]),
      'temporal_branch_score': float(video.scores.temporal[best]),
      'start': tube.start,
      'stop': tube.stop,
      's_loc': None if unknown else float(video.localizations[best]),
      's_loc_upper_bound': None if unknown else float(np.max(video.localizations)),
  }


def draw(videos: Sequence[ScoredVideo], folder: str, count: int) -> list[tuple[str, int]]:
  """Writes overlays of the best and the worst localized anomalous videos.

  There is nothing to draw on where features came without a video.

  Returns:
    The path of each and the middle frame of its top-1 tube, the best first.
  """
  ranked = sorted(
      (video for video in videos if video.bag['label'] == 1 and video.tubes[0].has_place),
      key=lambda video: -np.nan_to_num(video.localizations[video.top]),
  )
  ends = ranked[: count - count // 2] + ranked[max(count - count // 2, len(ranked) - count // 2) :]
  drawn = []
  for video in tqdm.tqdm(ends, desc='Drawing', unit='video'):
    bag, facts = video.bag, bags.video_facts(video.bag)
    spans = [(tube.start, tube.stop) for tube in video.tubes]
    curve = frames.frame_scores(spans, video.scores.fused, facts.num_frames)
    top = video.tubes[video.top]
    path = os.path.join(folder, f'{bag["video_id"]}.mp4')
    overlay.write_overlay(path, facts, [top], frame_scores=curve, truths=bags.truth_tubes(bag))
    drawn.append((path, (top.start + top.stop) // 2))
  return drawn


def _linked_detections(tubes: Sequence[Tube]) -> Detections:
  unary = [tube for tube in tubes if tube.kind == TubeKind.UNARY]
  numbers = np.concatenate([np.arange(0), *(np.arange(tube.start, tube.stop) for tube in unary)])
  boxes_xyxy = np.concatenate([np.zeros((0, 4)), *(tube.boxes_xyxy for tube in unary)])
  order = np.argsort(numbers, kind='stable')
  return Detections(numbers[order], boxes_xyxy[order], np.ones(len(order), np.float32))
