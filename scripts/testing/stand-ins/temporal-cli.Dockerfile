ARG DEBIAN
FROM ${DEBIAN}
COPY temporal /usr/local/bin/
RUN useradd --uid 1000 --create-home temporal
USER temporal
ENTRYPOINT ["temporal"]
