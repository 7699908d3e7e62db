# Two commands for users: `make run` and `make test`. The rest is for developers; `make help` lists all.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
VENV := .venv/.for-running
# picamera2 and libcamera come from the distribution (python3-picamera2): where they are, the environment must see them.
SYSTEM_SITE = $(PYTHON) -c 'import importlib.util as u; print("--system-site-packages" if u.find_spec("picamera2") else "")'
STAMP := .venv/.for-developing
PACKAGES := ffmpeg iproute2 nftables prometheus gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good \
            gstreamer1.0-plugins-bad gstreamer1.0-libav gstreamer1.0-rtsp chromium chromium-driver nginx-light git lintian
PEER_PACKAGES := mmdebstrap gir1.2-gst-rtsp-server-1.0 python3-gi python3-venv
# As the peers are the distribution's builds, so is the Python: an appliance has that one, and one that was built without
# profile-guided optimization takes a sixth more CPU.
BENCH_PYTHON ?= $(shell for p in /usr/bin/python3 $(PYTHON); do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BENCH_VENV := benchmarks/.cache/venv
BENCH_STAMP := $(BENCH_VENV)/.for-benchmarks
# Branches of edge_streamer/protocol and edge_streamer/codec that tests/{codec,ladders,protocol} reach.
COVERED_PERCENT := 100
LAB_PACKAGES := mmdebstrap qemu-system-x86 e2fsprogs systemd systemd-container
IMAGE_PACKAGES := mmdebstrap e2fsprogs qemu-system-x86 qemu-system-arm qemu-user-static arch-test ovmf \
                  squashfs-tools mtools dosfstools fdisk xz-utils zstd kmod device-tree-compiler systemd git ffmpeg
# One target after the other, and at the end how long each took.
PARTS = $(BIN)/python -m tests.tools.parts
# The folders of tests that need the same of a machine: tests/folders.py.
FOLDERS = $(shell $(BIN)/python -m tests.folders $(1))
# These tests wait for half of their time (for sockets, child processes, time-outs): two processes a core.
TOGETHER := --numprocesses $(or $(PROCESSES),$(shell expr 2 \* $$(nproc))) --dist loadfile

.PHONY: help run check test labs lint format types imports covered quick programs alone namespaces roots test-camera \
        test-guest test-image test-recorders test-systemd trixie fuzz bench instructions hotpath reliability docs dashboards packages deb image boot clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

$(VENV): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'edge_streamer needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ...'; exit 1; }
	@echo '-- setting up .venv (once)'
	@$(PYTHON) -m venv $$($(SYSTEM_SITE)) .venv || { echo 'Python cannot make a virtual environment: apt install python3-venv'; exit 1; }
	@$(PIP) --editable '.[video]'
	@touch $@

$(STAMP): $(VENV)
	@echo '-- installing what developers need (once)'
	@$(PIP) --editable '.[dev]'
	@touch $@

run: $(VENV) ## start the service with a test picture (or your camera) and print the URLs to open
	@exec $(BIN)/edge-streamer serve $(ARGS)

check: $(STAMP) ## the inner loop, 90 s: lint, types, imports, every test without outside programs, coverage of protocol and codec
	@$(PARTS) lint types imports covered quick

test: $(STAMP) ## all that needs no other machine, 18 minutes: check, programs, players, browsers; root for network namespaces
	@$(PARTS) packages lint types imports covered quick programs alone namespaces

labs: $(STAMP) ## the tests on other machines (root): cameras and recorders in Debian roots, an emulated computer, systemd
	@$(PARTS) roots trixie test-camera test-guest test-recorders test-systemd

covered: $(STAMP) # the tests of protocol/ and codec/, which alone must reach every branch of these
	$(BIN)/pytest -q $(TOGETHER) $(call FOLDERS,covered) --cov=edge_streamer.protocol --cov=edge_streamer.codec --cov-branch \
	  --cov-report=term-missing:skip-covered --cov-fail-under=$(COVERED_PERCENT)

quick: $(STAMP) # the other tests without outside programs
	$(BIN)/pytest -q $(TOGETHER) $(call FOLDERS,quick)

programs: $(STAMP) # the service beside promtool, Prometheus and schemathesis
	$(BIN)/pytest -q $(TOGETHER) $(call FOLDERS,programs)

alone: $(STAMP) # the service beside players and browsers, where times are judged: nothing runs beside a test
	$(BIN)/pytest -q $(call FOLDERS,alone)

namespaces: $(STAMP) # the same in network namespaces; SOAK_S is the length of the soak
	@[ "$$(id -u)" = 0 ] || { echo 'tests/netns was not run: network namespaces need root (sudo make namespaces)'; exit 1; }
	$(BIN)/pytest -q $(call FOLDERS,namespaces)

roots: $(STAMP) # the trees of Debian packages that the labs need, made once
	@$(MAKE) packages PACKAGES='$(PACKAGES) $(LAB_PACKAGES)'
	@{ $(BIN)/python -m tests.camera.root && $(BIN)/python -m tests.guest.root && $(BIN)/python -m tests.systemd.root; } & \
	  $(BIN)/python -m tests.recorders.root && wait $$!

trixie: $(STAMP) ## the tests of make check on Debian 13, with its Python and its packages (root)
	@$(MAKE) packages PACKAGES=mmdebstrap
	$(BIN)/python -m tests.tools.trixie

test-camera: roots ## picamera2 and libcamera with a virtual camera (root); EDGE_STREAMER_CAMERA=1: with this board's
	$(BIN)/pytest tests/camera

test-guest: roots ## V4L2 cameras of real kernel drivers, in an emulated machine (root)
	$(BIN)/pytest tests/guest

