"""A real browser for tests of pages: Debian's Chromium."""

import contextlib
import shutil

import pytest

CHROMIUM, DRIVER = shutil.which('chromium'), shutil.which('chromedriver')
needs_chromium = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason='needs the Debian packages chromium and chromium-driver'
)
_FLAGS = (
    '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--hide-scrollbars',
)


@contextlib.contextmanager
def opened(width=1280, height=900):
  """Yields a browser with a window of this size in CSS pixels."""
  from selenium import webdriver  # only where there is a browser

  options = webdriver.ChromeOptions()
  options.binary_location = CHROMIUM
  for flag in _FLAGS:
    options.add_argument(flag)
  options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
  driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
  try:
    resize(driver, width, height)
    yield driver
  finally:
    driver.quit()


def resize(driver, width, height):
  """Makes the page as large as that of a device."""
  driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', {
      'width': width, 'height': height, 'deviceScaleFactor': 1, 'mobile': width < 500,
  })


def wait_for(driver, expression):
  """Waits until a JavaScript expression is true; returns its value."""
  from selenium.webdriver.support.wait import WebDriverWait

  return WebDriverWait(driver, 20).until(
      lambda driver: driver.execute_script(f'return {expression}'), expression
  )
