"""NatsServer: a real nats-server as a child process that cannot outlive its owner."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
import weakref
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from ..checks import seconds
from ..forks import renew_in_child
from .permissions import NOTHING, permissions_of

if TYPE_CHECKING:
    from ..security import AccessPolicy, CertificateAuthority

T = TypeVar("T")

_OWNER = "eventkit"
_POLL = 0.005  # seconds
_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
_WATCHDOG = str(Path(__file__).with_name("watchdog.py"))


class ServerFailed(RuntimeError):
    """A nats-server did not start or become ready. The message shows the end of its log."""


class NatsServer:
    """A nats-server for this process, ready when the constructor returns.

        with NatsServer() as server:
            bridge = Bridge(bus, server.url, outgoing=["counter.>"])

    Promised:

    - It listens on free ports of the loopback interface only, and requires a password or, with
      `tls`, a certificate.
    - What a log acknowledges is on disk, and survives `kill` and `start`.
    - It ends with `close`, with the block, and with the process that made it, also if that crashes.
      An interrupt in the notebook leaves it running.

    Not promised: events of a Bridge are not stored. A subscriber that is not connected when they
    pass does not get them later. Without `folder`, stored data are deleted with the server.

    `users` may connect as well, see `url_of`. Each name has a dict of NATS permissions, such as
    `{"publish": ["eventkit.counter.>"], "subscribe": []}`. The principals of a `policy` may also
    connect, with bridges that use the default prefix; see `reload`. `folder` stays when the server
    ends; by default the folder is temporary. `password` is random by default. `settings` override
    the configuration, as a dict with the names of nats-server's documentation.

    `tls` is a certificate authority. The server then accepts no password and speaks TLS 1.3 from
    the first byte. A client must show a certificate of the same authority that names one of the
    principals or `users`.

    Raises FileNotFoundError, which says what to install, if there is no nats-server;
    ServerFailed if it is not ready within `timeout` seconds; ValueError for a principal whose name
    is taken, and for a policy that a NATS server cannot enforce.
    """

    def __init__(
        self,
        *,
        users: Mapping[str, Mapping[str, Any]] | None = None,
        policy: AccessPolicy | None = None,
        tls: CertificateAuthority | None = None,
        folder: str | os.PathLike[str] | None = None,
        settings: Mapping[str, Any] | None = None,
        password: str | None = None,
        timeout: float = 20.0,
    ) -> None:
        seconds("timeout", timeout, above_zero=True)
        self._program = find_server()
        self._scratch = Path(tempfile.mkdtemp(prefix="eventkit-nats-"))
        self.folder = Path(folder) if folder is not None else self._scratch
        self._users = dict(users or {})
        self._policy = policy
        self._tls = tls
        self._passwords = {_OWNER: password or secrets.token_hex(12)}
        self._settings = self._configuration() | dict(settings or {})
        self._timeout = timeout
        self._watchdog: subprocess.Popen[bytes] | None = None
        self._pid = 0
        self._remover = weakref.finalize(self, shutil.rmtree, self._scratch, ignore_errors=True)
        self._is_parents = False  # this is the copy in a forked child
        renew_in_child(self)
        self.start()

    # Figures

    @property
    def name(self) -> str:
        """Return the server's name."""
        return str(self._settings["server_name"])

    @property
    def url(self) -> str:
        """Return the address, with the password of a user who may do everything.

        With TLS there is no password.
        """
        return self.url_of(_OWNER)

    def url_of(self, user: str) -> str:
        """Return the address, with the password of one of the users unless TLS is used.

        Raises KeyError for an unknown user.
        """
        if self._tls is not None:
            return f"tls://{self.address}"
        if user not in self._passwords:
            raise KeyError(f"there is no user {user!r} on this server: {sorted(self._passwords)}.")
        return f"nats://{user}:{self._passwords[user]}@{self.address}"

    @property
    def address(self) -> str:
        """Return the host and port for clients. They stay the same when it is started again."""
        return str(self._settings["listen"])

    @property
    def pid(self) -> int:
        """Return the server's process id, or 0 while it does not run."""
        return self._pid if self.is_running else 0

    @property
    def is_running(self) -> bool:
        """Return True if its process exists, even if it is frozen."""
        if self._is_parents:
            raise RuntimeError(
                f"the NATS server at {self.address} was started before this process was forked, "
                "and only the parent can start or stop it. Its url can be used here; for a server "
                "of the child's own, make a NatsServer in the child."
            )
        return self._watchdog is not None and self._watchdog.poll() is None

    @property
    def log(self) -> str:
        """Return the text of the server's log."""
        paths = [self._scratch / name for name in ("errors", "log")]
        return "".join(p.read_text("utf-8", "replace") for p in paths if p.exists())

    def monitor(self, path: str, timeout: float = 2.0) -> Any:
        """Return the server's answer to a monitoring request, such as `monitor("varz")`.

        Raises OSError if it does not answer.
        """
        url = f"http://{self._settings['http']}/{path}"
        try:
            with urllib.request.urlopen(url, timeout=timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refusal:
            refusal.close()  # the error is also an open response
            raise

    def __repr__(self) -> str:
        if self._is_parents:
            return f"<NatsServer at {self.address}, of the parent process>"
        return f"<NatsServer at {self.address}, {'running' if self.is_running else 'not running'}>"

    # Starting and stopping

    def start(self) -> None:
        """Start it on its old ports with its stored data. Do nothing if it is running.

        Raises RuntimeError after `close`, and ServerFailed if it does not become ready.
        """
        if self.is_running:
            return
        if not self._scratch.exists():
            raise RuntimeError(f"{self!r} was closed: make a new NatsServer.")
        for old in self._scratch.glob("*.ports"):
            old.unlink()
        config = self._scratch / "server.conf"
        config.write_text(json.dumps(self._settings), encoding="utf-8")
        python = [sys.executable, "-I", "-S", _WATCHDOG, str(self._scratch)]
        with open(self._scratch / "errors", "w", encoding="utf-8") as errors:
            self._watchdog = subprocess.Popen(
                [*python, self._program, "-c", str(config)],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors,
                start_new_session=True, cwd=self._scratch,
                bufsize=0,  # a buffer has a lock, which another thread may hold during a fork
            )  # fmt: skip
        self._finalizer = weakref.finalize(self, _end, self._watchdog)
        try:
            self._wait_until_ready()
        except BaseException:  # an interrupt, too
            self.close()
            raise

    def stop(self) -> None:
        """Let it end in order. `start` runs it again with its stored data."""
        self._signal(signal.SIGTERM)
        if self._watchdog is not None:
            if hasattr(signal, "SIGCONT"):
                self._signal(signal.SIGCONT)
            try:
                self._watchdog.wait(self._timeout)
            except subprocess.TimeoutExpired:
                self.kill()
            self._finalizer()

    def kill(self) -> None:
        """Kill it with SIGKILL, as a crash would."""
        self._signal(_KILL)
        if self._watchdog is not None:
            self._watchdog.wait()
            self._finalizer()

    def restart(self) -> None:
        """Stop it, if it is running, and start it."""
        self.stop()
        self.start()

    def reload(self) -> None:
        """Apply the policy as it is now, also to connected clients.

        A client without rules is disconnected. Changes of the policy have no effect on the server
        before this call. Raises ServerFailed if the server does not reload within the time limit.
        """
        self._settings["authorization"] = self._authorization()
        if not self.is_running:
            return
        if not hasattr(signal, "SIGHUP"):  # Windows has no signal for it
            self.restart()
            return
        _change(self._scratch / "server.conf", authorization=self._settings["authorization"])
        try:
            before = self._loaded()
            self._signal(signal.SIGHUP)
            if wait_until(lambda: self._loaded() != before, self._timeout):
                return
        except OSError as problem:  # it does not answer
            raise ServerFailed(self._failure(f"did not reload ({problem})")) from problem
        raise ServerFailed(self._failure("did not reload"))

    def freeze(self) -> None:
        """Suspend the process until `thaw`: connections stay open and nothing is answered."""
        self._by_psutil("suspend")
        while self.is_running and not _is_frozen(self._pid):
            time.sleep(_POLL)

    def thaw(self) -> None:
        """Resume the process after `freeze`."""
        self._by_psutil("resume")

    def close(self) -> None:
        """End it and remove its temporary folder.

        Can be called twice. Does nothing in a child that was forked after the start.
        """
        if self._is_parents:
            return
        if self._watchdog is not None:
            self._finalizer()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def __enter__(self) -> NatsServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def renew(self) -> None:
        """Leave the server and its folder to the parent, in a forked child.

        Close the child's copy of the pipe: the watchdog waits until every process has closed it.
        """
        self._is_parents = True
        self._remover.detach()
        if self._watchdog is not None and self._watchdog.stdin is not None:
            self._finalizer.detach()
            self._watchdog.stdin.close()
            self._watchdog.poll()  # not a child of this process: Popen treats it as ended

    # Inside

    def _configuration(self) -> dict[str, Any]:
        """Return the configuration: no port, folder or user is left to the server's defaults."""
        return {
            "server_name": self._scratch.name,
            "listen": "127.0.0.1:-1",
            "http": "127.0.0.1:-1",
            "ports_file_dir": str(self._scratch),
            "log_file": str(self._scratch / "log"),
            "authorization": self._authorization(),
            "jetstream": {"store_dir": str(self.folder / "store"), "sync_interval": "always"},
        } | self._encryption()

    def _authorization(self) -> dict[str, Any]:
        users = self._users | _principals(self._policy, {_OWNER, *self._users})
        if self._tls is not None:
            # without any user, a server would allow everything to every client
            allowed: list[dict[str, Any]] = [{"user": "nobody", "permissions": NOTHING}]
            allowed += [{"user": f"CN={one}", "permissions": of} for one, of in users.items()]
            return {"users": allowed}
        for name in users:
            self._passwords.setdefault(name, secrets.token_hex(12))
        named = [{"user": _OWNER, "password": self._passwords[_OWNER]}]
        return {
            "users": named
            + [
                {"user": one, "password": self._passwords[one], "permissions": of}
                for one, of in users.items()
            ]
        }

    def _encryption(self) -> dict[str, Any]:
        if self._tls is None:
            return {}
        own = self._tls.server()
        return {
            "tls": {
                "cert_file": str(own.certificate),
                "key_file": str(own.key),
                "ca_file": str(self._tls.certificate),
                "handshake_first": True,
                "verify_and_map": True,
                "min_version": "1.3",
            }
        }

    def _loaded(self) -> object:
        return self.monitor("varz", self._timeout)["config_load_time"]

    def _wait_until_ready(self) -> None:
        """Wait for the ports file, written when clients can connect, and for a healthy server."""

        def is_ready() -> bool:
            if not self.is_running:
                raise ServerFailed(self._failure("ended at once"))
            return self._read_ports() and self._is_healthy()

        if not wait_until(is_ready, self._timeout):
            raise ServerFailed(self._failure(f"was not ready within {self._timeout} s"))

    def _read_ports(self) -> bool:
        for path in self._scratch.glob("*.ports"):
            with contextlib.suppress(ValueError):  # it is being written
                ports = json.loads(path.read_text(encoding="utf-8"))
                self._pid = int(path.stem.rpartition("_")[2])
                self._settings["listen"] = _address(ports["nats"])
                self._settings["http"] = _address(ports["monitoring"])
                return True
        return False

    def _is_healthy(self) -> bool:
        if "cluster" in self._settings:
            return True  # a node needs the others; NatsCluster waits for all
        try:
            return bool(self.monitor("healthz")["status"] == "ok")
        except (OSError, ValueError):
            return False

    def _failure(self, what: str) -> str:
        return f"{self._program} {what}. Its log: {self.log[-1_000:].strip() or '(empty)'}"

    def _signal(self, number: int) -> None:
        """Send a signal. While its parent, the watchdog, runs, the process id is not reused."""
        if self.is_running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, number)

    def _by_psutil(self, act: Literal["suspend", "resume"]) -> None:
        """Suspend or resume the server with psutil: Windows has no signals for it."""
        psutil = _import_psutil()
        if self.is_running:
            with contextlib.suppress(psutil.NoSuchProcess):
                getattr(psutil.Process(self._pid), act)()


