ARG DEBIAN
FROM ${DEBIAN}
COPY temporal-server /usr/local/bin/
COPY docker/scripts/sh/entrypoint.sh /etc/temporal/entrypoint.sh
RUN useradd --uid 1000 temporal
WORKDIR /etc/temporal
USER temporal
CMD ["bash", "/etc/temporal/entrypoint.sh"]
