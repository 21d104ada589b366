"""A plugin of dnf 4: a merged /usr cannot be written, so extensions are away during a transaction."""

import atexit
import os
import subprocess

import dnf

PROGRAM = "/usr/bin/sysext-agent"


class SysextAgent(dnf.Plugin):
    name = "sysext_agent"

    def __init__(self, base, cli):
        super().__init__(base, cli)
        self.base = base

    def pre_transaction(self):
        if self.base.conf.installroot != "/" or not os.access(PROGRAM, os.X_OK):
            return
        if call("begin") != 0:
            raise dnf.exceptions.Error("the extensions of this system could not be unmerged")
        # dnf tells a plugin of a transaction that succeeded, and of no other.
        atexit.register(call, "end")

    def transaction(self):
        if self.base.conf.installroot == "/":
            call("end")


def call(step):
    """Runs the agent and returns its exit code; what it has to say goes to standard error."""
    if not os.access(PROGRAM, os.X_OK):
        return 0
    return subprocess.call(
        [PROGRAM, "package-manager", step, "dnf", "--process=%d" % os.getpid(), "--wait=60"],
        stdin=subprocess.DEVNULL,
    )
