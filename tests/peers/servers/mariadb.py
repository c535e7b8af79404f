"""MariaDB 10.11 from Debian's packages, the server alone: data in a folder of its own."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from localcluster.driver.packages import ensure_packages, find_program
from localcluster.driver.settings import Settings, read_settings

from .process import Server, take_free_ports

PACKAGES = {"mariadb-server-core": "mariadbd", "mariadb-client-core": "my_print_defaults"}
USER = "history"
PASSWORD = "correct horse"


class MariaDb(Server):
    """A server with one user, who may do everything."""

    name = "mariadb"

    def __init__(self, folder: Path, settings: Settings | None = None, host: str = "127.0.0.1") -> None:
        ensure_packages(settings or read_settings(), PACKAGES)
        super().__init__(folder, host)
        (self.port,) = take_free_ports(1, host)

    @property
    def data(self) -> Path:
        """Its data."""
        return self.folder / "data"

    def url(self, database: str) -> str:
        """Where a database of it is, for the history."""
        return f"mariadb://{USER}:{PASSWORD.replace(' ', '%20')}@{self.host}:{self.port}/{database}"

    def build_command(self) -> Sequence[str | Path]:
        """The server; made ready first where there is no data yet."""
        if not self.data.exists():
            install = ["mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={self.data}"]
            install += ["--auth-root-authentication-method=normal", "--skip-test-db"]
            subprocess.run(install, check=True, capture_output=True, cwd=self.folder)
        first = self.folder / "first.sql"
        first.write_text(
            f"CREATE USER IF NOT EXISTS '{USER}'@'{self.host}' IDENTIFIED BY '{PASSWORD}';\n"
            f"GRANT ALL ON *.* TO '{USER}'@'{self.host}';\n"
        )
        return [
            *(find_program("mariadbd") or "mariadbd", "--no-defaults", "--user=root", f"--datadir={self.data}"),
            *(f"--bind-address={self.host}", f"--port={self.port}", f"--socket={self.folder / 'socket'}"),
            *("--skip-name-resolve", "--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=64M"),
            f"--init-file={first}",
        ]

    def is_ready(self) -> bool:
        """Whether it lets in."""
        return self._run("SELECT 1").returncode == 0

    def execute(self, statement: str, database: str = "mysql") -> str:
        """Execute SQL; returns what the client prints, columns parted by tabs."""
        done = self._run(statement, database)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def _run(self, statement: str, database: str = "mysql") -> "subprocess.CompletedProcess[str]":
        command = ["mariadb", "--no-defaults", "--batch", "--skip-column-names", "--protocol=tcp"]
        command += [f"--host={self.host}", f"--port={self.port}", f"--user={USER}", database, "--execute", statement]
        environment = {**os.environ, "MYSQL_PWD": PASSWORD}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
