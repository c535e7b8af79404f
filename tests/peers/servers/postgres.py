"""PostgreSQL 15 from Debian's packages: a cluster of its own in a folder of its own."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from localcluster.driver.packages import ensure_packages
from localcluster.driver.settings import Settings, read_settings

from .process import Server, take_free_ports

HOME = Path("/usr/lib/postgresql/15/bin")
PACKAGES = {"postgresql-15": str(HOME / "postgres")}
USER = "postgres"
PASSWORD = "correct horse"


class Postgres(Server):
    """A server with one user, ``postgres``, who logs in with a password. It refuses to run as root."""

    name = "postgresql"

    def __init__(self, folder: Path, settings: Settings | None = None, host: str = "127.0.0.1") -> None:
        ensure_packages(settings or read_settings(), PACKAGES)
        super().__init__(folder, host)
        (self.port,) = take_free_ports(1, host)
        self._as_user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"] if os.geteuid() == 0 else []

    @property
    def data(self) -> Path:
        """Its data."""
        return self.folder / "data"

    def url(self, database: str = "postgres") -> str:
        """Where a database of it is, for the history."""
        return f"postgresql://{USER}:{PASSWORD.replace(' ', '%20')}@{self.host}:{self.port}/{database}"

    def build_command(self) -> Sequence[str | Path]:
        """The server; made ready first where there is no data yet."""
        if not self.data.exists():
            self._initialize()
        options = [f"listen_addresses={self.host}", f"port={self.port}", f"unix_socket_directories={self.folder}"]
        options += ["fsync=off", "full_page_writes=off", "max_connections=60", "shared_buffers=64MB"]
        return [
            *self._as_user,
            HOME / "postgres",
            "-D",
            self.data,
            *(word for item in options for word in ("-c", item)),
        ]

    def _initialize(self) -> None:
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        if self._as_user:
            for path in (self.folder, secret):
                shutil.chown(path, USER, USER)
        command = [*self._as_user, HOME / "initdb", "--no-sync", "--auth=scram-sha-256", f"--username={USER}"]
        command += ["--encoding=UTF8", "--locale=C", f"--pwfile={secret}", "-D", self.data]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder)
        secret.unlink()

    def is_ready(self) -> bool:
        """Whether it lets in."""
        command = [HOME / "pg_isready", "--quiet", f"--host={self.host}", f"--port={self.port}"]
        return subprocess.run(command, check=False).returncode == 0

    def execute(self, statement: str, database: str = "postgres") -> str:
        """Execute SQL as its owner; returns what psql prints, columns parted by |."""
        command = ["psql", "--no-psqlrc", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]
        command += [f"--host={self.host}", f"--port={self.port}", f"--username={USER}", f"--dbname={database}"]
        environment = {**os.environ, "PGPASSWORD": PASSWORD}
        done = subprocess.run([*command, "--command", statement], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()
