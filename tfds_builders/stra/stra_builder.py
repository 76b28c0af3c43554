"""STRA: road accidents filmed by fixed cameras (the paper's own data set)."""

from tfds_builders import base
from wsstad_jax.core.errors import UserError

_LAYOUT = """
  videos/           the video files, <video_id>.mp4
  train.txt         one video a line: <video_id> <0 normal | 1 accident>
  test.txt          the same for the test videos
  test_boxes.csv    video_id,frame,x_min,y_min,x_max,y_max of the accidents in test videos
"""


class Stra(base.BagBuilder):
  """Videos that a person has put into `<config.data.root>/stra`."""

  @classmethod
  def list_videos(cls, config, progress):
    folder = cls.folder(config)
    base.check_manual_folder(folder, _LAYOUT)
    raise UserError(f'the files in {folder} are there, but this version cannot list them yet.')
