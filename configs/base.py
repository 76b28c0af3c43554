"""Every knob of the system, with its unit and the reason for its default.

The files beside this one change a few of them, the command line any:
--config.train.num_steps=100. "Paper" marks what the paper states; where it is silent, the
reason is given.
"""

import dataclasses

import ml_collections

from wsstad_jax.core.errors import UserError
from wsstad_jax.detections.detectors import MotionDetector
from wsstad_jax.detections.onnx_detector import OnnxDetector
from wsstad_jax.tubes.division import Division
from wsstad_jax.tubes.linking import Linking
from wsstad_jax.tubes.multivariate import Intersecting

# What a method changes. The paper's own is the default of every knob; `learner` is the module
# below wsstad_jax that learns, `baseline` what only it knows, explained there.
_NO_GUIDE = {'learner': 'baselines.single_branch', 'loss.terms': ('rank', 'ce')}
_PLUS = {  # not the paper's: see docs/method.md
    'model.relation': 'none', 'model.trajectory_scale': 0.4,
    'evaluate.branches': ('tube',), 'evaluate.odds_ratio': 0.5,
    'evaluate.retrieval': 'expected_overlap', 'loss.top_k': 8,
}
METHODS = {
    'mgpr': {},
    'mgpr_plus': _PLUS,
    # Table 1. Learning rates are the authors' or the paper's, unless 0.3, 3 or 10 times as much
    # has half a point more VAUC on validation videos (synthetic.py:full).
    'random': {'learner': 'baselines.random_tube'},
    'upper_bound': {'learner': 'baselines.upper_bound'},
    'dmrm': {
        'learner': 'baselines.dmrm', 'train.learning_rate': 0.01, 'baseline.sparsity': 8e-5,
        'baseline.smoothness': 8e-5, 'baseline.kernel_l2': 1e-3,
    },
    # The authors' rate of 1e-4 is for a classifier that has learned before.
    'gclnc': {
        'learner': 'baselines.gclnc', 'train.learning_rate': 0.1, 'train.weight_decay': 5e-4,
        'baseline.num_rounds': 2, 'baseline.confident_share': 0.3, 'baseline.num_passes': 4,
        'baseline.past_weight': 0.5, 'baseline.past_decay': 0.9, 'baseline.momentum': 0.9,
    },
    'stil': {
        'learner': 'baselines.stil', 'train.learning_rate': 0.015, 'train.weight_decay': 1e-2,
        'baseline.time_share': 0.5, 'baseline.num_rounds': 10,
    },
    'asa': {'learner': 'baselines.asa', 'baseline.units': 512},
    # Heads that came later, on the same bags.
    'rtfm': {
        'learner': 'baselines.rtfm', 'train.learning_rate': 0.01, 'baseline.units': 512,
        'baseline.margin': 100.0, 'baseline.magnitude': 1e-4, 'baseline.sparsity': 8e-3,
        'baseline.smoothness': 8e-4,
    },
    'urdmu': {
        'learner': 'baselines.urdmu', 'train.learning_rate': 1e-4, 'baseline.units': 512,
        'baseline.slots': 60, 'baseline.memory': 0.1, 'baseline.triplet': 0.1,
        'baseline.divergence': 1e-3, 'baseline.distance': 1e-4, 'baseline.margin': 100.0,
    },
    # Table 2.
    'temporal_only': {**_NO_GUIDE, 'baseline.branch': 'temporal'},
    'tube_only': {**_NO_GUIDE, 'baseline.branch': 'tube'},
    # Table 3.
    'rank': {'loss.terms': ('rank',)},
    'mg_rank': {'loss.terms': ('mg_rank',)},
    'ce': {'loss.terms': ('ce',)},
    'rank_ce': {'loss.terms': ('rank', 'ce')},
    # Table 4.
    'without_multivariate': {'instances': 'unary'},
    'without_relation': {'model.relation': 'none'},
    'gcn_relation': {'model.relation': 'gcn'},
    # Table 5, not the paper's: what mgpr_plus is without each of its parts.
    'plus_without_trajectories': {**_PLUS, 'model.trajectory_scale': 0.0},
    'plus_without_growing': {**_PLUS, 'evaluate.odds_ratio': 1.0},
    'plus_without_agreement': {**_PLUS, 'evaluate.retrieval': 'score'},
    'plus_with_max_instance': {**_PLUS, 'loss.top_k': 1},
    'plus_with_relation': {**_PLUS, 'model.relation': 'attention'},
    'plus_with_both_branches': {**_PLUS, 'evaluate.branches': ('tube', 'temporal')},
}


