#!/usr/bin/env python3
"""kazoo against all servers of an ensemble at once.

What: what a client does through one server, the clients of all others see.
Why: `kazoo_suite.py` asks one server; only an ensemble can disagree with itself.
Usage: ensemble_suite.py HOST:PORT,HOST:PORT... [unittest options]

Each address must be another server of one ensemble, whose servers run with a tickTime of 2000 or
less and with all four-letter words enabled. Holds for Apache ZooKeeper 3.8.0 as well.
"""

import logging
import subprocess
import sys
import threading
import unittest
import uuid

from kazoo import exceptions as ex
from kazoo.client import KazooClient
from kazoo.protocol.states import EventType
from kazoo.recipe.lock import Lock
from kazoo.security import CREATOR_ALL_ACL

from kazoo_suite import LONG, drop_connection, eventually, in_thread

SERVERS = []

# What a client is that ends without a word: it makes a node of its session, and waits.
DOOMED = """
import sys, time
from kazoo.client import KazooClient
client = KazooClient(sys.argv[1], timeout=float(sys.argv[3]))
client.start(timeout=15)
client.create(sys.argv[2], b"", ephemeral=True)
print("made", flush=True)
time.sleep(600)
"""


class Case(unittest.TestCase):
    """A client at every server, and a fresh node for every test."""

    def setUp(self):
        self.clients = []
        self.at = [self.connect(server) for server in SERVERS]
        self.root = "/ensemble-" + uuid.uuid4().hex[:12]
        self.at[0].create(self.root)
        self.settle()

    def tearDown(self):
        for client in self.clients:
            try:
                client.stop()
                client.close()
            except ex.KazooException:
                pass
        last = KazooClient(SERVERS[0], timeout=8.0)
        last.start(timeout=LONG)
        last.add_auth("digest", "owner:pass")
        last.retry(last.delete, self.root, recursive=True)
        last.stop()
        last.close()

    def connect(self, hosts, **options):
        options.setdefault("timeout", 8.0)
        client = KazooClient(hosts, **options)
        self.clients.append(client)
        client.start(timeout=LONG)
        return client

    def settle(self):
        """After this every server knows everything that was written before."""
        for client in self.at:
            client.sync("/")

    def pairs(self):
        for writer, one in enumerate(self.at):
            for reader, other in enumerate(self.at):
                if writer != reader:
                    yield writer, one, reader, other


class Reading(Case):
    def test_what_is_written_through_one_is_read_through_all(self):
        for n, zk in enumerate(self.at):
            path = "%s/n%d" % (self.root, n)
            zk.create(path, b"first")
            stat = zk.set(path, b"second")
            self.assertEqual(zk.get(path), (b"second", stat))
            for other in self.at:
                other.sync(path)
                self.assertEqual(other.get(path), (b"second", stat))
                self.assertEqual(other.get_acls(path)[0], zk.get_acls(path)[0])
            zk.delete(path)
            for other in self.at:
                other.sync(path)
                self.assertIsNone(other.exists(path))

    def test_sync_shows_the_last_write_of_another_server(self):
        path = self.root + "/s"
        self.at[0].create(path, b"")
        for n in range(20):
            for writer, one, reader, other in self.pairs():
                value = b"%d %d %d" % (n, writer, reader)
                one.set(path, value)
                other.sync(path)
                self.assertEqual(other.get(path)[0], value)

    def test_a_read_sees_the_write_pipelined_before_it(self):
        for zk in self.at:
            path = zk.create(self.root + "/p-", b"", sequence=True)
            pairs = [(n, zk.set_async(path, b"%d" % n), zk.get_async(path)) for n in range(200)]
            for n, written, read in pairs:
                written.get(timeout=LONG)
                self.assertEqual(read.get(timeout=LONG)[0], b"%d" % n)

    def test_one_megabyte_through_every_server(self):
        big = bytes(range(256)) * 4090
        for n, zk in enumerate(self.at):
            path = "%s/big%d" % (self.root, n)
            zk.create(path, big)
            other = self.at[n - 1]
            other.sync(path)
            self.assertEqual(other.get(path)[0], big)
            zk.delete(path)

    def test_a_pipeline_at_every_server_at_once(self):
        path = self.root + "/all"
        self.at[0].create(path)
        each = 300

        def writes(n):
            asked = [self.at[n].create_async("%s/%d-%04d" % (path, n, k)) for k in range(each)]
            return [one.get(timeout=LONG) for one in asked]

        joins = [in_thread(lambda n=n: writes(n)) for n in range(len(self.at))]
        made = sorted(path for join in joins for path in join(60))
        self.assertEqual(len(made), each * len(self.at))
        self.settle()
        for zk in self.at:
            self.assertEqual(sorted(path + "/" + name for name in zk.get_children(path)), made)


