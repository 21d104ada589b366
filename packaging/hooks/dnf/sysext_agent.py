"""A plugin of dnf 4: a merged /usr cannot be written, so extensions are away during a transaction."""

import atexit
import functools
import operator
import os
import subprocess

import dnf
import rpm

PROGRAM = "/usr/bin/sysext-agent"
HIERARCHIES = ("/usr", "/opt")


class SysextAgent(dnf.Plugin):
    name = "sysext_agent"

    def __init__(self, base, cli):
        super().__init__(base, cli)
        self.base = base
        self.postponed = False

    def config(self):
        """Where rpm is asked whether there is room, /usr is still merged: rpm takes what is read-only for full."""
        conf = self.base.conf
        if conf.installroot == "/" and conf.diskspacecheck and is_merged():
            conf.diskspacecheck = False
            self.postponed = True

    def pre_transaction(self):
        if self.base.conf.installroot != "/":
            return
        if call("begin") != 0:
            raise dnf.exceptions.Error("the extensions of this system could not be unmerged")
        # dnf tells a plugin of a transaction that succeeded, and of no other.
        atexit.register(call, "end")
        if self.postponed:
            check_disk_space(self.base)

    def transaction(self):
        if self.base.conf.installroot == "/":
            call("end")


def is_merged():
    return any(os.path.exists(path + "/.systemd-sysext/dev") for path in HIERARCHIES)


def check_disk_space(base):
    """Lets rpm ask again as it begins, now that /usr can be written."""
    base.conf.diskspacecheck = True
    base._rpm_probfilter.discard(rpm.RPMPROB_FILTER_DISKSPACE)
    base._ts.setProbFilter(functools.reduce(operator.or_, base._rpm_probfilter, 0))


def call(step):
    """Runs the agent and returns its exit code; what it has to say goes to standard error."""
    if not os.access(PROGRAM, os.X_OK):
        return 0
    return subprocess.call(
        [PROGRAM, "package-manager", step, "dnf", "--process=%d" % os.getpid(), "--wait=60"],
        stdin=subprocess.DEVNULL,
    )
