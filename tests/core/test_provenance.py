"""Tests of what a run notes of its code and machine."""

import json
import re

from wsstad_jax.core import provenance


def test_a_record_tells_code_and_hardware():
  record = provenance.collect(mode='train', seed=3)
  assert (record['mode'], record['seed']) == ('train', 3)
  assert re.fullmatch(r'[0-9a-f]{40}(\+changes)?|unknown', record['commit'])
  assert re.fullmatch(r'\d+ x .+', record['processor'])
  assert re.fullmatch(r'[1-9]\d* GiB', record['memory'])
  assert all('(' in device for device in record['devices']) and record['devices']
  assert record['versions']['numpy'] != 'absent'
  assert json.loads(json.dumps(record)) == record
