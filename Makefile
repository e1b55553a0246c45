# One target a product, in the order a person needs them. `make` alone lists them.
# Each target brings by itself what it needs of the set-up; a set-up that is there costs a look.

WORKSPACE ?= examples/light
ENGINE ?=
TEST ?=
BOARD ?= esp32
RUNS ?= 1000000
PORT ?= 6006
RECORDINGS ?=
WAV ?=

ASR := .venv/bin/asr

ENGINES := asr mozilla-venv mozilla
ifneq ($(strip $(filter-out $(ENGINES),$(ENGINE))),)
$(error ENGINE=$(ENGINE) is not known; what there is: $(ENGINES))
endif

ifeq ($(strip $(WORKSPACE)),)
$(error WORKSPACE is empty; name the folder of a workspace)
endif

.DEFAULT_GOAL := help
.PHONY: help setup runtime development init settings voices preview-voices record check manifests scorer train weights export wheel evaluate \
	tune-scorer keyword learning-curve preview-augmentation tensorboard serve runs flash monitor fuzz firmware-tools firmware-test firmware-size test lint bench reference \
	docker-image docker-train docker-tensorboard docker-serve docker-train-image \
	lock clean distclean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-21s %s\n", $$1, $$2 }' Makefile
	@echo "WORKSPACE=DIR chooses the workspace (now: $(WORKSPACE)); ENGINE=mozilla-venv or mozilla the trainer"

setup: runtime ## Install everything that training and the client need, unless it is there

init: runtime ## Make a new workspace in WORKSPACE=DIR
	$(ASR) init "$(WORKSPACE)"

settings: runtime ## Print the settings in effect and where each comes from
	$(ASR) settings "$(WORKSPACE)"

voices: runtime ## Install neural voices for synthetic speech: Kokoro (English) and Piper's joe
	.venv/bin/python -m tools.voices

preview-voices: runtime ## Write WAV files of synthetic voices reading your sentences
	$(ASR) preview-voices "$(WORKSPACE)"

record: runtime ## Record sentences in the browser, at http://127.0.0.1:8701
	$(ASR) record "$(WORKSPACE)"

check: runtime ## Look for faults in the recordings: sound, copies, transcripts, speakers
	$(ASR) check "$(WORKSPACE)"

manifests: runtime ## Turn recordings into clips and the manifests train, dev and test
	$(ASR) manifests "$(WORKSPACE)"

scorer: runtime ## Turn sentences.txt into the language model, kenlm.scorer
	$(ASR) scorer "$(WORKSPACE)"

train: runtime $(if $(filter mozilla-venv,$(ENGINE)),reference) ## Train, export, and evaluate through the client
	$(ASR) train "$(WORKSPACE)"$(if $(strip $(ENGINE)), --engine $(ENGINE))

SPEECH ?= build/speech
weights: voices ## Train the pretrained weights of this project: speech by Kokoro in SPEECH=DIR, then three trainings; hours
	$(ASR) train examples/english
	$(ASR) train examples/english-noise
	.venv/bin/python -m tools.pretraining.speech "$(SPEECH)" --hours 2 --processes 2
	.venv/bin/python -m tools.pretraining.workspace examples/english-voices "$(SPEECH)"
	$(ASR) train examples/english-voices
	install -m 644 examples/english-voices/build/export/output_graph.pbmm asr/ctc/weights/english.pbmm
	install -m 644 examples/english-voices/build/export/MODEL_CARD.md asr/ctc/weights/english.md
	.venv/bin/python -m tools.pretraining.vocabulary > asr/ctc/weights/english.txt

export: runtime ## Write output_graph.pb, .pbmm, the .tflite for Coqui's client, and the model card
	$(ASR) export "$(WORKSPACE)"

wheel: runtime ## Build the wheel asr-runtime, all that a device needs besides build/export/device
	.venv/bin/python -m tools.runtime_wheel

evaluate: runtime ## Evaluate the exported model through the client; RECORDINGS= on other recordings
	$(ASR) evaluate "$(WORKSPACE)"$(if $(strip $(RECORDINGS)), --recordings "$(RECORDINGS)")

keyword: runtime ## Train, export and evaluate a keyword model for a microcontroller
	$(ASR) keyword "$(WORKSPACE)"

tune-scorer: runtime ## Tune the scorer's alpha and beta on dev
	$(ASR) tune-scorer "$(WORKSPACE)"

learning-curve: runtime ## Train on parts of the recordings, to forecast what more would bring
	$(ASR) learning-curve "$(WORKSPACE)"

preview-augmentation: runtime ## Write ten augmented clips, to check the ranges of section augment
	$(ASR) preview-augmentation "$(WORKSPACE)"

tensorboard: runtime ## Show curves, spectrograms and transcripts of all runs at 127.0.0.1:PORT
	$(ASR) tensorboard "$(WORKSPACE)" --port $(PORT)

