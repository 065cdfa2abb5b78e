import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.zookeeper.*;
import org.apache.zookeeper.data.*;

import static org.apache.zookeeper.ZooDefs.Ids.*;

/**
 * ZooKeeper's own Java client, used directly, against a running server.
 *
 * What: one check per promise of the class ZooKeeper: kinds of nodes, transactions, watches and
 * their return after a lost connection, access control, sessions, ten thousand requests at once.
 * Why: zkCli.sh reaches only a part of it, and the libraries of others are built on all of it.
 * Usage: java Suite HOST:PORT
 *
 * The server must run with tickTime 2000 or less and with extendedTypesEnabled=true.
 * Holds for Apache ZooKeeper 3.8.0 as well. Ends with 1 if a check fails.
 */
public class Suite {
    static String server;
    static int failures = 0;

    /** What a session saw, in order. */
    static class Seen implements Watcher {
        final BlockingQueue<WatchedEvent> events = new LinkedBlockingQueue<>();
        final CountDownLatch connected = new CountDownLatch(1);

        public void process(WatchedEvent event) {
            if (event.getState() == Event.KeeperState.SyncConnected) connected.countDown();
            if (event.getType() != Event.EventType.None) events.add(event);
        }

        String next() throws Exception {
            WatchedEvent event = events.poll(10, TimeUnit.SECONDS);
            return event == null ? "nothing" : event.getType() + " " + event.getPath();
        }
    }

    interface Body {
        void run() throws Exception;
    }

    public static void main(String[] arguments) throws Exception {
        server = arguments[0];
        check("every kind of node", Suite::kinds);
        check("transactions", Suite::transactions);
        check("watches of each kind", Suite::watches);
        check("persistent watches", Suite::persistent);
        check("watches taken away", Suite::removed);
        check("what only newer clients ask", Suite::newer);
        check("ten thousand requests at once", Suite::pipelined);
        check("large data", Suite::large);
        check("a root of its own", Suite::chroot);
        check("access control", Suite::access);
        check("a session that moves", Suite::moved);
        check("watches after a lost connection", Suite::reconnected);
        check("a session that ends", Suite::ended);
        System.exit(failures == 0 ? 0 : 1);
    }

