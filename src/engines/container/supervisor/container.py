"""One container of the job, as the engine last described it."""

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
        self._state = None
        self._start_error = None

    def look(self, api):
        found = api.inspect(self.name)
        self._state = None if found is None else found["State"]

    def start(self, api):
        self._start_error = api.start(self.name)
        self.look(api)

    def signal(self, api, number):
        self.sent.add(number)
        api.signal(self.name, number)

    def hear_of_signal(self, number):
        """The engine reports those of ours, too."""
        if number not in self.sent:
            self.signalled_by_others = True

    @property
    def error(self):
        """Why it could not be started; the engine keeps that, for a supervisor that takes over."""
        if self._start_error is None and self._status == "created":
            return self._state["Error"] or None
        return self._start_error

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
    def life(self):
        """From when to when it ran, by the clock of its engine; None if that isn't known."""
        if self._state is None or not self.has_started:
            return None
        return self._state["StartedAt"], self._state["FinishedAt"]

    @property
    def is_good(self):
        return self._status in OVER and self._state["ExitCode"] == 0

    @property
    def was_killed(self):
        """Whether its end may be the engine's doing: by a signal, or with the container itself gone."""
        return not self.is_good and (self._state is None or self._state["ExitCode"] > 128)

    @property
    def _status(self):
        return None if self._state is None else self._state["Status"]

    def facts(self):
        state = self._state or {}
        return {
            "name": self.name,
            "main": self.is_main,
            "status": {None: "gone", "created": "created"}.get(self._status, "exited"),
            "error": self.error,
            "exitCode": state.get("ExitCode"),
            "outOfMemory": bool(state.get("OOMKilled")),
            "signalled": bool(self.sent),
        }