serve: runtime ## Show what is heard, live, and file corrections, at 127.0.0.1:8700
	$(ASR) serve "$(WORKSPACE)"

runs: runtime ## List the training runs
	$(ASR) runs "$(WORKSPACE)"

firmware-tools: ## Install the compiler and the emulator of a Cortex-M4
	@tools/setup firmware

firmware-test: runtime firmware-tools ## Run the keyword model on WAV="FILE..." on a Cortex-M4 in QEMU
	.venv/bin/python -m tools.firmware test "$(WORKSPACE)" $(WAV)

firmware-size: runtime firmware-tools ## Measure flash, RAM, stack and instructions of the firmware against its budgets
	.venv/bin/python -m tools.firmware size "$(WORKSPACE)"

# Without one on the command line, PORT is TensorBoard's.
SERIAL_PORT = $(if $(filter file,$(origin PORT)),,$(PORT))

flash: ## Build the firmware with WORKSPACE's keyword model and write it to a board: BOARD=esp32 PORT=/dev/ttyUSB0
	@tools/flash "$(WORKSPACE)" "$(BOARD)" "$(SERIAL_PORT)"

monitor: ## Show the serial output of the board, until Ctrl-C: PORT=/dev/ttyUSB0
	@tools/flash --monitor "$(BOARD)" "$(SERIAL_PORT)"

fuzz: ## Fuzz each part of the firmware's core with RUNS random calls, under sanitizers
	@tools/fuzz "$(RUNS)"

test: lint ## Run lint and every test; TEST="tests/lm -k arpa" chooses
	.venv/bin/python -m pytest -n auto --maxprocesses 4 --dist loadfile $(TEST)

lint: development ## Check style, types, import layers and the Dockerfiles
	.venv/bin/ruff check
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo
	.venv/bin/hadolint Dockerfile Dockerfile.train

bench: development reference ## Time a training step against TensorFlow 1.15's, where a Python 3.7 is found
	.venv/bin/python -m tools.bench

reference: runtime ## Install TensorFlow 1.15, DeepSpeech 0.9.3 and its trainer, where a Python 3.7 is found
	.venv/bin/python tools/third_party.py reference

docker-image: ## Build the image of this project; GPU=1 for a graphics card
	$(DOCKER) build --build-arg GPU=$(GPU) --tag $(IMAGE) .

docker-train: ## Train in that image, with the workspace mounted, as this user
	$(RUN_IMAGE) $(IMAGE) train "$(abspath $(WORKSPACE))"

docker-tensorboard: ## Show the curves from that image, at 127.0.0.1:PORT of this machine
	$(RUN_IMAGE) --publish 127.0.0.1:$(PORT):6006 $(IMAGE) tensorboard "$(abspath $(WORKSPACE))" --host 0.0.0.0

docker-serve: ## Serve the page from that image, at 127.0.0.1:8700 of this machine, with the token that it prints
	$(RUN_IMAGE) --publish 127.0.0.1:8700:8700 $(IMAGE) serve "$(abspath $(WORKSPACE))" --host 0.0.0.0

docker-train-image: ## Build the image of Mozilla's trainer, for ENGINE=mozilla
	$(DOCKER) build --file Dockerfile.train --tag asr-harness-train:0.9.3 .

lock: development ## Pin the newest versions that pyproject.toml and reference/ allow
	$(LOCK) --universal --python-version 3.10 pyproject.toml --output-file requirements.lock
	$(LOCK) --universal --python-version 3.10 pyproject.toml --group dev --constraint requirements.lock \
		--output-file requirements-dev.lock
	$(LOCK) --python-version 3.7 --python-platform x86_64-unknown-linux-gnu reference/requirements.in \
		--output-file reference/requirements.txt
	$(LOCK) --python-version 3.11 --python-platform x86_64-unknown-linux-gnu --constraint requirements.lock \
		reference/requirements-gpu.in --output-file requirements-gpu.lock
	$(LOCK) --universal --python-version 3.10 --group pyproject.toml:voices --constraint requirements.lock \
		--output-file requirements-voices.lock

clean: ## Delete the workspace's build folder and the caches of the checkers
	rm -rf "$(WORKSPACE)/build" .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

distclean: clean ## Delete the set-up as well
	rm -rf .venv .deps asr_harness.egg-info

DOCKER := docker
IMAGE := asr-harness:latest
GPU ?= 0
# Manifests hold absolute paths, so that the workspace has its own path in the container too.
RUN_IMAGE = $(DOCKER) run --rm --init --user "$$(id -u):$$(id -g)" $(if $(filter 1,$(GPU)),--gpus all) \
	--mount "type=bind,source=$(abspath $(WORKSPACE)),target=$(abspath $(WORKSPACE))"

LOCK = .venv/bin/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock"

runtime:
	@tools/setup runtime

development:
	@tools/setup development