    static void kinds() throws Exception {
        Seen seen = new Seen();
        try (ZooKeeper zk = connect(seen)) {
            zk.create("/kinds", bytes("x"), OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            for (CreateMode mode : CreateMode.values()) {
                Stat stat = new Stat();
                long ttl = mode.isTTL() ? 100_000 : -1;
                String asked = "/kinds/" + mode.name().toLowerCase();
                String path = zk.create(asked, bytes("v"), OPEN_ACL_UNSAFE, mode, stat, ttl);
                equal(mode.isSequential(), path.length() == asked.length() + 10);
                equal(stat, zk.exists(path, false));
                equal(mode.isEphemeral(), stat.getEphemeralOwner() == zk.getSessionId());
                equal("v", text(zk.getData(path, false, stat)));
                if (mode.isEphemeral()) {
                    fails(KeeperException.Code.NOCHILDRENFOREPHEMERALS,
                        () -> zk.create(path + "/c", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
                }
            }
            Stat stat = new Stat();
            equal(7, zk.getChildren("/kinds", false, stat).size());
            equal(7, stat.getNumChildren());
            fails(KeeperException.Code.NOTEMPTY, () -> zk.delete("/kinds", -1));
            fails(KeeperException.Code.NODEEXISTS,
                () -> zk.create("/kinds", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
            fails(KeeperException.Code.NONODE,
                () -> zk.create("/none/x", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
            fails(KeeperException.Code.BADVERSION, () -> zk.setData("/kinds", bytes("y"), 9));
            zk.create("/kinds/null", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            equal(null, zk.getData("/kinds/null", false, null));
            zk.create("/kinds/\u00e9\u4e2d", new byte[0], OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            equal(0, zk.getData("/kinds/\u00e9\u4e2d", false, null).length);
            ZKUtil.deleteRecursive(zk, "/kinds");
        }
    }

    static void transactions() throws Exception {
        Seen seen = new Seen();
        try (ZooKeeper zk = connect(seen)) {
            List<OpResult> results = zk.transaction()
                .create("/multi", bytes("1"), OPEN_ACL_UNSAFE, CreateMode.PERSISTENT)
                .create("/multi/s-", bytes("2"), OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL)
                .check("/multi", 0)
                .setData("/multi", bytes("3"), 0)
                .delete("/multi/s-0000000000", 0)
                .commit();
            equal(5, results.size());
            equal("/multi/s-0000000000", ((OpResult.CreateResult) results.get(1)).getPath());
            equal(1, ((OpResult.SetDataResult) results.get(3)).getStat().getVersion());
            results = zk.multi(Arrays.asList(
                Op.create("/multi/ttl", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, 50_000),
                Op.create("/multi/box", null, OPEN_ACL_UNSAFE, CreateMode.CONTAINER.toFlag())));
            equal(2, results.size());
            try {
                zk.multi(Arrays.asList(Op.create("/multi/a", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
                    Op.check("/multi", 77), Op.delete("/multi", -1)));
                throw new AssertionError("a false check commits");
            } catch (KeeperException error) {
                equal(KeeperException.Code.BADVERSION, error.code());
                List<Integer> codes = new ArrayList<>();
                for (OpResult result : error.getResults()) codes.add(((OpResult.ErrorResult) result).getErr());
                equal(Arrays.asList(0, -103, -2), codes);
            }
            equal(null, zk.exists("/multi/a", false));
            equal(0, zk.multi(Collections.<Op>emptyList()).size());
            results = zk.multi(Arrays.asList(Op.getData("/multi"), Op.getChildren("/multi"), Op.getData("/none")));
            equal("3", text(((OpResult.GetDataResult) results.get(0)).getData()));
            equal(2, ((OpResult.GetChildrenResult) results.get(1)).getChildren().size());
            equal(-101, ((OpResult.ErrorResult) results.get(2)).getErr());
            List<Op> many = new ArrayList<>();
            for (int i = 0; i < 3000; i++) {
                many.add(Op.create("/multi/m" + i, bytes("" + i), OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
            }
            equal(3000, zk.multi(many).size());
            equal(3002, zk.getAllChildrenNumber("/multi"));
            ZKUtil.deleteRecursive(zk, "/multi");
        }
    }

    static void watches() throws Exception {
        Seen seen = new Seen();
        try (ZooKeeper zk = connect(seen)) {
            equal(null, zk.exists("/watched", true));
            zk.create("/watched", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            equal("NodeCreated /watched", seen.next());
            zk.getData("/watched", true, null);
            zk.getChildren("/watched", true);
            zk.create("/watched/c", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            equal("NodeChildrenChanged /watched", seen.next());
            zk.setData("/watched", bytes("1"), -1);
            equal("NodeDataChanged /watched", seen.next());
            zk.delete("/watched/c", -1);
            zk.getData("/watched", true, null);
            zk.getChildren("/watched", true);
            zk.delete("/watched", -1);
            equal("NodeDeleted /watched", seen.next());
            equal(0, seen.events.size());
        }
    }

    static void persistent() throws Exception {
        Seen seen = new Seen();
        Seen flat = new Seen();
        Seen deep = new Seen();
        try (ZooKeeper zk = connect(seen); ZooKeeper other = connect(deep)) {
            zk.addWatch("/p", flat, AddWatchMode.PERSISTENT);
            other.addWatch("/p", AddWatchMode.PERSISTENT_RECURSIVE);
            zk.create("/p", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            zk.create("/p/a", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            zk.create("/p/a/b", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            zk.setData("/p/a/b", null, -1);
            zk.delete("/p/a/b", -1);
            zk.delete("/p/a", -1);
            zk.delete("/p", -1);
            for (String event : Arrays.asList("NodeCreated /p", "NodeCreated /p/a", "NodeCreated /p/a/b",
                    "NodeDataChanged /p/a/b", "NodeDeleted /p/a/b", "NodeDeleted /p/a", "NodeDeleted /p")) {
                equal(event, deep.next());
            }
            for (String event : Arrays.asList("NodeCreated /p", "NodeChildrenChanged /p",
                    "NodeChildrenChanged /p", "NodeDeleted /p")) {
                equal(event, flat.next());
            }
            equal(0, deep.events.size() + flat.events.size());
        }
    }

    static void removed() throws Exception {
        Seen seen = new Seen();
        Seen other = new Seen();
        try (ZooKeeper zk = connect(seen)) {
            fails(KeeperException.Code.NOWATCHER,
                () -> zk.removeAllWatches("/r", Watcher.WatcherType.Any, false));
            zk.create("/r", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            zk.getData("/r", seen, null);
            zk.getData("/r", other, null);
            zk.getChildren("/r", other);
            zk.removeWatches("/r", seen, Watcher.WatcherType.Data, false);
            equal("DataWatchRemoved /r", seen.next());
            zk.removeAllWatches("/r", Watcher.WatcherType.Children, false);
            equal("ChildWatchRemoved /r", other.next());
            zk.setData("/r", null, -1);
            equal("NodeDataChanged /r", other.next());
            zk.addWatch("/r", other, AddWatchMode.PERSISTENT_RECURSIVE);
            zk.removeAllWatches("/r", Watcher.WatcherType.Any, false);
            equal("PersistentWatchRemoved /r", other.next());
            zk.create("/r/x", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            ZKUtil.deleteRecursive(zk, "/r");
            equal(0, other.events.size());
        }
    }

    static void newer() throws Exception {
        Seen seen = new Seen();
        try (ZooKeeper zk = connect(seen)) {
            zk.addAuthInfo("digest", bytes("ann:secret"));
            zk.create("/newer", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            zk.create("/newer/e1", null, OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
            zk.create("/newer/e2", null, OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
            zk.create("/newer/p", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            equal(3, zk.getAllChildrenNumber("/newer"));
            List<String> mine = zk.getEphemerals();
            Collections.sort(mine);
            equal(Arrays.asList("/newer/e1", "/newer/e2"), mine);
            equal(1, zk.getEphemerals("/newer/e1").size());
            equal(0, zk.getEphemerals("/elsewhere").size());
            fails(KeeperException.Code.NONODE, () -> zk.getAllChildrenNumber("/none"));
            String me = zk.whoAmI().toString();
            equal(true, me.contains("'ip,'127.0.0.1") && me.contains("'digest,'ann"));
            CountDownLatch synced = new CountDownLatch(1);
            zk.sync("/newer", (code, path, context) -> synced.countDown(), null);
            equal(true, synced.await(10, TimeUnit.SECONDS));
            equal("", text(zk.getConfig(false, null)));
            ZKUtil.deleteRecursive(zk, "/newer");
        }
    }

    static void pipelined() throws Exception {
        int count = 10_000;
        Seen seen = new Seen();
        try (ZooKeeper zk = connect(seen)) {
            zk.create("/pipe", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            CountDownLatch done = new CountDownLatch(3 * count);
            AtomicInteger last = new AtomicInteger(-1);
            AtomicInteger wrong = new AtomicInteger();
            for (int i = 0; i < count; i++) {
                int mine = i;
                zk.create("/pipe/n", bytes("" + i), OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL,
                    (code, path, context, name) -> {
                        if (code != 0 || !name.equals(String.format("/pipe/n%010d", mine))) wrong.incrementAndGet();
                        done.countDown();
                    }, null);
                zk.getData(String.format("/pipe/n%010d", i), false, (code, path, context, data, stat) -> {
                    if (code != 0 || !text(data).equals("" + mine)) wrong.incrementAndGet();
                    if (last.getAndSet(mine) != mine - 1) wrong.incrementAndGet();
                    done.countDown();
                }, null);
                zk.setData(String.format("/pipe/n%010d", i), bytes("z"), 0, (code, path, context, stat) -> {
                    if (code != 0 || stat.getVersion() != 1) wrong.incrementAndGet();
                    done.countDown();
                }, null);
            }
            equal(true, done.await(60, TimeUnit.SECONDS));
            equal(0, wrong.get());
            equal(count, zk.getChildren("/pipe", false).size());
            ZKUtil.deleteRecursive(zk, "/pipe", 1000);
        }
    }

    static void large() throws Exception {
        Seen seen = new Seen();
        try (ZooKeeper zk = connect(seen)) {
            byte[] data = new byte[1_048_000];
            Arrays.fill(data, (byte) 'l');
            zk.create("/large", data, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            equal(true, Arrays.equals(data, zk.getData("/large", false, null)));
            fails(KeeperException.Code.CONNECTIONLOSS,
                () -> zk.setData("/large", new byte[1_048_576 + 2000], -1));
        }
        Seen again = new Seen();
        try (ZooKeeper zk = connect(again)) {
            zk.delete("/large", 0);
        }
    }

    static void chroot() throws Exception {
        Seen seen = new Seen();
        try (ZooKeeper zk = connect(seen)) {
            zk.create("/app", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            Seen inner = new Seen();
            try (ZooKeeper app = new ZooKeeper(server + "/app", 10_000, inner)) {
                equal(null, app.exists("/x", true));
                app.create("/x", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
                equal("NodeCreated /x", inner.next());
                equal("/x/s0000000000", app.create("/x/s", null, OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL));
                equal(Arrays.asList("x"), app.getChildren("/", false));
                equal(1, zk.getAllChildrenNumber("/app/x"));
                app.addWatch("/", AddWatchMode.PERSISTENT_RECURSIVE);
                zk.setData("/app/x", bytes("1"), -1);
                equal("NodeDataChanged /x", inner.next());
                equal(Arrays.asList("/app/x/s0000000000"), app.getEphemerals());
            }
            ZKUtil.deleteRecursive(zk, "/app");
        }
    }

    static void access() throws Exception {
        Seen seen = new Seen();
        Seen other = new Seen();
        try (ZooKeeper zk = connect(seen); ZooKeeper stranger = connect(other)) {
            fails(KeeperException.Code.INVALIDACL,
                () -> zk.create("/acl", null, CREATOR_ALL_ACL, CreateMode.PERSISTENT));
            zk.addAuthInfo("digest", bytes("bob:pw"));
            zk.create("/acl", bytes("s"), CREATOR_ALL_ACL, CreateMode.PERSISTENT);
            fails(KeeperException.Code.NOAUTH, () -> stranger.getData("/acl", false, null));
            fails(KeeperException.Code.NOAUTH, () -> stranger.delete("/acl/x", -1), KeeperException.Code.NONODE);
            Stat stat = new Stat();
            List<ACL> list = zk.getACL("/acl", stat);
            equal("digest", list.get(0).getId().getScheme());
            zk.setACL("/acl", READ_ACL_UNSAFE, 0);
            fails(KeeperException.Code.NOAUTH, () -> zk.setData("/acl", null, -1));
            equal("s", text(stranger.getData("/acl", false, null)));
            zk.create("/ip", null, Arrays.asList(new ACL(31, new Id("ip", "127.0.0.1/8"))), CreateMode.PERSISTENT);
            zk.setData("/ip", bytes("1"), -1);
            zk.delete("/ip", -1);
            zk.delete("/acl", -1);
            fails(KeeperException.Code.INVALIDACL, () -> zk.create("/acl", null,
                Arrays.asList(new ACL(31, new Id("nonsense", "x"))), CreateMode.PERSISTENT));
            stranger.addAuthInfo("nonsense", bytes("x"));
            try {
                stranger.exists("/", false);
                throw new AssertionError("an unknown scheme is fine");
            } catch (KeeperException error) {
                boolean refused = error.code() == KeeperException.Code.AUTHFAILED
                    || error.code() == KeeperException.Code.CONNECTIONLOSS;
                equal(true, refused);
            }
        }
    }

    /** A second connection takes the session over; watches and ephemerals stay with the session. */
    static void moved() throws Exception {
        Seen first = new Seen();
        ZooKeeper zk = connect(first);
        zk.create("/moved", null, OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        Seen second = new Seen();
        try (ZooKeeper same = new ZooKeeper(server, 10_000, second, zk.getSessionId(), zk.getSessionPasswd())) {
            equal(true, second.connected.await(10, TimeUnit.SECONDS));
            equal(zk.getSessionId(), same.exists("/moved", false).getEphemeralOwner());
            equal(zk.getSessionId(), same.getSessionId());
        }
        zk.close();
        Seen third = new Seen();
        CountDownLatch expired = new CountDownLatch(1);
        try (ZooKeeper late = new ZooKeeper(server, 10_000, event -> {
                if (event.getState() == Watcher.Event.KeeperState.Expired) expired.countDown();
            }, zk.getSessionId(), zk.getSessionPasswd())) {
            equal(true, expired.await(10, TimeUnit.SECONDS));
        }
        try (ZooKeeper after = connect(third)) {
            equal(null, after.exists("/moved", false));
        }
    }

    /** Watches of every kind come back after the connection was lost, and tell what was missed. */
    static void reconnected() throws Exception {
        Seen seen = new Seen();
        Seen cutOff = new Seen();
        Gate gate = new Gate();
        try (ZooKeeper zk = connect(seen);
                ZooKeeper behind = new ZooKeeper("127.0.0.1:" + gate.port(), 20_000, cutOff)) {
            equal(true, cutOff.connected.await(10, TimeUnit.SECONDS));
            for (String name : Arrays.asList("", "/data", "/gone", "/kids", "/kids/deep", "/same", "/kept")) {
                zk.create("/back" + name, null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            }
            behind.getData("/back/data", true, null);
            behind.exists("/back/gone", true);
            behind.exists("/back/born", true);
            behind.getChildren("/back/kids", true);
            behind.getData("/back/same", true, null);
            behind.addWatch("/back/kept", AddWatchMode.PERSISTENT);
            behind.addWatch("/back/kids/deep", AddWatchMode.PERSISTENT_RECURSIVE);
            behind.create("/back/mine", null, OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
            List<String> many = new ArrayList<>();
            for (int i = 0; i < 4000; i++) {
                String path = String.format("/back/many-with-a-name-so-long-that-they-need-several-frames-%05d", i);
                behind.exists(path, true, (code, where, context, stat) -> { }, null);
                many.add(path);
            }
            behind.exists("/back", false);
            gate.close();
            zk.setData("/back/data", null, -1);
            zk.delete("/back/gone", -1);
            zk.create("/back/born", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            zk.create("/back/kids/more", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            gate.open();
            List<String> missed = new ArrayList<>();
            for (int i = 0; i < 4; i++) missed.add(cutOff.next());
            // Several frames bring the watches back; what is asked now comes after the last.
            behind.exists("/back", false);
            Collections.sort(missed);
            equal("[NodeChildrenChanged /back/kids, NodeCreated /back/born, NodeDataChanged /back/data, "
                + "NodeDeleted /back/gone]", missed.toString());
            zk.setData("/back/same", null, -1);
            equal("NodeDataChanged /back/same", cutOff.next());
            for (int i = 0; i < 2; i++) {
                zk.setData("/back/kept", null, -1);
                equal("NodeDataChanged /back/kept", cutOff.next());
            }
            zk.create("/back/kids/deep/x", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
            equal("NodeCreated /back/kids/deep/x", cutOff.next());
            for (String path : Arrays.asList(many.get(0), many.get(3999))) {
                zk.create(path, null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
                equal("NodeCreated " + path, cutOff.next());
            }
            equal(behind.getSessionId(), zk.exists("/back/mine", false).getEphemeralOwner());
            ZKUtil.deleteRecursive(zk, "/back");
        } finally {
            gate.close();
        }
    }

    /** A session whose client falls silent ends, and its ephemeral nodes with it. */
    static void ended() throws Exception {
        Seen seen = new Seen();
        Seen cutOff = new Seen();
        Gate gate = new Gate();
        CountDownLatch expired = new CountDownLatch(1);
        try (ZooKeeper zk = connect(seen);
                ZooKeeper mortal = new ZooKeeper("127.0.0.1:" + gate.port(), 4000, event -> {
                    cutOff.process(event);
                    if (event.getState() == Watcher.Event.KeeperState.Expired) expired.countDown();
                })) {
            equal(true, cutOff.connected.await(10, TimeUnit.SECONDS));
            mortal.create("/mortal", null, OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
            zk.exists("/mortal", true);
            gate.close();
            equal("NodeDeleted /mortal", seen.next());
            gate.open();
            equal(true, expired.await(10, TimeUnit.SECONDS));
            fails(KeeperException.Code.SESSIONEXPIRED, () -> mortal.exists("/", false));
        } finally {
            gate.close();
        }
    }

    /** A way to the server that can be shut: connections through it are cut, new ones refused. */
    static class Gate {
        final List<Socket> through = new ArrayList<>();
        final int port;
        ServerSocket listener;

        Gate() throws Exception {
            listener = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
            port = listener.getLocalPort();
            accept(listener);
        }

        int port() {
            return port;
        }

        synchronized void open() throws Exception {
            listener = new ServerSocket();
            listener.setReuseAddress(true);
            listener.bind(new InetSocketAddress("127.0.0.1", port));
            accept(listener);
        }

        synchronized void close() throws Exception {
            listener.close();
            for (Socket socket : through) socket.close();
            through.clear();
        }

        void accept(ServerSocket from) {
            start(() -> {
                while (true) {
                    Socket near = from.accept();
                    int colon = server.lastIndexOf(':');
                    Socket far = new Socket(server.substring(0, colon), Integer.parseInt(server.substring(colon + 1)));
                    synchronized (this) {
                        through.addAll(Arrays.asList(near, far));
                        if (from.isClosed()) close();
                    }
                    start(() -> copy(near, far));
                    start(() -> copy(far, near));
                }
            });
        }

        static void copy(Socket from, Socket to) throws Exception {
            try (from; to) {
                from.getInputStream().transferTo(to.getOutputStream());
            }
        }

        static void start(Body body) {
            Thread thread = new Thread(() -> {
                try {
                    body.run();
                } catch (Exception cut) {
                    // The gate was closed.
                }
            });
            thread.setDaemon(true);
            thread.start();
        }
    }

    static ZooKeeper connect(Seen seen) throws Exception {
        ZooKeeper zk = new ZooKeeper(server, 10_000, seen);
        equal(true, seen.connected.await(10, TimeUnit.SECONDS));
        return zk;
    }

    static void check(String name, Body body) {
        long start = System.nanoTime();
        try {
            body.run();
            long took = (System.nanoTime() - start) / 1_000_000;
            System.err.println("ok      " + name + ", " + took + " ms");
        } catch (Throwable error) {
            failures++;
            System.err.println("FAILED  " + name);
            error.printStackTrace();
        }
    }

    static void fails(KeeperException.Code expected, Body body, KeeperException.Code... or) throws Exception {
        try {
            body.run();
        } catch (KeeperException error) {
            if (!Arrays.asList(or).contains(error.code())) equal(expected, error.code());
            return;
        }
        throw new AssertionError("no " + expected);
    }

    static void equal(Object expected, Object actual) {
        boolean same = expected == null ? actual == null : expected.equals(actual);
        if (!same) throw new AssertionError("expected " + expected + ", found " + actual);
    }

    static byte[] bytes(String text) {
        return text.getBytes(java.nio.charset.StandardCharsets.UTF_8);
    }

    static String text(byte[] data) {
        return data == null ? "null" : new String(data, java.nio.charset.StandardCharsets.UTF_8);
    }
}
