# What all stand-ins are made on. Their originals are Debian, or Alpine, with BusyBox; whose `nc` Debian builds without -z.
ARG DEBIAN
FROM ${DEBIAN}
COPY sources.list /etc/apt/sources.list
# This machine's authorities: what is installed in a build may come through its proxy.
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
RUN apt-get update \
 && apt-get install -y --no-install-recommends netcat-openbsd \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
 && ln -s /usr/bin/busybox /usr/local/bin/wget
ENV LANG=C.UTF-8
