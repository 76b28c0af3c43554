"""ST-UCF-Crime: UCF-Crime (Sultani 2018) with boxes around the anomalies of test videos."""

from tfds_builders import base
from wsstad_jax.core.errors import UserError

_LAYOUT = """
  videos/                the folders of UCF-Crime: videos/Abuse/Abuse001_x264.mp4 ...
  Anomaly_Train.txt      the official list of training videos, one path a line
  Anomaly_Test.txt       the official list of test videos, one path a line
  test_boxes.csv         video_id,frame,x_min,y_min,x_max,y_max of the anomalies in test videos
"""


class StUcfCrime(base.BagBuilder):
  """Videos that a person has put into `<config.data.root>/st_ucf_crime`."""

  @classmethod
  def list_videos(cls, config, progress):
    folder = cls.folder(config)
    base.check_manual_folder(folder, _LAYOUT)
    raise UserError(f'the files in {folder} are there, but this version cannot list them yet.')
