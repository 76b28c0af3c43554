# make demo: the whole system on rendered traffic.  make test: the tests.
PYTHON ?= python3
VENV := .venv
EXTRA ?=

.PHONY: install demo test test-slow pretrain clean
install: $(VENV)/installed

$(VENV)/installed: requirements.txt constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)) and "Python 3.11 or 3.12 is needed: make PYTHON=python3.12 ..., found " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt $(EXTRA) -c constraints.txt
	touch $@

demo: install
	$(VENV)/bin/python main.py --config=configs/synthetic.py

test: install
	$(VENV)/bin/python -m pytest -m 'not slow'

test-slow: install
	$(VENV)/bin/python -m pytest -m slow

pretrain: install
	$(VENV)/bin/python main.py --config=configs/synthetic.py --mode=pretrain

clean:
	rm -rf $(VENV)
