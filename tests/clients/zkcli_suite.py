#!/usr/bin/env python3
"""ZooKeeper's own command line, zkCli.sh, against a running server.

What: every command but reconfig, typed into a pipe and given on the command line.
Why: this is the shell that operators have in their fingers.
Usage: zkcli_suite.py HOST:PORT [unittest options]
       zkcli_suite.py --installed      whether there is a zkCli.sh

zkCli.sh is looked for in $ZKCLI, on the PATH and in /usr/share/zookeeper/bin. The server must run
with extendedTypesEnabled=true, so that TTL nodes can be made. Holds for ZooKeeper 3.8.0 as well.

In a session every command is followed by a `get` of a node that does not exist: the complaint
about it tells where the output of the command ends. Watch events come from another thread and are
collected apart.
"""

import os
import re
import shutil
import subprocess
import sys
import unittest
import uuid

HOST = "localhost:2181"
NOISE = re.compile(r"^(SLF4J:.*|Connecting to .*|Welcome to ZooKeeper!|JLine support is .*|"
                   r"WATCHER::|WatchedEvent .*|)$")
USAGE = "ZooKeeper -server host:port -client-configuration properties-file cmd args"
STAT = ("cZxid", "ctime", "mZxid", "mtime", "pZxid", "cversion", "dataVersion", "aclVersion",
        "ephemeralOwner", "dataLength", "numChildren")


def zkcli():
    """Where zkCli.sh is, or None."""
    usual = "/usr/share/zookeeper/bin/zkCli.sh"
    found = os.environ.get("ZKCLI") or shutil.which("zkCli.sh")
    return found or (usual if os.path.exists(usual) else None)


