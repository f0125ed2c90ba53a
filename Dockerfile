# The worker, and the command `sluice`.
#
#   docker build -t sluice .                                jobs in containers of an engine, or in SageMaker
#   docker build -t sluice --build-arg ENGINE=process .     jobs as processes of this container, with scikit-learn
#
# Both bases are Debian, of one release: Temporal's core needs glibc. It builds without BuildKit, too.
ARG NODE_IMAGE=node:24.22.3-bookworm-slim
ARG BASE_IMAGE=python:3.11-slim-bookworm
ARG ENGINE=container

FROM ${NODE_IMAGE} AS build
WORKDIR /opt/sluice
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund --loglevel=error
COPY . .
# Workflows are bundled by now: what bundled them can go, and so can native libraries for other systems and the sources of this.
RUN node scripts/build.js \
 && npm prune --omit=dev --no-audit --no-fund --loglevel=error \
 && cd node_modules/@temporalio/core-bridge \
 && find releases -mindepth 1 -maxdepth 1 ! -name "$(uname -m)-*-linux-gnu" -exec rm -r {} + \
 && rm -r bridge-macros sdk-core src ts ../../@swc/core-* \
 && cd /opt/sluice \
 && rm -r scripts src tsconfig*.json \
 && find dist -name '*.map' -delete \
 && chmod -R a+rX .

FROM ${NODE_IMAGE} AS container
# Supervisors of containers are in Python; tini reaps them, and hands signals on.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3 tini \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/*

FROM ${BASE_IMAGE} AS process
# For pip; see images/sklearn/Dockerfile.
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
ARG PIP_CERT
ARG SLUICE_ACCEPT_INSTALLED
COPY images/script-mode/install_requirements.py images/sklearn/framework.json images/sklearn/requirements*.txt /tmp/sluice/
RUN python3 -I /tmp/sluice/install_requirements.py && rm -r /tmp/sluice
COPY --from=container /usr/local/bin/node /usr/local/bin/node
COPY --from=container /usr/bin/tini /usr/bin/tini

FROM ${ENGINE}
ARG ENGINE
COPY --from=build /opt/sluice /opt/sluice
RUN useradd --uid 10001 --user-group --home-dir /var/lib/sluice --create-home sluice \
 && mkdir /project \
 && ln -s /opt/sluice/bin/sluice.js /usr/local/bin/sluice \
 && ln -s "$(command -v python3)" /opt/python
ENV NODE_ENV=production \
    PYTHONDONTWRITEBYTECODE=1 \
    SLUICE_HEALTH_PORT=0.0.0.0:8081 \
    SLUICE_HOME=/var/lib/sluice \
    SLUICE_LOCAL_ENGINE=${ENGINE} \
    SLUICE_PYTHON=/opt/python \
    SLUICE_ROOT=/project
USER sluice
WORKDIR /project
VOLUME /var/lib/sluice
# The worker ends within SLUICE_SHUTDOWN_SECONDS (10): give the container more, as by `docker stop --time 30`.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s CMD ["node", "/opt/sluice/bin/health-check.js"]
ENTRYPOINT ["tini", "--", "sluice"]
CMD ["worker"]