test-recorders: roots ## ZoneMinder, motion, openRTSP, mpv, VLC and others record from the service (root)
	$(BIN)/pytest tests/recorders

test-systemd: roots ## the installed units under a real systemd, in a container (root)
	$(BIN)/pytest tests/systemd

# Two at once: while arm64's image is configured by emulated programs, the tests of amd64's run.
test-image: $(STAMP) ## the device image in emulated devices: built, boots, power cuts, boards, a damaged card (root)
	@$(MAKE) packages PACKAGES='$(IMAGE_PACKAGES)'
	@[ -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ] || { \
	  [ -e /proc/sys/fs/binfmt_misc/register ] || mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc; \
	  /usr/lib/systemd/systemd-binfmt qemu-aarch64.conf; }
	$(BIN)/pytest --numprocesses $$(nproc) --dist loadfile --no-loadscope-reorder --durations=0 --durations-min=5 tests/image

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP) ## rewrite the code in the house's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(STAMP)
	$(BIN)/mypy

imports: $(STAMP)
	$(BIN)/lint-imports

fuzz: $(STAMP) ## feed the RTSP parser and what reads H.264 to atheris for FUZZ_S seconds each (60), from tests/fuzz/corpus
	$(PIP) atheris
	@mkdir -p build/fuzz/rtsp build/fuzz/h264
	@for target in rtsp h264; do \
	  $(BIN)/python -m tests.fuzz.fuzz_$$target -max_total_time=$(or $(FUZZ_S),60) -artifact_prefix=build/fuzz/ \
	    build/fuzz/$$target tests/fuzz/corpus/$$target || exit 1; done

bench: ## CPU per gigabit, lateness and memory beside live555 and gst-rtsp-server (40 minutes; ARGS='--rounds 1', '--save')
	@-$(MAKE) packages PACKAGES='$(PEER_PACKAGES)'
	@$(MAKE) $(BENCH_STAMP)
	$(BENCH_VENV)/bin/python -m benchmarks.fanout $(ARGS)

instructions: ## instructions and system calls a frame, by valgrind (3 minutes; ARGS='--save NAME')
	@$(MAKE) packages PACKAGES='valgrind python3-venv'
	@$(MAKE) $(BENCH_STAMP)
	$(BENCH_VENV)/bin/python -m benchmarks.instructions $(ARGS)

$(BENCH_STAMP): pyproject.toml
	@echo '-- setting up an environment for benchmarks with $(BENCH_PYTHON) (once; for another: make clean)'
	@$(BENCH_PYTHON) -m venv --clear $(BENCH_VENV) || \
	  { echo 'apt install python3-venv, or make bench BENCH_PYTHON=/path/to/python3.11'; exit 1; }
	@$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@touch $@

hotpath: $(STAMP) ## microbenchmarks of parsing, packetizing, publishing and scraping, with what they allocate
	$(BIN)/pytest benchmarks/hotpath.py --benchmark-columns=min,median,mean,rounds

reliability: packages $(STAMP) ## measure dead and living readers in network namespaces (root, 11 minutes), write docs/reliability.md
	$(BIN)/python -m tests.tools.reliability_report

docs: $(STAMP) ## write the generated parts of docs/ anew
	$(BIN)/python -m tests.tools.generated_docs
	$(BIN)/python -m tests.tools.configuration_docs
	$(BIN)/python -m tests.tools.metrics_docs
	$(BIN)/python -m tests.tools.install_docs
	$(BIN)/python -m tests.tools.log_docs
	$(BIN)/python -m tests.tools.man_pages
	$(BIN)/python -m benchmarks.pages

deb: ## build the Debian package into build/ (dpkg alone is needed)
	@$(PYTHON) -m deploy.debian.build --output build

image: ## build the device image into build/image: BOARD=rpi, pc or qemu; RPI_ARCHIVE='deb ...' for a Pi's own cameras
	@$(if $(BOARD),,echo 'which board? make image BOARD=rpi (or pc, or qemu)'; exit 1;) \
	  $(PYTHON) -m deploy.image.build --board $(BOARD) $(if $(RPI_ARCHIVE),--rpi-archive '$(RPI_ARCHIVE)') \
	    $(if $(RPI_ARCHIVE_KEYRING),--rpi-archive-keyring '$(RPI_ARCHIVE_KEYRING)') $(ARGS)

boot: ## start the image in QEMU (BOARD=qemu or pc), its ports at RTSP_PORT=18554 and HTTP_PORT=18080; Ctrl-C ends it
	@$(PYTHON) -m deploy.image.emulator --board $(or $(BOARD),qemu) --rtsp-port $(or $(RTSP_PORT),18554) \
	  --http-port $(or $(HTTP_PORT),18080) $(ARGS)

dashboards: $(STAMP) ## write deploy/grafana/*.json anew
	$(BIN)/python -m deploy.grafana.make_dashboards

packages:
	@missing=$$(for p in $(PACKAGES); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	[ -z "$$missing" ] && exit 0; \
	if [ "$$(id -u)" = 0 ]; then as_root=; elif sudo -n true 2>/dev/null; then as_root=sudo; \
	else echo "the tests need Debian packages: sudo apt-get install --no-install-recommends" $$missing; exit 1; fi; \
	echo '-- installing' $$missing; \
	log=$$(mktemp); \
	{ $$as_root apt-get update -qq && \
	  $$as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $$missing; } \
	  >$$log 2>&1 || { tail -20 $$log; exit 1; }

clean: ## remove what make made
	rm -rf .venv build *.egg-info $${TMPDIR:-/tmp}/edge_streamer-{guest,image-pc,image-qemu,camera-root,recorders-root,systemd-root,trixie-root,live555-root}-* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache benchmarks/.cache
