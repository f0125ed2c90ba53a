ARG DEBIAN
FROM ${DEBIAN}
COPY versitygw /usr/local/bin/
ENTRYPOINT ["versitygw"]