def wait_until(attempt: Callable[[], T], timeout: float, pause: float = _POLL) -> T:
    """Repeat `attempt` every `pause` seconds until its result is true or time is up.

    Return the last result.
    """
    deadline = time.monotonic() + timeout
    while not (result := attempt()) and time.monotonic() <= deadline:
        time.sleep(pause)
    return result


def find_server() -> str:
    """Return the path of nats-server: on PATH, or where pip has installed it."""
    beside = os.pathsep.join([sysconfig.get_path("scripts"), os.path.dirname(sys.executable)])
    found = shutil.which("nats-server") or shutil.which("nats-server", path=beside)
    if found is None:
        raise FileNotFoundError(
            "no nats-server is on PATH or beside this Python. "
            "Run: pip install 'eventkit-notebooks[nats]'"
        )
    return found


def _import_psutil() -> Any:
    try:
        import psutil  # type: ignore[import-untyped]
    except ImportError as missing:
        raise ImportError(
            "freeze and thaw need psutil, which is not installed here. "
            "Run: pip install 'eventkit-notebooks[nats]'"
        ) from missing
    return psutil


def _is_frozen(pid: int) -> bool:
    """Return True if all its threads are stopped. Only Linux shows that; elsewhere assume so."""
    states = [
        path.read_text(encoding="utf-8").rpartition(") ")[2]
        for path in Path("/proc").glob(f"{pid}/task/*/stat")
    ]
    return all(state.startswith("T") for state in states)


def _principals(policy: AccessPolicy | None, taken: Collection[str]) -> dict[str, Any]:
    """Return the permissions of a policy's principals. Raises ValueError for a taken name."""
    if policy is None:
        return {}
    names = policy.principals()
    if both := set(taken).intersection(names):
        raise ValueError(
            f"a principal cannot be called {both.pop()!r} here: one of the server's own users "
            "has that name. Choose another name."
        )
    return {name: permissions_of(policy, name) for name in names}


def _change(config: Path, **settings: Any) -> None:
    """Change settings in a configuration file. The others stay, for a running server's ports."""
    text = config.read_text(encoding="utf-8")
    config.write_text(json.dumps(json.loads(text) | settings), encoding="utf-8")


def _address(urls: list[str]) -> str:
    return urls[0].rpartition("/")[2]


def _end(watchdog: subprocess.Popen[bytes]) -> None:
    """Close the pipe: the watchdog ends the server, removes its folder, and ends."""
    assert watchdog.stdin is not None
    with contextlib.suppress(OSError):
        watchdog.stdin.close()
    try:
        watchdog.wait(10.0)
    except subprocess.TimeoutExpired:
        watchdog.kill()
        watchdog.wait()