def get_config() -> ml_collections.ConfigDict:
  """Returns the paper's setting, for a data set in `data/`."""
  config = ml_collections.ConfigDict()
  config.name = 'base'  # names the default --workdir: checkpoints/<name>-<method>
  config.method = 'mgpr'
  config.learner = 'training.mgpr'  # see METHODS
  config.instances = 'all'  # or unary: multivariate tubes are left out
  config.seed = 0  # of initial weights, dropout and the order of bags

  config.data = ml_collections.ConfigDict()
  config.data.name = 'stra'  # folder under tfds_builders/
  config.data.root = 'data'  # folder of raw videos
  config.data.prepared = ''  # folder of all that is prepared from them; root itself if empty
  config.data.size = 'demo'  # synthetic_traffic alone: demo, full or tiny
  config.data.seed = 0  # synthetic_traffic alone: of sites, traffic and accidents
  config.data.num_processes = 2  # that render and detect; threads that cut clips and compute
  # The others are for data sets of a person's own files.
  config.data.skip_unreadable = False  # go on without videos that have faults, and say so
  config.data.frame_tolerance = 16  # frames, one clip, by which lists and boxes may miss a video's
  config.data.validation_share = 0.15  # of the training videos of each label, split off by name
  config.data.test_share = 0.25  # of the videos of each label, where no test videos are given
  config.data.boxes = ''  # format of the box files: csv, json ...; needed if there are several
  config.data.max_gap = 30  # frames without a box over which an annotated event goes on

  # The fields of these records are explained in the files that define them.
  config.detector = ml_collections.ConfigDict()
  config.detector.kind = 'motion'  # or onnx, motion+onnx, files
  config.detector.motion = settings(MotionDetector())
  config.detector.onnx = settings(OnnxDetector())  # onnx.model=FILE has to be given
  config.detector.duplicate_overlap = 0.5  # motion+onnx: IoU from which two boxes are one object
  config.detector.files = ml_collections.ConfigDict()
  config.detector.files.folder = ''  # of detections by another program, see formats/by_name.py
  config.detector.files.boxes = ''  # their format: csv, json ...; needed if there are several
  config.tubes = ml_collections.ConfigDict()
  config.tubes.linking = settings(Linking())
  config.tubes.multivariate = settings(Intersecting())

  config.c3d = ml_collections.ConfigDict()
  config.c3d.weights = 'checkpoints/c3d_small.npz'  # or a folder of Orbax, see import_c3d
  config.c3d.width = 0.125  # of every layer; 1.0 is Tran 2015, whose fc6 has 4096
  config.c3d.size = 56  # pixels, side of the input; Tran 2015: 112
  config.c3d.preprocessing = 'motion'  # as the small C3D was trained; caffe: as Tran's
  config.c3d.mean_bgr = (90.0, 98.0, 102.0)  # caffe alone: of Sports-1M, 0..255
  config.c3d.mean_file = ''  # caffe alone: a mean cube of Sports-1M (.npy) instead
  config.c3d.window_context = 1.3  # side of a clip's window over that of the tube in it
  config.c3d.dtype = 'float32'  # of products; bfloat16 is faster on GPUs and TPUs
  config.c3d.batch_size = 8  # clips a call: as many stay in a CPU's cache; a GPU wants 64

  config.bags = ml_collections.ConfigDict()
  config.bags.max_instances = 200  # paper
  config.bags.num_videolets = 32  # Sultani 2018
  config.bags.train_division = settings(Division(keep_whole=True))
  config.bags.test_division = settings(Division(keep_whole=True, even_parts=(2, 4)))

  config.model = ml_collections.ConfigDict()
  config.model.relation = 'attention'  # or gcn (Table 4), or none
  config.model.relation_scope = 'bag'  # paper; or overlap: only instances of the same time
  config.model.num_heads = 8  # paper
  config.model.value_scale = 0.1  # of the initial W^V
  config.model.feature_normalization = 'l2'  # Sultani 2018; or none
  config.model.trajectory_scale = 0.0  # above 0, the tube branch sees speed, size and shape too
  config.model.dropout_rate = 0.6  # Sultani 2018
  config.model.dtype = 'float32'  # of products; bfloat16 is faster on GPUs and TPUs

  config.loss = ml_collections.ConfigDict()
  config.loss.terms = ('mg_rank', 'ce')  # paper; rank replaces mg_rank in Table 3
  config.loss.pairing = 'all_pairs'  # as in Sultani 2018; or one_to_one
  config.loss.guidance_context = 'bag'  # the guide sees what it sees at test; or alone
  config.loss.top_k = 1  # paper; more: a bag is the mean logit of its k highest instances

  config.baseline = ml_collections.ConfigDict()  # filled by METHODS

  config.train = ml_collections.ConfigDict()
  config.train.num_steps = 2000  # of mgpr each trains one branch; psi alternates
  config.train.bags_per_label = 30  # paper: 30 positive and 30 negative bags
  config.train.learning_rate = 5e-4  # paper, Adam
  config.train.weight_decay = 0.0
  # Bags that need no more of a device's memory stay there; more are streamed. Of a CPU: of 8 GiB.
  config.train.resident_share = 0.25
  config.train.evaluate_every = 100  # steps between validations, which are checkpoints too

  config.evaluate = ml_collections.ConfigDict()
  config.evaluate.num_pictures = 6  # test videos to draw: the best and the worst found
  config.evaluate.branches = ('tube', 'temporal')  # eq. 9: the mean of both tells the top-1 tube
  config.evaluate.odds_ratio = 1.0  # below 1, parts grow along their tube down to it
  config.evaluate.retrieval = 'score'  # the top-1 tube has the highest; or the expected_overlap

  config.compare = ml_collections.ConfigDict()
  config.compare.table = 1  # of the paper: its figures are shown beside ours on its data sets
  config.compare.methods = ('random', 'mgpr', 'upper_bound')
  config.compare.reference = 'mgpr'  # the others' differences are to this one of them
  config.compare.num_seeds = 5  # config.seed, config.seed + 1 ...
  config.compare.num_processes = 1  # runs at a time, which share the cores or the GPU
  config.compare.num_draws = 2000  # of the bootstrap
  config.compare.confidence = 0.95  # of intervals

  config.pretrain = ml_collections.ConfigDict()
  config.pretrain.num_videos = 1500  # of generic motion, 16 s each, a site each
  config.pretrain.num_steps = 22500
  config.pretrain.decay_steps = 9000  # the last ones, in which the rate falls to 0
  config.pretrain.batch_size = 192  # clips
  config.pretrain.learning_rate = 2e-3  # until it falls, AdamW
  config.pretrain.weight_decay = 0.05
  config.pretrain.evaluate_every = 500  # steps between checkpoints
  return config


