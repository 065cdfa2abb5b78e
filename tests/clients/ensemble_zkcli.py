#!/usr/bin/env python3
"""ZooKeeper's own command line, zkCli.sh, against a server of an ensemble.

What: one long session through this server; the commands that a standalone server answers in
another way, or alone. The rest is in `zkcli_suite.py`.
Why: operators type the same at every server.
Usage: ensemble_zkcli.py HOST:PORT MEMBERS [unittest options]

MEMBERS is how many `server.N` lines the ensemble has. Holds for ZooKeeper 3.8.0 as well.
"""

import sys
import unittest

import zkcli_suite
from zkcli_suite import Case, events, numbers, quiet, run

MEMBERS = 3


class Member(Case):
    def test_a_session(self):
        self.play([
            ("create ~ one", ["Created ~"]),
            ("sync ~", ["Sync is OK"]),
            ("get -s ~", ["one"] + numbers(1, dataLength=3)),
            ("create -e ~/e x", ["Created ~/e"]),
            ("getEphemerals", ["[~/e]"]),
            ("getEphemerals ~/none", ["[]"]),
            ("create -s ~/q- x", ["Created ~/q-0000000001"]),
            ("create -c ~/c", ["Created ~/c"]),
            ("create -t 600000 ~/t ttl", ["Created ~/t"]),
            ("ls ~", ["[c, e, q-0000000001, t]"]),
            ("addWatch -m PERSISTENT_RECURSIVE ~/c", []),
            ("create ~/c/k", ["Created ~/c/k"]),
            ("set ~/c/k x", []),
            ("sync ~", ["Sync is OK"]),
            ("delete ~/c/k", []),
            ("addWatch -m PERSISTENT ~", []),
            ("set -v 0 ~ two", []),
            ("set -v 0 ~ three", ["version No is not valid : ~"]),
            ("create ~/none/x", ["Node does not exist: ~/none/x"]),
            ("setquota -n 20 ~", []),
            ("listquota ~", [
                "absolute path is /zookeeper/quota~/zookeeper_limits",
                "Output quota for ~ count=20,bytes=-1=;byteHardLimit=-1;countHardLimit=-1",
                "Output stat for ~ count=5,bytes=8"]),
            ("delquota ~", []),
            ("setAcl ~/t world:anyone:cdra", []),
            ("getAcl ~/t", ["'world,'anyone", ": cdra"]),
            ("delete ~/e", []),
            ("getEphemerals", ["[]"]),
        ])
        self.assertEqual(self.events, [
            "NodeCreated ~/c/k", "NodeDataChanged ~/c/k", "NodeDeleted ~/c/k",
            "NodeDataChanged ~", "NodeChildrenChanged ~"])

    def test_the_members(self):
        code, lines = run(["config"])
        self.assertEqual(code, 0)
        members = quiet(lines)
        self.assertEqual(len(members), MEMBERS + 1)
        self.assertEqual(members[-1], "version=0")
        for n, line in enumerate(members[:-1], 1):
            self.assertRegex(line, r"^server\.%d=127\.0\.0\.1:\d+:\d+:" % n)
        self.assertEqual(events(lines), [])


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    zkcli_suite.HOST, MEMBERS = sys.argv.pop(1), int(sys.argv.pop(1))
    unittest.main()
