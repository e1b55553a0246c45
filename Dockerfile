# This project in a container: `make docker-image`, then `make docker-train`. With a graphics card:
# `make docker-image GPU=1`. docs/setup.md says which of these lines have been executed where.

# ------------------------------------------------------------------------------------------------ the parts
FROM python:3.11-slim-bookworm AS parts
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# Nothing here is pinned to a build: Debian keeps a release's packages compatible, and drops older builds.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends \
        ca-certificates cmake g++ make \
        libboost-program-options-dev libboost-thread-dev libboost-system-dev libboost-test-dev \
        zlib1g-dev libbz2-dev liblzma-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/asr-harness
COPY requirements.lock requirements-gpu.lock ./
ARG GPU=0
RUN python -m venv .venv \
    && .venv/bin/python -m pip install --no-cache-dir --require-hashes --no-deps --only-binary=:all: \
        --requirement requirements.lock \
    && if [ "$GPU" = 1 ]; then \
        .venv/bin/python -m pip uninstall --yes tensorflow-cpu \
        && .venv/bin/python -m pip install --no-cache-dir --require-hashes --no-deps --only-binary=:all: \
            --requirement requirements-gpu.lock; \
    fi
COPY tools/third_party.py tools/third_party.py
RUN .venv/bin/python tools/third_party.py kenlm libdeepspeech && rm -rf .deps/downloads .deps/*.log
COPY firmware/lib/ firmware/lib/
RUN .venv/bin/python tools/third_party.py keyword && rm .deps/*.log

# ------------------------------------------------------------------------------------------------ what runs
FROM python:3.11-slim-bookworm
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends \
        ca-certificates flite libboost-program-options1.74.0 libboost-thread1.74.0 libboost-system1.74.0 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/asr-harness
COPY --from=parts /opt/asr-harness/ ./
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY asr/ asr/
COPY lm/ lm/
COPY datasets/ datasets/
COPY export/ export/
COPY tools/ tools/
RUN .venv/bin/python -m pip install --no-cache-dir --no-deps --no-build-isolation --no-index --editable . \
    && .venv/bin/asr --help >/dev/null
# Whoever starts the container, by whatever number, has a home to write to and a name to sign a model card with.
ENV HOME=/tmp USER=asr MPLCONFIGDIR=/tmp PATH=/opt/asr-harness/.venv/bin:$PATH
USER 1000:1000
WORKDIR /tmp
EXPOSE 6006 8700
ENTRYPOINT ["asr"]
