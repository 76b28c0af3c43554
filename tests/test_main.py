"""Each mode as a process, as a user runs it."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import av
import pytest

_REPOSITORY = pathlib.Path(__file__).parents[1]
_TINY = ('--config=configs/synthetic.py:tiny', '--config.train.num_steps=8',
         '--config.train.evaluate_every=2', '--config.train.bags_per_label=2',
         '--config.evaluate.num_pictures=2')


def command(*arguments):
  return [sys.executable, 'main.py', *map(str, arguments)]


def run(*arguments):
  return subprocess.run(
      command(*arguments), cwd=_REPOSITORY, capture_output=True, text=True, timeout=600
  )


def refused(*arguments):
  """Returns the one message of a command that must end with status 2 and no traceback."""
  done = run(*arguments)
  assert done.returncode == 2, done.stderr
  assert 'Traceback' not in done.stderr
  (message,) = [line for line in done.stderr.splitlines() if line.startswith('error: ')]
  return done.stderr[done.stderr.index(message) :]


@pytest.fixture(scope='session')
def trained(tmp_path_factory):
  """Returns the flags of a finished small run and what it printed."""
  folder = tmp_path_factory.mktemp('main')
  flags = (*_TINY, f'--config.data.root={folder}/data', f'--workdir={folder}/run')
  done = run(*flags)
  assert done.returncode == 0, done.stderr
  return folder, flags, done.stdout


def test_training_ends_with_a_table_and_where_to_look(trained):
  folder, _, output = trained
  for row in ('Random', 'Upper bound', 'mgpr'):
    assert f'\n{row}' in output
  metrics = json.loads((folder / 'run' / 'metrics.json').read_text())
  assert metrics['split'] == 'test' and metrics['method'] == 'mgpr'
  assert {'vauc', 'miou', 'iou@0.1', 'iou@0.2', 'iou@0.3', 'iou@0.5'} <= metrics.keys()
  assert 0 <= metrics['miou'] <= metrics['upper_bound']['miou'] <= 100
  for path in output[output.index('Look at:') :].splitlines()[1:]:
    assert os.path.exists(path.strip())


def test_training_leaves_times_and_its_config_for_tensorboard(trained):
  folder, _, _ = trained
  times = json.loads((folder / 'run' / 'times.json').read_text())
  stages = [row['stage'] for row in times]
  assert stages[:3] == ['Rendering videos', 'Finding tubes', 'Computing C3D features']
  assert stages[-2:] == ['Training', 'Evaluating']
  assert next(row['count'] for row in times if row['stage'] == 'Training') == 8
  report = (folder / 'run' / 'report.html').read_text()
  assert all(f'<td>{stage}</td>' in report for stage in stages)
  events = b''.join(path.read_bytes() for path in (folder / 'run' / 'tensorboard').iterdir())
  for content in (b'train.num_steps', b'test/miou', b'tubes/1_of_', b'tube_loss'):
    assert content in events


def test_evaluating_again_gives_the_same_numbers(trained):
  folder, flags, _ = trained
  before = (folder / 'run' / 'metrics.json').read_bytes()
  assert run('--mode=evaluate', *flags).returncode == 0
  assert (folder / 'run' / 'metrics.json').read_bytes() == before


def test_predictions_score_the_same_without_the_model(trained, tmp_path):
  folder, flags, _ = trained
  workdir = folder / 'run'
  done = run('--mode=evaluate', f'--predictions={workdir}/predictions.json',
             f'--ground_truth={workdir}/ground_truth.json', f'--out={tmp_path}')
  assert done.returncode == 0, done.stderr
  alone = json.loads((tmp_path / 'metrics.json').read_text())['figures']
  metrics = json.loads((workdir / 'metrics.json').read_text())
  for name in ('vauc', 'miou', 'frame_auc', 'rbdc', 'tiou', 'false_alarms_per_hour@0.5'):
    assert alone[name]['value'] == pytest.approx(metrics[name])
    assert alone[name]['low'] == pytest.approx(metrics['intervals'][name]['low'])


def test_a_run_is_compared_with_another(trained):
  folder, flags, _ = trained
  done = run('--mode=evaluate', *flags, f'--against={folder}/run')
  assert done.returncode == 0, done.stderr
  assert 'not told apart' in done.stdout and 'better' not in done.stdout
  assert done.stdout.count('test videos: intervals over so few say little.') == 2
  figures = json.loads((folder / 'run' / 'differences.json').read_text())['figures']
  assert figures['vauc'] == {'value': 0, 'low': None, 'high': None, 'probability': None}
  assert 'lacks predictions.json' in refused('--mode=evaluate', *flags, f'--against={folder}')


def test_predicting_a_video_writes_what_is_promised(trained, tmp_path):
  folder, flags, _ = trained
  video = next((folder / 'data').rglob('test_anomalous_*.mp4'))
  done = run('--mode=predict', *flags, f'--video={video}', f'--out={tmp_path}/out',
             '--export=mot')
  assert done.returncode == 0, done.stderr
  for stage in ('Finding tubes', 'Computing C3D features', 'Drawing overlay.mp4'):
    assert f'{stage}: 100%' in done.stderr
  found = json.loads((tmp_path / 'out' / 'prediction.json').read_text())
  best = found['tubes'][0]
  assert len(best['frames']) == len(best['boxes_xyxy']) == best['stop'] - best['start']
  with av.open(str(tmp_path / 'out' / 'overlay.mp4')) as overlay:
    assert sum(1 for _ in overlay.decode(video=0)) == found['video']['num_frames']
  assert (tmp_path / 'out' / 'scores.png').stat().st_size > 0
  assert video.name in (tmp_path / 'out' / 'report.html').read_text()
  first = (tmp_path / 'out' / 'mot' / f'{video.stem}.txt').read_text().splitlines()[0].split(',')
  assert int(first[0]) >= 1 and 0 <= float(first[6]) <= 1
  # The video is one of the test split: what was found there must be found here.
  videos = json.loads((folder / 'run' / 'videos.json').read_text())
  (same,) = [row for row in videos if row['video_id'] == video.stem]
  assert (same['start'], same['stop']) == (best['start'], best['stop'])
  assert same['score'] == pytest.approx(best['score'], abs=1e-6)


@pytest.mark.slow
def test_a_killed_run_ends_with_the_same_bits(trained, tmp_path):
  folder, flags, _ = trained
  videos = folder / 'data' / 'synthetic_traffic' / 'tiny-0' / 'videos'
  copy = tmp_path / 'data' / 'synthetic_traffic' / 'tiny-0' / 'videos'
  shutil.copytree(videos, copy)
  flags = (*_TINY, f'--config.data.root={tmp_path}/data', f'--workdir={tmp_path}/run')
  kill_when(flags, lambda: len(list(tmp_path.glob('data/*/*/tubes-*/*.npz'))) >= 3)
  kill_when(flags, lambda: len(list(tmp_path.glob('data/*/*/features-*/*.npz'))) >= 3)
  kill_when(flags, lambda: (tmp_path / 'run' / 'checkpoints' / '4').exists())
  assert not (tmp_path / 'run' / 'metrics.json').exists()
  assert run(*flags).returncode == 0
  for name in ('metrics.json', 'videos.json', 'history.json'):
    assert (tmp_path / 'run' / name).read_bytes() == (folder / 'run' / name).read_bytes()


def kill_when(flags, happened):
  """Starts a run and kills it as soon as something has happened."""
  process = subprocess.Popen(
      command(*flags), cwd=_REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
  )
  deadline = time.monotonic() + 300
  while not happened():
    assert process.poll() is None and time.monotonic() < deadline
    time.sleep(0.02)
  process.send_signal(signal.SIGKILL)
  process.wait()


def test_another_config_in_the_same_workdir_is_refused(trained):
  _, flags, _ = trained
  assert 'loss.pairing: \'all_pairs\' there, \'one_to_one\' here' in refused(
      *flags, '--config.loss.pairing=one_to_one'
  )


def test_preparing_does_not_ask_what_a_run_folder_holds(trained):
  _, flags, _ = trained
  done = run('--mode=prepare', *flags, '--config.loss.pairing=one_to_one')
  assert done.returncode == 0, done.stderr


def test_a_data_root_that_is_not_there_is_told_before_another_config(tmp_path):
  (tmp_path / 'config.json').write_text('{"data.root": "videos"}')
  for root, told in (('/nowhere', '/nowhere lacks normal/, anomalous/'), ('', 'DIR is missing')):
    assert told in refused(
        '--config=configs/video_folder.py', f'--config.data.root={root}', f'--workdir={tmp_path}'
    )


def bad_videos(folder, trained_folder):
  good = next((trained_folder / 'data').rglob('test_anomalous_*.mp4')).read_bytes()
  contents = {
      'empty.mp4': b'', 'text.mp4': b'this is no video\n' * 50, 'truncated.mp4': good[: len(good) // 2]
  }
  for name, content in contents.items():
    (folder / name).write_bytes(content)
  return ['missing.mp4', *contents]


def test_bad_videos_are_refused_by_name(trained, tmp_path):
  folder, flags, _ = trained
  for name in bad_videos(tmp_path, folder):
    message = refused('--mode=predict', *flags, f'--video={tmp_path}/{name}', f'--out={tmp_path}/o')
    assert name in message
    assert not (tmp_path / 'o').exists()


@pytest.mark.parametrize(
    'arguments, told',
    [
        ((), '--config is missing'),
        (('nonsense',), "'nonsense' is no flag"),
        (('--cofig=configs/synthetic.py',), 'no flag --cofig. Did you mean --config?'),
        (('--config=configs/nothing.py',), 'configs/nothing.py'),
        (('--config=configs/synthetic.py:sota',), 'sota is not known'),
        (('--config=configs/synthetic.py', '--mode=fly'), 'train|prepare|pretrain'),
        (('--config=configs/synthetic.py', '--config.train.num_stesp=3'),
         'no \'num_stesp\'. Did you mean "num_steps" instead of "num_stesp"? See '),
        (('--config=configs/synthetic.py', '--config.nothing.x=3'), "no 'nothing'. See "),
        (('--config=configs/synthetic.py', '--config.train.num_steps=many'), 'num_steps=many'),
        (('--config=configs/synthetic.py', '--config.train.num_steps=-3'), 'must be positive'),
        (('--config=configs/synthetic.py', '--mode=predict'), 'needs --video=FILE'),
        (('--config=configs/synthetic.py', '--against=nosuch'), 'nosuch lacks predictions.json'),
        (('--mode=evaluate', '--predictions=a.json'), 'belong together'),
        (('--config=configs/video_folder.py',), '--config.data.root=DIR is missing'),
        (('--config=configs/video_folder.py', '--config.data.boxes=xml'), 'none of , csv, json'),
        (('--config=configs/stra.py', '--config.data.root=/nowhere'), 'configs/synthetic.py'),
        (('--config=configs/st_ucf_crime.py', '--config.data.root=/nowhere'), 'configs/synthetic.py'),
    ],
)
def test_faults_of_the_command_line_have_one_message(arguments, told):
  assert told in refused(*arguments)