class Refusing(Case):
    def test_every_server_refuses_for_the_same_reasons(self):
        for n, zk in enumerate(self.at):
            path = "%s/r%d" % (self.root, n)
            zk.create(path, b"")
            zk.create(path + "/kid")
            for refused, call in [
                    (ex.NodeExistsError, lambda: zk.create(path)),
                    (ex.NoNodeError, lambda: zk.create(path + "/none/x")),
                    (ex.NoNodeError, lambda: zk.set(path + "/none", b"")),
                    (ex.BadVersionError, lambda: zk.set(path, b"", version=7)),
                    (ex.NotEmptyError, lambda: zk.delete(path)),
                    (ex.NoNodeError, lambda: zk.get(path + "/none"))]:
                with self.assertRaises(refused):
                    call()

    def test_who_may_do_what_is_the_same_everywhere(self):
        for writer, _, reader, other in self.pairs():
            path = "%s/a%d-%d" % (self.root, writer, reader)
            owner = self.connect(SERVERS[writer], auth_data=[("digest", "owner:pass")])
            owner.create(path, b"mine", acl=CREATOR_ALL_ACL)
            other.sync(path)
            for refused in (lambda: other.get(path), lambda: other.set(path, b"")):
                with self.assertRaises(ex.NoAuthError):
                    refused()
            known = self.connect(SERVERS[reader], auth_data=[("digest", "owner:pass")])
            known.sync(path)
            self.assertEqual(known.get(path)[0], b"mine")
            known.set(path, b"ours")
            for client in (owner, known):
                client.stop()


class Together(Case):
    def test_a_transaction_is_seen_whole(self):
        for n, zk in enumerate(self.at):
            path = "%s/t%d" % (self.root, n)
            transaction = zk.transaction()
            transaction.create(path, b"1")
            transaction.create(path + "/s-", sequence=True)
            transaction.set_data(path, b"2", version=0)
            transaction.check(path, 1)
            results = transaction.commit()
            self.assertEqual(results[:2], [path, path + "/s-0000000000"])
            self.assertEqual(results[2].version, 1)
            failing = zk.transaction()
            failing.create(path + "/never")
            failing.check(path, 77)
            results = failing.commit()
            self.assertIsInstance(results[0], ex.RolledBackError)
            self.assertIsInstance(results[1], ex.BadVersionError)
            for other in self.at:
                other.sync(path)
                self.assertEqual(other.get(path)[0], b"2")
                self.assertEqual(other.get_children(path), ["s-0000000000"])

    def test_sequence_numbers_are_given_once(self):
        path = self.root + "/q"
        self.at[0].create(path)
        each = 50

        def take(zk):
            return [zk.create(path + "/n-", sequence=True) for _ in range(each)]

        joins = [in_thread(lambda zk=zk: take(zk)) for zk in self.at]
        given = [join(60) for join in joins]
        for mine in given:
            self.assertEqual(mine, sorted(mine))
        expected = ["%s/n-%010d" % (path, n) for n in range(each * len(self.at))]
        self.assertEqual(sorted(sum(given, [])), expected)

    def test_a_lock_excludes_the_clients_of_all_servers(self):
        path, holders, most = self.root + "/lock", [], []
        counter = self.root + "/counter"
        self.at[0].create(counter, b"0")
        guard = threading.Lock()

        def work(zk, name):
            for _ in range(5):
                with Lock(zk, path, name):
                    with guard:
                        holders.append(name)
                        most.append(len(holders))
                    zk.sync(counter)
                    zk.set(counter, b"%d" % (int(zk.get(counter)[0]) + 1))
                    with guard:
                        holders.remove(name)

        joins = [in_thread(lambda zk=zk, n=n: work(zk, "client %d" % n))
                 for n, zk in enumerate(self.at)]
        for join in joins:
            join(60)
        self.assertEqual(max(most), 1)
        self.settle()
        for zk in self.at:
            self.assertEqual(zk.get(counter)[0], b"%d" % (5 * len(self.at)))


class Watches(Case):
    def test_a_change_through_one_is_told_at_all_others(self):
        for writer, one, reader, other in self.pairs():
            path = "%s/w%d-%d" % (self.root, writer, reader)
            events = []
            other.exists(path, watch=events.append)
            other.get_children(self.root, watch=events.append)
            one.create(path, b"")
            eventually(lambda: len(events) == 2, "created, and a child")
            self.assertEqual({(event.type, event.path) for event in events},
                             {(EventType.CREATED, path), (EventType.CHILD, self.root)})
            self.assertEqual(other.get(path, watch=events.append)[0], b"")
            one.set(path, b"x")
            eventually(lambda: len(events) == 3, "changed")
            self.assertEqual(events[2].type, EventType.CHANGED)
            # Whoever is told of a change sees it.
            self.assertEqual(other.get(path, watch=events.append)[0], b"x")
            one.delete(path)
            eventually(lambda: len(events) == 4, "deleted")
            self.assertEqual(events[3].type, EventType.DELETED)

    def test_a_watch_moves_with_its_session(self):
        for n in range(len(SERVERS)):
            path = "%s/m%d" % (self.root, n)
            self.at[0].create(path, b"1")
            seen, mover = [], self.connect(SERVERS[n])
            mover.sync(path)
            mover.DataWatch(path)(lambda data, stat: seen.append(data))
            mover.set_hosts(SERVERS[n - 1])
            drop_connection(mover)
            self.at[0].set(path, b"2")
            eventually(lambda: seen[-1] == b"2", "the change is told at the new server")
            mover.stop()


