"""Hears what the engine tells of the job's containers: who sent them signals, and that they ended."""
import json
import threading

from api import Unreachable

RETRY_SECONDS = 0.5


class Events(threading.Thread):
    """Always from the first event that the engine remembers: what was heard is heard again, and nobody's clock counts.

    `hear` is called with the action and the attributes of each, and with "lost" when the stream broke.
    """

    def __init__(self, api, label, hear, over):
        super().__init__(daemon=True)
        self._api = api
        self._label = label
        self._hear = hear
        self._over = over
        self._stream = None
        # An engine may be set up not to tell anything.
        self.has_told = False
        self.start()

    def run(self):
        while not self._over.is_set():
            try:
                self._read()
            except (Unreachable, OSError, ValueError):
                # The engine is away; a look tells when it is back.
                pass
            self._hear("lost", {})
            self._over.wait(RETRY_SECONDS)

    def _read(self):
        self._stream = self._api.events(self._label)
        try:
            for line in self._stream or ():
                event = json.loads(line)
                self.has_told = True
                self._hear(event["Action"], event["Actor"]["Attributes"])
        finally:
            if self._stream is not None:
                self._stream.close()

    def reopen(self):
        """For a stream that may have died without a word."""
        if self._stream is not None:
            self._stream.hang_up()