def run(arguments, text=""):
    """Exit code and output lines of one run of zkCli.sh; stdout and stderr as they come."""
    done = subprocess.run([zkcli(), "-server", HOST] + arguments, input=text, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout.splitlines()


def quiet(lines):
    """The lines without greetings, watch events and the list of commands."""
    return [line for line in lines if not NOISE.match(line) and not line.startswith("\t")]


def events(lines):
    """`Type path` of every watch event, in order."""
    found = []
    for line in lines:
        match = re.match(r"WatchedEvent state:SyncConnected type:(\w+) path:(/.*)$", line)
        if match:
            found.append("%s %s" % match.groups())
    return found


def numbers(stat, **changed):
    """The eleven lines of a Stat, masked; named counters have the given values."""
    values = {"cversion": 0, "dataVersion": 0, "aclVersion": 0, "ephemeralOwner": "0x0",
              "dataLength": 0, "numChildren": 0}
    values.update(changed)
    return ["%s = %s" % (name, values.get(name, "*")) for name in STAT] if stat else []


def masked(lines):
    """zxids and dates as stars; a session id as `session`."""
    out = []
    for line in lines:
        line = re.sub(r"^([cmp]Zxid) = 0x[0-9a-f]+$", r"\1 = *", line)
        line = re.sub(r"^([cm]time) = \w{3} \w{3} \d\d \d\d:\d\d:\d\d \S+ \d{4}$", r"\1 = *", line)
        line = re.sub(r"^ephemeralOwner = 0x[0-9a-f]{2,}$", "ephemeralOwner = session", line)
        out.append(line)
    return out


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.root = "/cli-" + uuid.uuid4().hex[:8]
        self.events = []

    def tearDown(self):
        run([], "addauth digest bob:pw\ndeleteall %s\n" % self.root)

    def play(self, story):
        """Types the commands of a story and compares what each of them prints.

        A story is a list of (command, lines); `~` stands for this test's own node.
        """
        typed = []
        for n, (command, _) in enumerate(story):
            typed += [command.replace("~", self.root), "get /no-such-node-%d" % n]
        _, lines = run([], "\n".join(typed) + "\nquit\n")
        self.events = [event.replace(self.root, "~") for event in events(lines)]
        lines, got = quiet(lines), []
        for n, _ in enumerate(story):
            end = lines.index("Node does not exist: /no-such-node-%d" % n)
            got.append([line.replace(self.root, "~") for line in masked(lines[:end])])
            lines = lines[end + 1:]
        for (command, expected), printed in zip(story, got):
            if command == "whoami":
                # The identities come in no defined order.
                printed = printed[:1] + sorted(printed[1:])
            self.assertEqual(printed, expected, "after `%s`" % command)


class Nodes(Case):
    def test_create_and_read(self):
        self.play([
            ("create ~", ["Created ~"]),
            ("create ~/a data", ["Created ~/a"]),
            ("get ~/a", ["data"]),
            ("get -s ~/a", ["data"] + numbers(1, dataLength=4)),
            ("stat ~/a", numbers(1, dataLength=4)),
            ("get ~", ["null"]),
            ("ls ~", ["[a]"]),
            ("ls -s ~", ["[a]"] + numbers(1, cversion=1, numChildren=1)),
            ("create ~/a/b", ["Created ~/a/b"]),
            ("ls -R ~", ["~", "~/a", "~/a/b"]),
            ("getAllChildrenNumber ~", ["2"]),
            ("create ~/quoted 'two words'", ["Created ~/quoted"]),
            ("get ~/quoted", ["two words"]),
            ("create ~/a again", ["Node already exists: ~/a"]),
            ("create ~/none/x", ["Node does not exist: ~/none/x"]),
            ("get ~/none", ["Node does not exist: ~/none"]),
            ("ls ~/none", ["Node does not exist: ~/none"]),
            ("stat ~/none", ["Node does not exist: ~/none"]),
        ])

    def test_kinds_of_nodes(self):
        self.play([
            ("create ~", ["Created ~"]),
            ("create -s ~/q-", ["Created ~/q-0000000000"]),
            ("create -s ~/q- x", ["Created ~/q-0000000001"]),
            ("create -e ~/e x", ["Created ~/e"]),
            ("stat ~/e", numbers(1, ephemeralOwner="session", dataLength=1)),
            ("create ~/e/kid", ["Ephemerals cannot have children: ~/e/kid"]),
            ("create -e -s ~/es- x", ["Created ~/es-0000000003"]),
            ("create -c ~/c", ["Created ~/c"]),
            ("create -t 600000 ~/t ttl", ["Created ~/t"]),
            ("get ~/t", ["ttl"]),
            ("create -s -t 600000 ~/t- ttl", ["Created ~/t-0000000006"]),
            ("create -c -s ~/c-", ["-c cannot be combined with -s or -e. "
                                   "Containers cannot be ephemeral or sequential."]),
            ("getAllChildrenNumber ~", ["7"]),
        ])
        self.play([("ls ~", ["[c, q-0000000000, q-0000000001, t, t-0000000006]"])])

    def test_ephemerals_of_the_session(self):
        self.play([
            ("create ~", ["Created ~"]),
            ("getEphemerals", ["[]"]),
            ("create -e ~/e", ["Created ~/e"]),
            ("getEphemerals", ["[~/e]"]),
            ("getEphemerals ~", ["[~/e]"]),
            ("getEphemerals ~/x", ["[]"]),
        ])

    def test_set_and_versions(self):
        self.play([
            ("create ~ one", ["Created ~"]),
            ("set ~ two", []),
            ("get ~", ["two"]),
            ("set -s ~ three", numbers(1, dataVersion=2, dataLength=5)),
            ("set -v 2 ~ four", []),
            ("set -v 2 ~ five", ["version No is not valid : ~"]),
            ("set ~/none x", ["Node does not exist: ~/none"]),
            ("sync ~", ["Sync is OK"]),
        ])

    def test_delete(self):
        self.play([
            ("create ~", ["Created ~"]),
            ("create ~/a", ["Created ~/a"]),
            ("create ~/a/b", ["Created ~/a/b"]),
            ("delete ~/a", ["Node not empty: ~/a"]),
            ("delete -v 7 ~/a/b", ["version No is not valid : ~/a/b"]),
            ("delete -v 0 ~/a/b", []),
            ("delete ~/a/b", ["Node does not exist: ~/a/b"]),
            ("create ~/a/c", ["Created ~/a/c"]),
            ("deleteall ~/a", []),
            ("ls ~", ["[]"]),
            ("create ~/d", ["Created ~/d"]),
            ("deleteall ~ -b 10", []),
            ("deleteall ~", ["Node does not exist: ~"]),
        ])


class Acls(Case):
    def test_acls(self):
        bob = ["'digest,'bob:ikIaKsbtGweaHnb/jKn7OHqbunM=", ": cdrwa"]
        world = ["'world,'anyone", ": cdrwa"]
        self.play([
            ("create ~", ["Created ~"]),
            ("create ~/a x", ["Created ~/a"]),
            ("getAcl ~/a", world),
            ("getAcl -s ~/a", world + numbers(1, dataLength=1)),
            ("whoami", ["Auth scheme: User", "ip: 127.0.0.1"]),
            ("setAcl ~/a auth::cdrwa", ["Acl is not valid : ~/a"]),
            ("addauth digest bob:pw", []),
            ("whoami", ["Auth scheme: User", "digest: bob", "ip: 127.0.0.1"]),
            ("setAcl ~/a auth::cdrwa", []),
            ("getAcl ~/a", bob),
            ("setAcl -s ~/a ip:10.0.0.0/8:r,auth::cdrwa",
             numbers(1, aclVersion=2, dataLength=1)),
            ("getAcl ~/a", ["'ip,'10.0.0.0/8", ": r"] + bob),
            ("setAcl -v 9 ~/a world:anyone:r", ["version No is not valid : ~/a"]),
            ("setAcl -R ~ auth::cdrwa", []),
            ("getAcl ~", bob),
            ("create ~/b x world:anyone:r", ["Created ~/b"]),
            ("getAcl ~/b", ["'world,'anyone", ": r"]),
            ("set ~/b y", ["Insufficient permission : ~/b"]),
            ("getAcl ~/none", ["Node does not exist: ~/none"]),
        ])
        self.play([
            ("get ~/a", ["Insufficient permission : ~/a"]),
            ("ls ~", ["Insufficient permission : ~"]),
            ("getAcl ~/a", ["Insufficient permission : ~/a"]),
            ("addauth digest bob:pw", []),
            ("get ~/a", ["x"]),
        ])


class Watches(Case):
    def test_one_shot_watches(self):
        self.play([
            ("create ~ x", ["Created ~"]),
            ("get -w ~", ["x"]),
            ("set ~ y", []),
            ("set ~ z", []),
            ("ls -w ~", ["[]"]),
            ("create ~/k", ["Created ~/k"]),
            ("stat -w ~", numbers(1, cversion=1, dataVersion=2, dataLength=1, numChildren=1)),
            ("removewatches ~", []),
            ("removewatches ~", ["KeeperErrorCode = No such watcher for ~"]),
            ("set ~ w", []),
        ])
        self.assertEqual(self.events, ["NodeDataChanged ~", "NodeChildrenChanged ~",
                                       "DataWatchRemoved ~"])

    def test_persistent_watches(self):
        self.play([
            ("create ~", ["Created ~"]),
            ("addWatch -m PERSISTENT ~", []),
            ("set ~ 1", []),
            ("set ~ 2", []),
            ("create ~/k", ["Created ~/k"]),
            ("create ~/k/k", ["Created ~/k/k"]),
            ("removewatches ~", []),
            ("addWatch -m PERSISTENT_RECURSIVE ~/k", []),
            ("create ~/k/k2", ["Created ~/k/k2"]),
            ("set ~/k/k x", []),
            ("delete ~/k/k", []),
            ("addWatch -m NONE ~", ["addWatch [-m mode] path # optional mode is one of "
                                    "[PERSISTENT, PERSISTENT_RECURSIVE] - "
                                    "default is PERSISTENT_RECURSIVE"]),
        ])
        self.assertEqual(self.events, [
            "NodeDataChanged ~", "NodeDataChanged ~", "NodeChildrenChanged ~",
            "PersistentWatchRemoved ~", "NodeCreated ~/k/k2", "NodeDataChanged ~/k/k",
            "NodeDeleted ~/k/k"])

    def test_printwatches(self):
        self.play([
            ("create ~", ["Created ~"]),
            ("printwatches", ["printwatches is on"]),
            ("printwatches off", []),
            ("printwatches", ["printwatches is off"]),
            ("get -w ~", ["null"]),
            ("set ~ 1", []),
        ])
        self.assertEqual(self.events, [])


class Quotas(Case):
    def test_quota(self):
        limits = "absolute path is /zookeeper/quota~/zookeeper_limits"
        self.play([
            ("create ~", ["Created ~"]),
            ("create ~/a hello", ["Created ~/a"]),
            ("setquota -n 3 ~", []),
            ("listquota ~", [
                limits,
                "Output quota for ~ count=3,bytes=-1=;byteHardLimit=-1;countHardLimit=-1",
                "Output stat for ~ count=2,bytes=5"]),
            ("create ~/b x", ["Created ~/b"]),
            ("setquota -b 100 ~", []),
            ("setquota -N 5 ~", []),
            ("setquota -B 200 ~", []),
            ("setquota -n 1 ~", [
                "[Warning]: the count quota you create is less than the existing count:3"]),
            ("setquota -n 4 ~", []),
            ("listquota ~", [
                limits,
                "Output quota for ~ count=4,bytes=100=;byteHardLimit=200;countHardLimit=5",
                "Output stat for ~ count=3,bytes=6"]),
            ("delquota -n ~", []),
            ("listquota ~", [
                limits,
                "Output quota for ~ count=-1,bytes=100=;byteHardLimit=200;countHardLimit=5",
                "Output stat for ~ count=3,bytes=6"]),
            ("delquota ~", []),
            ("listquota ~", [limits, "quota for ~ does not exist."]),
        ])


class Session(Case):
    def test_version_config_and_history(self):
        self.play([
            ("config", []),
            ("config -s", numbers(1, aclVersion=-1)),
            ("history", ["0 - config", "1 - get /no-such-node-0", "2 - config -s",
                         "3 - get /no-such-node-1", "4 - history"]),
            ("create ~", ["Created ~"]),
            ("redo 6", ["Node already exists: ~"]),
        ])

    def test_close_and_connect(self):
        _, lines = run([], "close\nls /\nconnect %s\nstat /no-such-node\nquit\n" % HOST)
        self.assertEqual(quiet(lines), ["Not connected", "Node does not exist: /no-such-node"])

    def test_wrong_input(self):
        _, lines = run([], "bogus\nget -x /\ncreate\nquit\n")
        self.assertEqual(quiet(lines), [
            USAGE, "Command not found: Command not found bogus",
            "org.apache.commons.cli.UnrecognizedOptionException: Unrecognized option: -x",
            "create [-s] [-e] [-c] [-t ttl] path [data] [acl]"])


class OneCommand(Case):
    def test_exit_codes(self):
        for arguments, code, expected in [
                (["create", self.root, "data"], 0, ["Created " + self.root]),
                (["get", self.root], 0, ["data"]),
                (["ls", self.root], 0, ["[]"]),
                (["get", "/no-such-node"], 1, ["Node does not exist: /no-such-node"]),
                (["deleteall", self.root], 0, []),
                (["bogus"], 127, [USAGE, "Command not found: Command not found bogus"])]:
            got, lines = run(arguments)
            self.assertEqual((got, quiet(lines)), (code, expected), arguments)

    def test_version(self):
        code, lines = run(["version"])
        self.assertEqual(code, 0)
        self.assertRegex(quiet(lines)[0], r"^ZooKeeper CLI version: \d+\.\d+\.\d+")


if __name__ == "__main__":
    if sys.argv[1:] == ["--installed"]:
        sys.exit(0 if zkcli() else 1)
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    HOST = sys.argv.pop(1)
    unittest.main()
