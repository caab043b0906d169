"""Root folders of Debian releases, and the commands that run a shell in one of them or on this machine."""

import os
import pathlib
import re
import shlex
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TRIES = 3


def say(text):
    print(f"\n== {text}", flush=True)


def mirror():
    """The mirror that this machine's apt uses."""
    sources = [pathlib.Path("/etc/apt/sources.list"), *sorted(pathlib.Path("/etc/apt/sources.list.d").glob("*"))]
    text = "\n".join(path.read_text() for path in sources if path.is_file())
    found = re.search(r"(?m)^(?:URIs: *|deb (?:\[[^]]*\] )?)(\S+/debian)/?(?=\s|$)", text)
    return found[1] if found else sys.exit("tests/peers/run: no Debian mirror is named in /etc/apt")


def install_mmdebstrap():
    if subprocess.run(["sh", "-c", "command -v mmdebstrap"], stdout=subprocess.DEVNULL).returncode:
        say("Installing mmdebstrap")
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "mmdebstrap"], check=True, stdout=subprocess.DEVNULL)


class Root:
    """A root folder with a Debian release. Its mounts and processes belong to the command in it, and end with it."""

    def __init__(self, suite, packages, roots):
        self.suite, self.packages, self.roots, self.folder = suite, packages, roots, roots / suite

    def made(self):
        """This, once the folder is made, if it is missing, incomplete or without a package. Raises LookupError after three tries, since mirrors have bad hours."""
        complete = self.folder / ".complete"
        if complete.exists() and complete.read_text() == self.packages:
            return self
        for number in range(TRIES):
            time.sleep(10 * number)
            say(f"Installing {self.suite} into {self.folder}")
            subprocess.run(["rm", "-rf", "--one-file-system", self.folder], check=True)
            options = ["--variant=apt", '--aptopt=Acquire::Check-Valid-Until "false"', f"--include={self.packages.replace(' ', ',')}"]
            command = ["mmdebstrap", *options, self.suite, self.folder, f"deb {mirror()} {self.suite} main"]
            made = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
            if made.returncode == 0:
                self.complete_laravel()
                complete.write_text(self.packages)
                return self
            print("\n".join(made.stdout.splitlines()[-30:]), flush=True)
        raise LookupError(f"{self.suite} cannot be installed from {mirror()} after {TRIES} tries")

    def complete_laravel(self):
        """Debian's Laravel 13 looks for its default configuration in a folder that the package does not have."""
        source, target = self.folder / "usr/share/php/Illuminate/config", self.folder / "usr/share/config"
        if source.is_dir() and not target.exists():
            subprocess.run(["cp", "-r", source, target], check=True)

    def command(self, line, environment, aliases, own_target=False):
        """The command that runs `line` by a shell inside the folder, in this tree; with `own_target` with an empty `target/`."""
        home = pathlib.Path(os.environ.get("HOME", "/root"))
        binds = [(ROOT, ROOT)] + [(home / name, home / name) for name in (".cargo", ".rustup") if (home / name).is_dir()]
        if target := os.environ.get("CARGO_TARGET_DIR"):
            binds.append((ROOT / target, ROOT / target))
        if own_target:
            own = self.roots / f"{self.suite}-target"
            own.mkdir(exist_ok=True)
            binds.append((own, ROOT / "target"))
        inside = lambda path: shlex.quote(f"{self.folder}{path}")
        steps = [f"mount --rbind /{name} {inside(f'/{name}')}" for name in ("dev", "sys")]
        steps += [f"mount -t proc proc {inside('/proc')}", f"cp /etc/resolv.conf {inside('/etc/resolv.conf')} || true"]
        steps += [f"mkdir -p {inside(to)} && mount --bind {shlex.quote(str(source))} {inside(to)}" for source, to in binds]
        # Certificates and settings with which this machine reaches the registries of packages.
        for path in ("/etc/ssl/certs/ca-certificates.crt", "/etc/pip.conf", f"{home}/.npmrc"):
            if os.path.isfile(path):
                steps.append(f"touch {inside(path)} && mount --bind {shlex.quote(path)} {inside(path)}")
        steps += [f"mount -t tmpfs -o mode=1777 tmpfs {inside('/tmp')}", f"mkdir {inside('/tmp/aliases')}"]
        find = lambda program: f"\"$(chroot {inside('')} sh -c 'command -v {program}')\""
        steps += [f"ln -s {find(program)} {inside(f'/tmp/aliases/{name}')}" for name, program in aliases.items()]
        variables = {"PATH": "/tmp/aliases:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(home), "LANG": "C.UTF-8", **environment}
        settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
        steps.append(f"exec chroot {inside('')} env -i {settings} sh -c {shlex.quote(f'cd {shlex.quote(str(ROOT))} && {line}')}")
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "sh", "-ec", "\n".join(steps)]


class Machine:
    """This machine: a peer of its own, since the tests were made on it."""

    def command(self, line, environment, aliases, own_target=False):
        settings = [f"{name}={value}" for name, value in environment.items()]
        return ["env", *settings, "sh", "-c", f"cd {shlex.quote(str(ROOT))} && {line}"]
