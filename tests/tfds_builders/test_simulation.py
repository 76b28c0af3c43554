"""Tests of simulated traffic: what its labels promise is what happens."""

import dataclasses

import numpy as np
import pytest

from tfds_builders.synthetic_traffic import bodies
from tfds_builders.synthetic_traffic import incidents
from tfds_builders.synthetic_traffic import recording as rec
from tfds_builders.synthetic_traffic import simulation
from tfds_builders.synthetic_traffic import sites
from tfds_builders.synthetic_traffic.traffic import Arrival, Traffic

SITE_SEED = 66_000
# where an accident of the kind comes about soon: category, seeds of site and traffic
PLACES = (
  (incidents.VEHICLES, 66_000, 1), (incidents.PEDESTRIAN, 66_013, 27),
  (incidents.MOTORCYCLE, 66_002, 5), (incidents.PILE_UP, 66_015, 31),
)  # fmt: skip


@pytest.fixture(scope='module', params=PLACES, ids=lambda place: place[0])
def accident(request):
  category, site_seed, seed = request.param
  site = sites.create_site(site_seed)
  return category, site, seed, *simulation.simulate(site, category=category, seed=seed)


def moving_apart(recording, frame):
  """Returns the number of actors whose velocity changes by over 3 m/s around a frame."""
  positions = recording.poses[:, :, :2]
  before = (positions[frame - 1] - positions[frame - 3]) * rec.FRAMES_PER_SECOND / 2
  after = (positions[frame + 4] - positions[frame + 2]) * rec.FRAMES_PER_SECOND / 2
  return int(np.nansum(np.linalg.norm(after - before, axis=-1) > 3))


def test_an_accident_is_short_visible_and_violent(accident):
  *_, recording, truth = accident
  assert simulation.SHORTEST <= len(truth.boxes_xyxy) <= simulation.LONGEST
  assert 0 < truth.start and truth.stop < recording.num_frames
  assert (truth.boxes_xyxy >= 0).all() and (truth.boxes_xyxy[:, 2:] <= (320, 240)).all()
  sides = (truth.boxes_xyxy[:, 2:] - truth.boxes_xyxy[:, :2]).max(axis=1)
  assert np.median(sides) >= simulation.SMALLEST_SIDE
  assert moving_apart(recording, truth.start + simulation.LEAD_FRAMES) >= 1


def test_the_same_seed_simulates_the_same(accident):
  category, site, seed, recording, truth = accident
  again, same_truth = simulation.simulate(site, category=category, seed=seed)
  np.testing.assert_array_equal(again.poses, recording.poses)
  np.testing.assert_array_equal(same_truth.boxes_xyxy, truth.boxes_xyxy)


@pytest.mark.parametrize('number', range(3))
def test_nobody_touches_in_a_normal_video(number):
  site = sites.create_site(SITE_SEED + number)
  recording, truth = simulation.simulate(site, category=simulation.NORMAL, seed=number)
  assert truth is None
  for poses in recording.poses[::3]:
    present = np.flatnonzero(~np.isnan(poses[:, rec.X]))
    found = [
      bodies.Body(recording.cast[a], poses[a, :2].astype(float), float(poses[a, rec.HEADING]))
      for a in present
    ]
    for k, first in enumerate(found):
      for second in found[:k]:
        if first.actor.is_vehicle or second.actor.is_vehicle:
          touch = bodies.overlap(first, second)
          assert touch is None or touch[1] < 0.1


def empty_traffic(site):
  demand = dataclasses.replace(site.demand, headway_s=1e9, walkers=0)
  traffic = Traffic(site.layout, demand, np.random.default_rng(0))
  traffic._next_arrival = {origin: np.inf for origin in traffic._next_arrival}
  return traffic


@pytest.mark.parametrize('number', range(4))
def test_travel_times_are_those_driven(number):
  site = sites.create_site(SITE_SEED + number)
  for lane in range(len(site.layout.lanes))[:3]:
    traffic = empty_traffic(site)
    times = traffic.travel_times(lane, 10.0)
    state = {'careless': True, 'admitted': True, 'plot': 1}
    traffic.arrivals.append(Arrival(0.0, 'car', lane, 0.0, 10.0, state))
    while traffic.time < 4.0:
      traffic.step()
    (driver,) = [agent for agent in traffic.agents if agent.plot]
    assert np.interp(driver.along, np.arange(len(times)), times) == pytest.approx(4.0, abs=0.15)


def test_a_swerve_lasts():
  site = sites.create_site(SITE_SEED)
  traffic = empty_traffic(site)
  traffic.arrivals.append(Arrival(0.0, 'car', 0, 0.0, 9.0, {}))
  while traffic.time < 1.0:
    traffic.step()
  (driver,) = [agent for agent in traffic.agents if agent.drives]
  driver.side_goal, driver.swerves_until = 1.0, traffic.time + 1.2
  furthest = 0.0
  for _ in range(60):
    traffic.step()
    furthest = max(furthest, driver.side)
  assert furthest > 0.8 and abs(driver.side) < 0.3


@pytest.mark.parametrize('category', simulation.ACCIDENTS)
def test_near_misses_are_the_plots_of_accidents(category):
  """With the same seed the same road users are sent, at other times or attentive."""
  found = 0
  for number in range(12):
    site = sites.create_site(SITE_SEED + number)
    casts = []
    for collide in (True, False):
      stage = incidents.Stage(
        empty_traffic(site), None, site.camera, np.random.default_rng(number)
      )
      arrivals = incidents.arrange(stage, category, collide=collide)
      casts.append([(arrival.kind, arrival.lane) for arrival in arrivals[:2]])
    assert casts[0] == casts[1]
    found += bool(casts[0])
  assert found