class Sessions(Case):
    def test_an_ephemeral_is_seen_by_all_while_its_session_lives(self):
        for n, server in enumerate(SERVERS):
            path = "%s/e%d" % (self.root, n)
            client = self.connect(server)
            client.create(path, b"", ephemeral=True)
            for zk in self.at:
                zk.sync(path)
                self.assertEqual(zk.get(path)[1].ephemeralOwner, client.client_id[0])
            client.stop()
            for zk in self.at:
                zk.sync(path)
                self.assertIsNone(zk.exists(path))

    def test_an_ephemeral_is_gone_when_its_client_died(self):
        dead = []
        for n, server in enumerate(SERVERS):
            path = "%s/d%d" % (self.root, n)
            arguments = [sys.executable, "-c", DOOMED, server, path, "4"]
            child = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
            dead.append((path, child))
        for path, child in dead:
            try:
                self.assertEqual(child.stdout.readline(), "made\n")
                self.at[-1].sync(path)
                self.assertIsNotNone(self.at[-1].exists(path))
            finally:
                child.kill()
                child.wait()
                child.stdout.close()
        for path, _ in dead:
            for zk in self.at:
                eventually(lambda: zk.exists(path) is None, "%s expires" % path, 30)

    def test_an_idle_session_lives_at_every_server(self):
        # Each client only pings: through a follower the leader hears of it all the same.
        idle = [self.connect(server, timeout=2.0) for server in SERVERS]
        paths = [zk.create("%s/i-" % self.root, ephemeral=True, sequence=True) for zk in idle]
        threading.Event().wait(6.5)
        for path, zk in zip(paths, idle):
            self.assertIsNotNone(zk.exists(path))
            self.assertEqual(zk.get(path)[1].ephemeralOwner, zk.client_id[0])

    def test_a_session_goes_round_all_servers(self):
        mover = self.connect(SERVERS[0])
        who, path = mover.client_id, self.root + "/mine"
        mover.create(path, b"0", ephemeral=True)
        for n, server in list(enumerate(SERVERS))[1:] + [(0, SERVERS[0])]:
            mover.set_hosts(server)
            drop_connection(mover)
            self.assertEqual(mover.client_id, who)
            mover.set(path, b"%d" % n)
            self.assertEqual(mover.get(path)[0], b"%d" % n)
            self.assertEqual(mover.get(path)[1].ephemeralOwner, who[0])
        mover.stop()
        for zk in self.at:
            zk.sync(path)
            self.assertIsNone(zk.exists(path))

    def test_the_old_place_of_a_session_cannot_write(self):
        for writer, _, reader, _ in self.pairs():
            path = "%s/o%d-%d" % (self.root, writer, reader)
            old = self.connect(SERVERS[writer], connection_retry={"max_tries": 0},
                               command_retry={"max_tries": 0})
            old.create(path, b"old", ephemeral=True)
            new = self.connect(SERVERS[reader], client_id=old.client_id)
            self.assertEqual(new.client_id[0], old.client_id[0])
            new.set(path, b"new")
            with self.assertRaises((ex.SessionMovedError, ex.ConnectionLoss,
                                    ex.SessionExpiredError, ex.ConnectionClosedError)):
                old.set(path, b"too late")
            self.assertEqual(new.get(path)[0], b"new")
            new.stop()
            old.stop()


class Knowing(Case):
    def test_one_leads_and_the_others_follow(self):
        modes = []
        for zk in self.at:
            lines = zk.command(b"srvr").splitlines()
            modes += [line[6:] for line in lines if line.startswith("Mode: ")]
        self.assertEqual(len(modes), len(SERVERS))
        self.assertEqual(modes.count("leader"), 1)
        self.assertLessEqual(set(modes), {"leader", "follower", "observer"})

    def test_every_server_tells_the_members(self):
        for zk in self.at:
            data, stat = zk.get("/zookeeper/config")
            lines = data.decode().splitlines()
            self.assertEqual(len(lines), len(SERVERS) + 1)
            self.assertEqual(lines[-1], "version=0")
            for n, line in enumerate(lines[:-1], 1):
                self.assertRegex(line, r"^server\.%d=127\.0\.0\.1:\d+:\d+:"
                                       r"(participant|observer)" % n)
            self.assertEqual((stat.czxid, stat.mzxid, stat.version), (0, 0, -1))


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    SERVERS = sys.argv.pop(1).split(",")
    logging.getLogger("kazoo").setLevel(logging.CRITICAL)
    unittest.main()
