"""The `.out` files."""

import os


class Outputs:
    """Files that appear whole or not at all."""

    def __init__(self, folder):
        self._folder = folder
        self._names = []

    def open(self, name):
        self._names.append(name)
        part = self._part(name)
        os.makedirs(os.path.dirname(part), exist_ok=True)
        return open(part, "wb")

    def publish(self, name):
        os.replace(self._part(name), self._whole(name))

    def discard(self, name):
        remove(self._part(name))

    def remove(self):
        for name in self._names:
            remove(self._part(name))
            remove(self._whole(name))

    def _whole(self, name):
        return os.path.join(self._folder, name + ".out")

    def _part(self, name):
        return self._whole(name) + ".part"


def remove(path):
    try:
        os.remove(path)
    except FileNotFoundError:
        pass
