"""One container of the job, as the engine last described it."""
import signal

from api import Missing

KILL = int(signal.SIGKILL)

# "stopping", "stopped" and "initialized" are Podman's.
LIVE = ("initialized", "running", "paused", "restarting", "removing", "stopping")
OVER = ("exited", "stopped")


class Container:
    def __init__(self, name, role, prefix):
        self.name = name
        # The job is over when its main containers are; a service, such as a model server, only has to be there meanwhile.
        self.is_main = role == "main"
        self.prefix = prefix
        self.log = None
        # Signals of ours: any other comes from somebody else.
        self.sent = set()
        self.signalled_by_others = False
        # Whether the engine told of its end: of those that led to it, too, then.
        self.has_died = False
        # As the engine told, which its state may leave out.
        self.has_run_out_of_memory = False
        self.was_started_here = False
        self._state = None
        # Why it could not be started, as the engine answered. What it keeps of a start is no answer: Docker 26, say, gives a start up,
        # before anything runs, when who asked for it is killed.
        self.error = None
        self.misses = False

    def look(self, api):
        found = api.inspect(self.name)
        self._state = None if found is None else found["State"]

    def start(self, api):
        try:
            self.error = api.start(self.name)
            self.was_started_here = self.error is None
        except Missing as error:
            self.error = str(error)
            self.misses = True
        self.look(api)

    @property
    def has_started(self):
        return self._status not in (None, "created")

    @property
    def is_waiting(self):
        """To be started."""
        return self._status == "created" and self.error is None

    @property
    def is_live(self):
        return self._status in LIVE

    @property
    def is_open(self):
        return self.is_waiting or self.is_live

    @property
    def is_gone(self):
        return self._state is None

    @property
    def is_over(self):
        """Having run."""
        return self._status in OVER

    @property
    def is_good(self):
        return self._status in OVER and self._state["ExitCode"] == 0

    @property
    def was_killed(self):
        """Whether its end may be the engine's doing: by a signal, or with the container itself gone."""
        return not self.is_good and (self._state is None or self._state["ExitCode"] > 128)

    @property
    def was_killed_by_nobody(self):
        """As far as is known: the kernel kills for want of memory."""
        killed = self.is_over and self._state["ExitCode"] == 128 + KILL
        return killed and not (self._is_out_of_memory or self.sent or self.signalled_by_others)

    @property
    def _is_out_of_memory(self):
        return self.has_run_out_of_memory or bool((self._state or {}).get("OOMKilled"))

    @property
    def _status(self):
        return None if self._state is None else self._state["Status"]

    def facts(self):
        state = self._state or {}
        return {
            "name": self.name,
            "main": self.is_main,
            # One that is half removed is as good as gone.
            "status": "created" if self._status == "created" else "exited" if self.is_over else "gone",
            "error": self.error,
            "missing": self.misses,
            "exitCode": state.get("ExitCode"),
            "outOfMemory": self._is_out_of_memory,
            "signalled": bool(self.sent),
        }
