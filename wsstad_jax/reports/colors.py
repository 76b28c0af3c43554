"""One colour for one meaning, on videos and in plots (RGB, 0 to 255)."""

PREDICTED = (224, 48, 48)
RUNNER_UP = (240, 160, 32)
TRUTH = (32, 160, 64)
CURVE = (48, 96, 208)
