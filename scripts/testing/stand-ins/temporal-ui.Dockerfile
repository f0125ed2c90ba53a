ARG DEBIAN
FROM ${DEBIAN}
WORKDIR /home/ui-server
COPY ui-server docker/start-ui-server.sh ./
COPY config ./config
RUN useradd --uid 1000 temporal
USER temporal
ENTRYPOINT ["bash", "./start-ui-server.sh"]
