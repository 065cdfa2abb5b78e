#!/usr/bin/env python3
"""kazoo's public API against a running server.

What: one test per promise that kazoo makes to its users, everything but reconfig.
Why: kazoo is a client that somebody else wrote; what it shows, users of Python will see.
Usage: kazoo_suite.py HOST:PORT[,HOST:PORT...] [unittest options]

The server must run with tickTime 2000 or less and with all four-letter words enabled.
Holds for Apache ZooKeeper 3.8.0 as well.
"""

import datetime
import logging
import os
import socket
import struct
import sys
import threading
import time
import unittest
import uuid

from kazoo import exceptions as ex
from kazoo.client import KazooClient, KazooState
from kazoo.protocol.states import EventType
from kazoo.recipe.cache import TreeCache, TreeEvent
from kazoo.recipe.partitioner import SetPartitioner
from kazoo.recipe.watchers import PatientChildrenWatch
from kazoo.retry import KazooRetry
from kazoo.security import (CREATOR_ALL_ACL, OPEN_ACL_UNSAFE, READ_ACL_UNSAFE, make_acl,
                            make_digest_acl, make_digest_acl_credential)

HOSTS = "localhost:2181"
LONG = 15.0


def eventually(condition, what, seconds=LONG):
    """Waits until the condition holds; fails with what was expected."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("not within %s s: %s" % (seconds, what))


def in_thread(work):
    """Runs work on a thread; the returned join() gives its result or raises its error."""
    box = {}

    def body():
        try:
            box["value"] = work()
        except BaseException as error:  # handed to the caller of join
            box["error"] = error

    thread = threading.Thread(target=body, daemon=True)
    thread.start()

    def join(seconds=LONG):
        thread.join(seconds)
        if thread.is_alive():
            raise AssertionError("a thread did not finish within %s s" % seconds)
        if "error" in box:
            raise box["error"]
        return box.get("value")

    return join


class Case(unittest.TestCase):
    """A client in a fresh place of its own for every test."""

    def setUp(self):
        self.root = "/kazoo-" + uuid.uuid4().hex[:12]
        self.clients = []
        self.plain = self.connect(chroot=False)
        self.plain.create(self.root)
        self.zk = self.connect()

    def tearDown(self):
        for client in self.clients:
            try:
                client.stop()
                client.close()
            except ex.KazooException:
                pass
        last = KazooClient(HOSTS)
        last.start()
        last.add_auth("digest", "owner:pass")
        last.retry(last.delete, self.root, recursive=True)
        last.stop()
        last.close()

    def make(self, chroot=True, **options):
        options.setdefault("timeout", 8.0)
        client = KazooClient(HOSTS + (self.root if chroot else ""), **options)
        self.clients.append(client)
        return client

    def connect(self, chroot=True, **options):
        client = self.make(chroot, **options)
        client.start(timeout=LONG)
        return client


class Nodes(Case):
    def test_a_node_lives_from_create_to_delete(self):
        zk = self.zk
        self.assertEqual(zk.create("/a", b"one"), "/a")
        data, stat = zk.get("/a")
        self.assertEqual(data, b"one")
        self.assertEqual((stat.version, stat.data_length, stat.children_count), (0, 3, 0))
        self.assertEqual(stat.ephemeralOwner, 0)
        self.assertEqual(stat.czxid, stat.mzxid)
        self.assertLess(abs(stat.created - time.time()), 60)
        stat = zk.set("/a", b"second")
        self.assertEqual((stat.version, stat.data_length), (1, 6))
        self.assertGreater(stat.mzxid, stat.czxid)
        self.assertEqual(zk.set("/a", b"x", version=1).version, 2)
        with self.assertRaises(ex.BadVersionError):
            zk.set("/a", b"y", version=1)
        with self.assertRaises(ex.BadVersionError):
            zk.delete("/a", version=1)
        self.assertTrue(zk.delete("/a", version=2))
        self.assertIsNone(zk.exists("/a"))
        with self.assertRaises(ex.NoNodeError):
            zk.get("/a")
        with self.assertRaises(ex.NoNodeError):
            zk.delete("/a")
        with self.assertRaises(ex.NoNodeError):
            zk.set("/a", b"")

    def test_create_tells_why_it_refuses(self):
        zk = self.zk
        zk.create("/a")
        with self.assertRaises(ex.NodeExistsError):
            zk.create("/a")
        with self.assertRaises(ex.NoNodeError):
            zk.create("/none/b")
        zk.create("/e", ephemeral=True)
        with self.assertRaises(ex.NoChildrenForEphemeralsError):
            zk.create("/e/kid")
        with self.assertRaises(ex.InvalidACLError):
            zk.create("/b", acl=[make_acl("nosuch", "x", all=True)])
        zk.create("/a/k")
        with self.assertRaises(ex.NotEmptyError):
            zk.delete("/a")

    def test_create_modes(self):
        zk = self.zk
        self.assertEqual(zk.create("/deep/er/path", b"d", makepath=True), "/deep/er/path")
        self.assertEqual(zk.get("/deep/er")[0], b"")
        zk.create("/q")
        names = [zk.create("/q/n-", sequence=True) for _ in range(3)]
        self.assertEqual(names, ["/q/n-%010d" % n for n in range(3)])
        self.assertEqual(zk.create("/q/", sequence=True), "/q/0000000003")
        path = zk.create("/q/e-", b"e", ephemeral=True, sequence=True)
        self.assertEqual(path, "/q/e-0000000004")
        self.assertEqual(zk.get(path)[1].ephemeralOwner, zk.client_id[0])
        path, stat = zk.create("/with-stat", b"12345", include_data=True)
        self.assertEqual((path, stat.data_length, stat.version), ("/with-stat", 5, 0))
        path, stat = zk.create("/mp/with-stat", b"1", makepath=True, include_data=True)
        self.assertEqual((path, stat.data_length), ("/mp/with-stat", 1))

    def test_children_with_and_without_the_stat(self):
        zk = self.zk
        for name in ("b", "a", "ü", "日本"):
            zk.create("/p/" + name, makepath=True)
        self.assertEqual(sorted(zk.get_children("/p")), ["a", "b", "ü", "日本"])
        children, stat = zk.get_children("/p", include_data=True)
        self.assertEqual(len(children), 4)
        self.assertEqual((stat.children_count, stat.children_version), (4, 4))
        zk.delete("/p/a")
        self.assertEqual(zk.exists("/p").children_version, 5)
        with self.assertRaises(ex.NoNodeError):
            zk.get_children("/none")

    def test_ensure_path_and_recursive_delete(self):
        zk = self.zk
        self.assertTrue(zk.ensure_path("/x/y/z"))
        self.assertTrue(zk.ensure_path("/x/y/z"))
        self.assertTrue(zk.ensure_path_async("/x/v/w").get(timeout=LONG))
        self.assertIsNotNone(zk.exists("/x/v/w"))
        zk.delete("/x", recursive=True)
        self.assertIsNone(zk.exists("/x"))

    def test_empty_and_odd_data(self):
        zk = self.zk
        zk.create("/empty", b"")
        self.assertEqual(zk.get("/empty")[0], b"")
        every = bytes(range(256))
        zk.create("/every", every)
        self.assertEqual(zk.get("/every")[0], every)
        with self.assertRaises(TypeError):
            zk.create("/text", "not bytes")

    def test_data_up_to_the_limit(self):
        # The frame may have 1048575 bytes; 200 of them are enough for the rest of the request.
        zk = self.zk
        big = os.urandom(1048575 - 200)
        zk.create("/big", big)
        self.assertEqual(zk.get("/big")[0], big)
        zk.set("/big", big[::-1])
        self.assertEqual(zk.get("/big")[0], big[::-1])
        zk.delete("/big")

    def test_data_above_the_limit_costs_the_connection_only(self):
        zk = self.connect(command_retry={"max_tries": 1}, connection_retry={"max_tries": -1})
        with self.assertRaises((ex.ConnectionLoss, ex.SessionExpiredError)):
            zk.create("/too-big", b"x" * 1100000)
        eventually(lambda: zk.connected, "connected again")
        self.assertIsNone(zk.retry(zk.exists, "/too-big"))

    def test_many_children(self):
        zk = self.zk
        zk.create("/many")
        asked = [zk.create_async("/many/%05d" % n) for n in range(2000)]
        for one in asked:
            one.get(timeout=LONG)
        self.assertEqual(sorted(zk.get_children("/many")), ["%05d" % n for n in range(2000)])

    def test_sync_gives_the_path(self):
        self.zk.create("/s")
        self.assertEqual(self.zk.sync("/s"), "/s")
        self.assertEqual(self.zk.sync_async("/s").get(timeout=LONG), "/s")


class Async(Case):
    def test_every_async_call(self):
        zk = self.zk
        self.assertEqual(zk.create_async("/a", b"1").get(timeout=LONG), "/a")
        self.assertEqual(zk.get_async("/a").get(timeout=LONG)[0], b"1")
        self.assertEqual(zk.set_async("/a", b"2").get(timeout=LONG).version, 1)
        self.assertEqual(zk.exists_async("/a").get(timeout=LONG).version, 1)
        self.assertIsNone(zk.exists_async("/none").get(timeout=LONG))
        self.assertEqual(zk.get_children_async("/").get(timeout=LONG), ["a"])
        self.assertEqual(zk.get_acls_async("/a").get(timeout=LONG)[0], OPEN_ACL_UNSAFE)
        stat = zk.set_acls_async("/a", READ_ACL_UNSAFE).get(timeout=LONG)
        self.assertEqual(stat.acl_version, 1)
        self.assertTrue(zk.add_auth_async("digest", "u:p").get(timeout=LONG))
        self.assertTrue(zk.delete_async("/a").get(timeout=LONG))
        with self.assertRaises(ex.NoNodeError):
            zk.get_async("/a").get(timeout=LONG)

    def test_callbacks_come_in_the_order_of_the_requests(self):
        zk, seen, done = self.zk, [], threading.Event()
        zk.create("/n", b"")

        def callback(n):
            def called(result):
                seen.append((n, result.successful()))
                if n == 299:
                    done.set()
            return called

        for n in range(300):
            call = zk.set_async("/n", b"%d" % n) if n % 3 else zk.get_async("/none")
            call.rawlink(callback(n))
        self.assertTrue(done.wait(LONG))
        self.assertEqual(seen, [(n, n % 3 != 0) for n in range(300)])

    def test_a_read_sees_the_write_pipelined_before_it(self):
        zk = self.zk
        zk.create("/n", b"")
        pairs = [(n, zk.set_async("/n", b"%d" % n), zk.get_async("/n")) for n in range(200)]
        for n, written, read in pairs:
            written.get(timeout=LONG)
            self.assertEqual(read.get(timeout=LONG)[0], b"%d" % n)


class Watches(Case):
    def test_one_shot_watches_fire_once(self):
        zk, events = self.zk, []
        zk.exists("/w", watch=events.append)
        zk.create("/w", b"1")
        eventually(lambda: len(events) == 1, "created")
        self.assertEqual((events[0].type, events[0].path), (EventType.CREATED, "/w"))
        zk.get("/w", watch=events.append)
        zk.set("/w", b"2")
        zk.set("/w", b"3")
        eventually(lambda: len(events) == 2, "changed")
        self.assertEqual(events[1].type, EventType.CHANGED)
        zk.get_children("/w", watch=events.append)
        zk.create("/w/k")
        zk.delete("/w/k")
        eventually(lambda: len(events) == 3, "child")
        self.assertEqual(events[2].type, EventType.CHILD)
        zk.exists("/w", watch=events.append)
        zk.delete("/w")
        eventually(lambda: len(events) == 4, "deleted")
        self.assertEqual(events[3].type, EventType.DELETED)
        zk.sync("/")
        time.sleep(0.05)
        self.assertEqual(len(events), 4)

    def test_another_client_is_told(self):
        other, events = self.connect(), []
        self.zk.create("/w", b"")
        other.get("/w", watch=events.append)
        other.get_children("/w", watch=events.append)
        self.zk.delete("/w")
        eventually(lambda: len(events) == 2, "both watches")
        self.assertEqual({event.type for event in events}, {EventType.DELETED})

    def test_data_watch_follows_a_node(self):
        zk, seen = self.zk, []

        @zk.DataWatch("/d")
        def changed(data, stat, event):
            seen.append(data)

        self.assertEqual(seen, [None])
        zk.create("/d", b"1")
        eventually(lambda: seen[-1] == b"1", "created")
        zk.set("/d", b"2")
        eventually(lambda: seen[-1] == b"2", "changed")
        zk.delete("/d")
        eventually(lambda: seen[-1] is None, "deleted")
        zk.create("/d", b"3")
        eventually(lambda: seen[-1] == b"3", "created again")

    def test_data_watch_stops_when_told(self):
        zk, seen = self.zk, []
        zk.create("/d", b"0")

        @zk.DataWatch("/d")
        def changed(data, stat):
            seen.append(data)
            return data != b"1"

        zk.set("/d", b"1")
        eventually(lambda: seen == [b"0", b"1"], "two values")
        zk.set("/d", b"2")
        zk.sync("/d")
        time.sleep(0.05)
        self.assertEqual(seen, [b"0", b"1"])

    def test_children_watch_follows_the_children(self):
        zk, seen = self.zk, []
        zk.create("/c")

        @zk.ChildrenWatch("/c", send_event=True)
        def changed(children, event):
            seen.append(sorted(children))

        zk.create("/c/a")
        eventually(lambda: seen[-1] == ["a"], "a")
        zk.create("/c/b")
        eventually(lambda: seen[-1] == ["a", "b"], "a and b")
        zk.delete("/c/a")
        eventually(lambda: seen[-1] == ["b"], "b")

    def test_patient_children_watch_waits_for_quiet(self):
        zk = self.zk
        zk.create("/c")
        result = PatientChildrenWatch(zk, "/c", time_boundary=0.5).start()
        zk.create("/c/a")
        zk.create("/c/b")
        children, changed = result.get(timeout=LONG)
        self.assertEqual(sorted(children), ["a", "b"])
        self.assertFalse(changed.ready())
        zk.create("/c/c")
        changed.get(timeout=LONG)

    def test_watches_of_a_recipe_survive_a_reconnect(self):
        zk, seen = self.zk, []
        zk.create("/d", b"1")

        @zk.DataWatch("/d")
        def changed(data, stat):
            seen.append(data)

        drop_connection(zk)
        self.plain.set(self.root + "/d", b"2")
        eventually(lambda: seen[-1] == b"2", "the change that came while away")

    def test_tree_cache_mirrors_a_subtree(self):
        zk, events = self.zk, []
        zk.create("/t/a/b", b"ab", makepath=True)
        cache = TreeCache(zk, "/t")
        cache.listen(lambda event: events.append(event.event_type))
        cache.start()
        try:
            eventually(lambda: TreeEvent.INITIALIZED in events, "initialized")
            self.assertEqual(cache.get_data("/t/a/b").data, b"ab")
            self.assertEqual(cache.get_children("/t"), {"a"})
            zk.set("/t/a/b", b"new")
            eventually(lambda: cache.get_data("/t/a/b").data == b"new", "new data")
            zk.create("/t/c", b"c")
            eventually(lambda: cache.get_children("/t") == {"a", "c"}, "a new child")
            zk.delete("/t/a", recursive=True)
            eventually(lambda: cache.get_data("/t/a/b") is None, "gone")
        finally:
            cache.close()


class Transactions(Case):
    def test_all_or_nothing(self):
        zk = self.zk
        zk.create("/old", b"1")
        transaction = zk.transaction()
        transaction.check("/old", 0)
        transaction.create("/a", b"a")
        transaction.create("/s-", sequence=True)
        transaction.create("/e", ephemeral=True)
        transaction.set_data("/a", b"b", version=0)
        transaction.delete("/old", version=0)
        results = transaction.commit()
        self.assertEqual(results[0], True)
        self.assertEqual(results[1], "/a")
        self.assertEqual(results[2], "/s-0000000002")
        self.assertEqual(results[3], "/e")
        self.assertEqual(results[4].version, 1)
        self.assertEqual(results[5], True)
        self.assertEqual(zk.get("/a")[0], b"b")
        self.assertEqual(zk.get("/e")[1].ephemeralOwner, zk.client_id[0])
        self.assertIsNone(zk.exists("/old"))

        transaction = zk.transaction()
        transaction.create("/x")
        transaction.check("/a", 77)
        transaction.create("/y")
        results = transaction.commit()
        self.assertIsInstance(results[0], ex.RolledBackError)
        self.assertIsInstance(results[1], ex.BadVersionError)
        self.assertIsInstance(results[2], ex.RuntimeInconsistency)
        self.assertIsNone(zk.exists("/x"))

    def test_a_transaction_is_a_context(self):
        zk = self.zk
        with zk.transaction() as transaction:
            transaction.create("/in", b"1")
            transaction.create("/in/side", b"2")
        self.assertEqual(zk.get("/in/side")[0], b"2")
        transaction = zk.transaction()
        transaction.create("/later")
        self.assertEqual(transaction.commit_async().get(timeout=LONG), ["/later"])

    def test_an_empty_transaction(self):
        self.assertEqual(self.zk.transaction().commit(), [])


class Acls(Case):
    def test_acls_are_stored_and_counted(self):
        zk = self.zk
        acl = [make_acl("world", "anyone", all=True), make_acl("ip", "10.0.0.0/8", read=True)]
        zk.create("/a", acl=acl)
        stored, stat = zk.get_acls("/a")
        self.assertEqual(stored, acl)
        self.assertEqual(stat.acl_version, 0)
        self.assertEqual(zk.set_acls("/a", OPEN_ACL_UNSAFE, version=0).acl_version, 1)
        with self.assertRaises(ex.BadVersionError):
            zk.set_acls("/a", OPEN_ACL_UNSAFE, version=0)
        with self.assertRaises(ex.NoNodeError):
            zk.get_acls("/none")
        with self.assertRaises(ex.NoNodeError):
            zk.set_acls("/none", OPEN_ACL_UNSAFE)

    def test_digest_protects_a_node(self):
        owner = self.connect()
        owner.add_auth("digest", "owner:pass")
        acl = make_digest_acl("owner", "pass", all=True)
        self.assertEqual(acl.id.id, make_digest_acl_credential("owner", "pass"))
        owner.create("/mine", b"secret", acl=[acl])
        self.assertEqual(owner.get("/mine")[0], b"secret")
        owner.create("/creator", b"", acl=CREATOR_ALL_ACL)
        self.assertEqual(owner.get_acls("/creator")[0], [acl])
        for refused in (lambda: self.zk.get("/mine"), lambda: self.zk.set("/mine", b""),
                        lambda: self.zk.get_children("/mine"),
                        lambda: self.zk.create("/mine/kid"),
                        lambda: self.zk.get_acls("/mine"),
                        lambda: self.zk.set_acls("/mine", OPEN_ACL_UNSAFE)):
            with self.assertRaises(ex.NoAuthError):
                refused()
        with self.assertRaises(ex.InvalidACLError):
            self.zk.create("/nobody", acl=CREATOR_ALL_ACL)
        self.zk.add_auth("digest", "owner:pass")
        self.assertEqual(self.zk.get("/mine")[0], b"secret")
        self.zk.set_acls("/mine", OPEN_ACL_UNSAFE)

    def test_auth_data_is_sent_on_every_connection(self):
        client = self.connect(auth_data=[("digest", "owner:pass")])
        client.create("/mine", b"1", acl=[make_digest_acl("owner", "pass", all=True)])
        drop_connection(client)
        self.assertEqual(client.retry(client.get, "/mine")[0], b"1")
        client.delete("/mine")

    def test_an_unknown_scheme_fails(self):
        # Apache answers AUTHFAILED and closes; kazoo then stops the client for good.
        client = self.connect()
        with self.assertRaises((ex.AuthFailedError, ex.ConnectionLoss, ex.SessionExpiredError)):
            client.add_auth("nosuch", "x:y")
        eventually(lambda: client.client_state == "AUTH_FAILED" or not client.connected,
                   "not connected")


class Chroot(Case):
    def test_a_chroot_is_invisible(self):
        inside = self.connect()
        inside.create("/x", b"1")
        self.assertEqual(self.plain.get(self.root + "/x")[0], b"1")
        self.assertEqual(inside.get_children("/"), ["x"])
        self.assertEqual(inside.unchroot(self.root + "/x"), "/x")
        inside.chroot = ""
        self.assertIn("zookeeper", inside.get_children("/"))

    def test_watch_paths_are_relative(self):
        events = []
        self.zk.exists("/w", watch=events.append)
        self.plain.create(self.root + "/w")
        eventually(lambda: events, "the event")
        self.assertEqual(events[0].path, "/w")

    def test_a_missing_chroot_shows_at_the_first_create(self):
        client = KazooClient(HOSTS + self.root + "/none/here", timeout=8.0)
        self.clients.append(client)
        client.start(timeout=LONG)
        with self.assertRaises(ex.NoNodeError):
            client.create("/x")
        self.zk.ensure_path("/none/here")
        client.create("/y")
        self.assertIsNotNone(self.zk.exists("/none/here/y"))


def drop_connection(client):
    """Cuts the TCP connection under the client; the session goes on."""
    sock = client._connection._socket
    lost, back = threading.Event(), threading.Event()

    def listener(state):
        if state == KazooState.SUSPENDED:
            lost.set()
        elif state == KazooState.CONNECTED and lost.is_set():
            back.set()

    client.add_listener(listener)
    sock.shutdown(socket.SHUT_RDWR)
    assert lost.wait(LONG), "the loss was not seen"
    assert back.wait(LONG), "the client did not come back"
    client.remove_listener(listener)


class Sessions(Case):
    def test_states_of_a_life(self):
        client, states = self.make(), []
        client.add_listener(states.append)
        self.assertFalse(client.connected)
        client.start_async().wait(LONG)
        self.assertTrue(client.connected)
        self.assertEqual(client.client_state, "CONNECTED")
        self.assertEqual(len(client.client_id[1]), 16)
        client.stop()
        self.assertEqual(states, [KazooState.CONNECTED, KazooState.LOST])

    def test_an_ephemeral_lives_as_long_as_its_session(self):
        client = self.connect()
        client.create("/e", b"", ephemeral=True)
        self.assertIsNotNone(self.zk.exists("/e"))
        client.stop()
        self.assertIsNone(self.zk.exists("/e"))

    def test_a_session_survives_its_connection(self):
        client = self.connect()
        session = client.client_id
        client.create("/e", ephemeral=True)
        drop_connection(client)
        self.assertEqual(client.client_id, session)
        self.assertIsNotNone(client.retry(client.exists, "/e"))

    def test_restart_makes_a_new_session(self):
        client = self.connect()
        session = client.client_id
        client.create("/e", ephemeral=True)
        client.restart()
        self.assertNotEqual(client.client_id, session)
        self.assertIsNone(client.exists("/e"))
        client.create("/after")

    def test_another_client_may_take_the_session_over(self):
        # The first must not fight for the session, so it never reconnects.
        first = self.connect(connection_retry={"max_tries": 0})
        session = first.client_id
        first.create("/e", ephemeral=True)
        second = self.connect(client_id=session)
        self.assertEqual(second.client_id, session)
        self.assertEqual(second.exists("/e").ephemeralOwner, session[0])
        eventually(lambda: not first.connected, "the first is cut off")

    def test_a_closed_session_is_lost_to_its_client(self):
        victim, states = self.connect(), []
        victim.add_listener(states.append)
        victim.create("/e", ephemeral=True)
        session = victim.client_id
        thief = KazooClient(HOSTS, client_id=session, timeout=8.0)
        thief.start(timeout=LONG)
        thief.stop()
        thief.close()
        eventually(lambda: KazooState.LOST in states, "lost")
        eventually(lambda: victim.connected, "a new session")
        self.assertNotEqual(victim.client_id[0], session[0])
        self.assertIsNone(victim.retry(victim.exists, "/e"))

    def test_a_silent_session_expires(self):
        host, port = HOSTS.split(",")[0].rsplit(":", 1)
        path = (self.root + "/silent").encode()
        with socket.create_connection((host, int(port)), LONG) as sock:
            send_frame(sock, struct.pack(">iqiq", 0, 0, 4000, 0) + struct.pack(">i16sb", 16, b"", 0))
            _, timeout, session = struct.unpack(">iiq", receive_frame(sock)[:16])
            self.assertEqual(timeout, 4000)
            send_frame(sock, struct.pack(">ii", 1, 1) + text(path) + text(b"")
                       + struct.pack(">ii", 1, 31) + text(b"world") + text(b"anyone")
                       + struct.pack(">i", 1))
            self.assertEqual(struct.unpack(">iqi", receive_frame(sock)[:16])[2], 0)
            gone = threading.Event()
            stat = self.zk.exists("/silent", watch=lambda event: gone.set())
            self.assertEqual(stat.ephemeralOwner, session)
            start = time.monotonic()
            self.assertTrue(gone.wait(LONG))
            self.assertGreater(time.monotonic() - start, 3.5)
            self.assertEqual(sock.recv(1), b"", "the connection of an expired session is closed")

    def test_pings_keep_an_idle_session(self):
        client = self.connect(timeout=4.0)
        session = client.client_id
        client.create("/e", ephemeral=True)
        time.sleep(6.5)
        self.assertEqual(client.client_id, session)
        self.assertIsNotNone(self.zk.exists("/e"))

    def test_hosts_may_be_changed(self):
        client = self.connect()
        client.set_hosts(HOSTS + self.root)
        drop_connection(client)
        self.assertEqual(client.retry(client.get_children, "/"), [])

    def test_retry_runs_again_after_a_loss(self):
        client = self.connect()
        client.create("/n", b"1")
        drop_connection(client)
        retry = KazooRetry(max_tries=5, delay=0.05)
        self.assertEqual(retry(client.get, "/n")[0], b"1")
        self.assertEqual(client.retry(client.get, "/n")[0], b"1")


def text(value):
    return struct.pack(">i", len(value)) + value


def send_frame(sock, body):
    sock.sendall(text(body))


def receive_frame(sock):
    def exactly(n):
        got = b""
        while len(got) < n:
            more = sock.recv(n - len(got))
            if not more:
                raise EOFError("the server closed the connection")
            got += more
        return got

    return exactly(struct.unpack(">i", exactly(4))[0])


class Words(Case):
    def test_four_letter_words(self):
        zk = self.zk
        self.assertEqual(zk.command(b"ruok"), "imok")
        report = zk.command(b"srvr")
        self.assertTrue(report.startswith("Zookeeper version: "), report)
        for line in ("Latency min/avg/max: ", "Received: ", "Sent: ", "Connections: ",
                     "Outstanding: ", "Zxid: 0x", "Mode: ", "Node count: "):
            self.assertIn("\n" + line, report)
        self.assertIn(zk.command(b"isro"), ("rw", "ro"))
        self.assertIn("zk_server_state\t", zk.command(b"mntr"))
        self.assertIn("0x%x" % zk.client_id[0], zk.command(b"cons"))

    def test_server_version(self):
        version = self.zk.server_version()
        self.assertGreaterEqual(version, (3, 8, 0))


class Locks(Case):
    def test_a_lock_has_one_holder(self):
        first = self.zk.Lock("/lock", "first")
        second = self.connect().Lock("/lock", "second")
        self.assertTrue(first.acquire(timeout=LONG))
        self.assertFalse(second.acquire(blocking=False))
        with self.assertRaises(ex.LockTimeout):
            second.acquire(timeout=0.2)
        waiting = in_thread(lambda: second.acquire(timeout=LONG))
        eventually(lambda: first.contenders() == ["first", "second"], "two contenders")
        first.release()
        self.assertTrue(waiting())
        self.assertTrue(second.is_acquired)
        second.release()

    def test_a_lock_excludes_threads_of_many_clients(self):
        inside, worst, total = [0], [0], [0]

        def work():
            client = self.connect()
            lock = client.Lock("/lock")
            for _ in range(10):
                with lock:
                    inside[0] += 1
                    worst[0] = max(worst[0], inside[0])
                    total[0] += 1
                    inside[0] -= 1

        joins = [in_thread(work) for _ in range(5)]
        for join in joins:
            join(60)
        self.assertEqual((worst[0], total[0]), (1, 50))

    def test_waiting_for_a_lock_can_be_cancelled(self):
        first = self.zk.Lock("/lock", "first")
        second = self.connect().Lock("/lock", "second")
        first.acquire()
        waiting = in_thread(lambda: second.acquire())
        eventually(lambda: len(first.contenders()) == 2, "two contenders")
        second.cancel()
        with self.assertRaises(ex.CancelledError):
            waiting()
        eventually(lambda: first.contenders() == ["first"], "one contender")
        first.release()

    def test_a_lock_dies_with_its_session(self):
        holder = self.connect()
        holder.Lock("/lock").acquire()
        holder.stop()
        self.assertTrue(self.zk.Lock("/lock").acquire(timeout=LONG))

    def test_readers_share_and_writers_do_not(self):
        readers = [self.zk.ReadLock("/rw", "r1"), self.connect().ReadLock("/rw", "r2")]
        writer = self.connect().WriteLock("/rw", "w")
        for reader in readers:
            self.assertTrue(reader.acquire(timeout=LONG))
        self.assertFalse(writer.acquire(blocking=False))
        waiting = in_thread(lambda: writer.acquire(timeout=LONG))
        eventually(lambda: len(writer.contenders()) == 3, "three contenders")
        late = self.connect().ReadLock("/rw", "r3")
        self.assertFalse(late.acquire(blocking=False))
        for reader in readers:
            reader.release()
        self.assertTrue(waiting())
        writer.release()
        self.assertTrue(late.acquire(timeout=LONG))
        late.release()

    def test_a_semaphore_has_so_many_leases(self):
        clients = [self.zk, self.connect(), self.connect()]
        leases = [c.Semaphore("/sem", "h%d" % n, max_leases=2) for n, c in enumerate(clients)]
        self.assertTrue(leases[0].acquire())
        self.assertTrue(leases[1].acquire())
        self.assertFalse(leases[2].acquire(blocking=False))
        self.assertEqual(sorted(leases[0].lease_holders()), ["h0", "h1"])
        waiting = in_thread(lambda: leases[2].acquire(timeout=LONG))
        time.sleep(0.1)
        leases[0].release()
        self.assertTrue(waiting())
        with self.assertRaises(ValueError):
            self.connect().Semaphore("/sem", max_leases=3).acquire()


class Recipes(Case):
    def test_election(self):
        order, stop = [], threading.Event()
        first, second = self.zk.Election("/e", "one"), self.connect().Election("/e", "two")

        def lead(name, wait):
            order.append(name)
            if wait:
                self.assertTrue(stop.wait(LONG))

        one = in_thread(lambda: first.run(lead, "one", True))
        eventually(lambda: order == ["one"], "the first leads")
        two = in_thread(lambda: second.run(lead, "two", False))
        eventually(lambda: second.contenders() == ["one", "two"], "two contenders")
        stop.set()
        one()
        two()
        self.assertEqual(order, ["one", "two"])

    def test_an_election_can_be_cancelled(self):
        first = self.zk.Election("/e", "one")
        second = self.connect().Election("/e", "two")
        release, led = threading.Event(), []
        one = in_thread(lambda: first.run(lambda: release.wait(LONG)))
        eventually(lambda: first.contenders() == ["one"], "one contender")
        two = in_thread(lambda: second.run(led.append, "two"))
        eventually(lambda: len(second.contenders()) == 2, "two contenders")
        second.cancel()
        two()
        release.set()
        one()
        self.assertEqual(led, [])

    def test_queue_gives_by_priority_and_age(self):
        queue = self.zk.Queue("/q")
        self.assertIsNone(queue.get())
        queue.put(b"a")
        queue.put(b"b")
        queue.put(b"urgent", priority=1)
        self.assertEqual(len(queue), 3)
        other = self.connect().Queue("/q")
        self.assertEqual([queue.get(), other.get(), queue.get(), other.get()],
                         [b"urgent", b"a", b"b", None])

    def test_locking_queue_keeps_an_entry_until_consumed(self):
        queue = self.zk.LockingQueue("/q")
        other = self.connect().LockingQueue("/q")
        queue.put_all([b"a", b"b"])
        self.assertEqual(queue.get(timeout=LONG), b"a")
        self.assertTrue(queue.holds_lock())
        self.assertEqual(other.get(timeout=LONG), b"b")
        self.assertTrue(other.release())
        self.assertTrue(queue.consume())
        self.assertEqual(queue.get(timeout=LONG), b"b")
        self.assertTrue(queue.consume())
        self.assertIsNone(queue.get(timeout=0.2))
        waiting = in_thread(lambda: other.get(timeout=LONG))
        queue.put(b"c", priority=5)
        self.assertEqual(waiting(), b"c")
        other.consume()

    def test_barrier_holds_until_removed(self):
        barrier = self.zk.Barrier("/b")
        self.assertTrue(barrier.wait(timeout=0.1))
        barrier.create()
        other = self.connect().Barrier("/b")
        self.assertFalse(other.wait(timeout=0.2))
        waiting = in_thread(lambda: other.wait(timeout=LONG))
        self.assertTrue(barrier.remove())
        self.assertTrue(waiting())
        self.assertFalse(barrier.remove())

    def test_double_barrier_lets_all_in_and_out_together(self):
        count, steps = 3, []
        clients = [self.connect() for _ in range(count)]

        def work(n):
            barrier = clients[n].DoubleBarrier("/db", count, "p%d" % n)
            barrier.enter()
            self.assertTrue(barrier.participating)
            steps.append("in")
            barrier.leave()
            steps.append("out")

        joins = [in_thread(lambda n=n: work(n)) for n in range(count)]
        for join in joins:
            join(30)
        self.assertEqual(steps, ["in"] * count + ["out"] * count)

    def test_party_knows_its_members(self):
        for kind in ("Party", "ShallowParty"):
            path = "/" + kind
            one = getattr(self.zk, kind)(path, "one")
            two = getattr(self.connect(), kind)(path, "two")
            one.join()
            two.join()
            self.assertEqual((sorted(one), len(two)), (["one", "two"], 2))
            two.leave()
            self.assertEqual(list(one), ["one"])
            one.leave()
            self.assertEqual(len(one), 0)

    def test_counter_counts_what_all_add(self):
        counters = [self.connect().Counter("/n") for _ in range(3)]

        def work(counter):
            for _ in range(10):
                counter += 1
            counter -= 5

        for join in [in_thread(lambda c=c: work(c)) for c in counters]:
            join(60)
        self.assertEqual(self.zk.Counter("/n").value, 15)
        half = self.zk.Counter("/f", default=0.5)
        half += 2.0
        self.assertEqual(half.value, 2.5)
        curator = self.zk.Counter("/c", support_curator=True)
        curator += 7
        self.assertEqual(self.zk.get("/c")[0], struct.pack(">i", 7))

    def test_lease_belongs_to_one(self):
        hour = datetime.timedelta(hours=1)
        other = self.connect()
        self.assertTrue(self.zk.NonBlockingLease("/lease", hour, identifier="a"))
        self.assertFalse(other.NonBlockingLease("/lease", hour, identifier="b"))
        self.assertTrue(self.zk.NonBlockingLease("/lease", hour, identifier="a"))
        self.assertTrue(other.MultiNonBlockingLease(2, "/leases", hour, identifier="b"))
        self.assertTrue(self.zk.MultiNonBlockingLease(2, "/leases", hour, identifier="a"))

    def test_partitioner_divides_a_set(self):
        items = list(range(6))
        clients = [self.connect(), self.connect()]

        def work(n):
            part = SetPartitioner(clients[n], "/parts", set=items, identifier="p%d" % n,
                                  time_boundary=0.5)
            end = time.monotonic() + 30
            while time.monotonic() < end:
                if part.failed:
                    raise AssertionError("the partitioner failed")
                if part.release:
                    part.release_set()
                elif part.acquired and len(list(part)) == 3:
                    mine = list(part)
                    meet.wait(LONG)
                    part.finish()
                    return mine
                elif part.allocating:
                    part.wait_for_acquire(timeout=5)
                time.sleep(0.02)
            raise AssertionError("no partition")

        meet = threading.Barrier(2)
        joins = [in_thread(lambda n=n: work(n)) for n in range(2)]
        both = joins[0](40) + joins[1](40)
        self.assertEqual(sorted(both), items)


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    HOSTS = sys.argv.pop(1)
    logging.getLogger("kazoo").setLevel(logging.CRITICAL)
    unittest.main()
