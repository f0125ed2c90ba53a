ARG DEBIAN
FROM ${DEBIAN}
COPY temporal temporal-sql-tool /usr/local/bin/
COPY schema /etc/temporal/schema
RUN useradd --uid 1000 --create-home temporal
USER temporal
CMD ["sleep", "infinity"]