def settings(record: object, **more: object) -> ml_collections.ConfigDict:
  """Returns the fields of a dataclass and their values as a config."""
  return ml_collections.ConfigDict(dataclasses.asdict(record) | more)


def apply_method(
    config: ml_collections.ConfigDict, method: str
) -> ml_collections.ConfigDict:
  """Changes a config to what a method of METHODS is, and returns it.

  Raises:
    UserError: there is no such method, or the config is of another one than mgpr already.
  """
  if method not in METHODS:
    raise UserError(f'there is no method {method!r}, but {", ".join(METHODS)}.')
  if config.method != 'mgpr':
    raise UserError(
        f'the config is of {config.method} already, which cannot become {method}: name one method, '
        'and mgpr where methods are compared (--config=FILE:mgpr).'
    )
  config.method = method
  with config.unlocked():
    config.update_from_flattened_dict(METHODS[method])
  return config


def apply_options(
    config: ml_collections.ConfigDict, options: str | None, sizes: tuple[str, ...] = ()
) -> ml_collections.ConfigDict:
  """Applies what stands after the colon of --config: a method, a size or both ('full,mgpr').

  Raises:
    UserError: an option is neither.
  """
  for option in (options or '').split(','):
    if option in METHODS:
      apply_method(config, option)
    elif option in sizes:
      config.data.size = option
      config.name = f'{config.name}-{option}'
    elif option:
      raise UserError(f'--config=FILE:{option} is not known; there are the methods '
                      f'{", ".join(METHODS)} and the sizes {", ".join(sizes) or "(none)"}.')
  return config
