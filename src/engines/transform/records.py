"""Splits a file into the bodies of requests."""

import os

from failures import RequestFailure

BLOCK_BYTES = 1 << 16


class Batch:
    """Records `first` to `last` of a file, counted from 1; `body` is bytes, or an iterable of bytes that moves `last` on."""

    def __init__(self, first, last, body, size):
        self.first = first
        self.last = last
        self.body = body
        self.size = size

    def __str__(self):
        return "record {}".format(self.first) if self.last <= self.first else "records {}–{}".format(self.first, self.last)


def split(source, settings):
    size = os.fstat(source.fileno()).st_size
    if size == 0:
        return iter(())
    if settings.by_line:
        return split_lines(source, settings)
    limit = settings.max_payload_bytes
    if limit and size > limit:
        raise RequestFailure(
            "the whole file is one request with SplitType None, and its {} bytes are more than MaxPayloadInMB {} allows. "
            "Set SplitType Line or raise MaxPayloadInMB.".format(size, settings.max_payload_mb)
        )
    return iter([Batch(1, 1, source, size if limit else None)])


def split_lines(source, settings):
    limit = settings.max_payload_bytes
    if limit == 0 and not settings.single_record:
        stream = Batch(1, 0, None, None)
        stream.body = read_blocks(source, stream)
        # A file of blank lines has no records, and nothing is sent for it.
        start = next(stream.body, None)
        if start is not None:
            stream.body = chain_blocks(start, stream.body)
            yield stream
        return
    number, lines, size = 0, [], 0
    for line in read_records(source, settings):
        if lines and (settings.single_record or size + len(line) > limit):
            yield Batch(number - len(lines) + 1, number, b"".join(lines), size)
            lines, size = [], 0
        number += 1
        lines.append(line)
        size += len(line)
    if lines:
        yield Batch(number - len(lines) + 1, number, b"".join(lines), size)


def read_records(source, settings):
    """The lines that are not blank, with their ends as they are. Never more than one payload of a line is held."""
    limit = settings.max_payload_bytes
    number = 0
    while True:
        line = source.readline(limit + 1 if limit else -1)
        if not line:
            return
        if limit and len(line) > limit:
            raise RequestFailure(
                "record {} is longer than MaxPayloadInMB {} allows ({} bytes). Raise MaxPayloadInMB, or check that the file "
                "has line ends.".format(number + 1, settings.max_payload_mb, limit)
            )
        if line.strip():
            number += 1
            yield line


def read_blocks(source, batch):
    block, size = [], 0
    for line in source:
        if not line.strip():
            continue
        batch.last += 1
        block.append(line)
        size += len(line)
        if size >= BLOCK_BYTES:
            yield b"".join(block)
            block, size = [], 0
    if block:
        yield b"".join(block)


def chain_blocks(start, rest):
    yield start
    yield from rest
