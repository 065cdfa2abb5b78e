//! Chapter 12: what must hold of sessions.

use std::collections::BTreeMap;
use std::time::Duration;

use jute::records::{Acl, CreateRequest, ErrorCode, OpCode, Perms, Txn, TxnHeader};
use machines::Dice;
use sessions::{
    ExpiryQueue, Sessions, first_session_id, is_password, may_attach, negotiate, next_session_id,
    password,
};
use znodes::{Access, Op, Pending, Preparation, Tree, apply};
use zxid::{ServerId, SessionId, Zxid};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn ids(ids: &[i64]) -> Vec<SessionId> {
    ids.iter().copied().map(SessionId).collect()
}

// 12.1: the expiry queue.

#[test]
fn a_bucket_ends_at_the_first_tick_after_the_timeout() {
    // (tick, now, timeout, end): (floor((now + timeout) / tick) + 1) * tick.
    for (tick, now, timeout, end) in [
        (2000, 0, 4000, 6000),
        (2000, 1, 4000, 6000),
        (2000, 1999, 4000, 6000),
        (2000, 2000, 4000, 8000),
        (2000, 0, 3999, 4000),
        (2000, 700, 10_000, 12_000),
        (300, 10_000, 1000, 11_100),
        (1, 5, 5, 11),
        (2000, 500, -7, 2000),
        (2000, 0, i32::MAX, 2_147_484_000),
    ] {
        let mut queue = ExpiryQueue::new(tick);
        queue.touch(SessionId(1), ms(now), timeout);
        assert_eq!(queue.deadline(), Some(ms(end)), "tick {tick}, now {now}, timeout {timeout}");
        assert_eq!(queue.poll(ms(end) - Duration::from_nanos(1)), [], "before the bucket's end");
        assert_eq!(queue.poll(ms(end)), ids(&[1]));
        assert_eq!(queue.deadline(), None);
    }
}

#[test]
fn a_session_of_four_seconds_lives_for_four_to_six() {
    for heard in (0..4000).step_by(7) {
        let mut queue = ExpiryQueue::new(2000);
        queue.touch(SessionId(1), ms(heard), 4000);
        let end = queue.deadline().unwrap();
        assert!(end > ms(heard + 4000), "expired {:?} early", ms(heard + 4000) - end);
        assert!(end <= ms(heard + 6000), "more than one tick late");
    }
}

#[test]
fn a_touched_session_leaves_its_old_bucket() {
    let mut queue = ExpiryQueue::new(1000);
    queue.touch(SessionId(1), ms(0), 1000);
    queue.touch(SessionId(2), ms(0), 1000);
    queue.touch(SessionId(1), ms(900), 1000);
    queue.touch(SessionId(1), ms(1500), 1000);
    assert_eq!(queue.poll(ms(2000)), ids(&[2]), "session 1 expired although touched");
    assert_eq!(queue.poll(ms(3000)), ids(&[1]));
    assert_eq!(queue.poll(ms(90_000)), [], "it expired twice");
}

#[test]
fn a_shorter_timeout_moves_a_session_to_an_earlier_bucket() {
    let mut queue = ExpiryQueue::new(1000);
    queue.touch(SessionId(1), ms(0), 30_000);
    queue.touch(SessionId(1), ms(100), 4000);
    assert_eq!(queue.poll(ms(5000)), ids(&[1]));
    assert!(queue.buckets().is_empty());
}

#[test]
fn a_touch_that_stays_in_its_bucket_changes_nothing() {
    let mut queue = ExpiryQueue::new(2000);
    queue.touch(SessionId(1), ms(0), 4000);
    let before = queue.clone();
    queue.touch(SessionId(1), ms(1999), 4000);
    assert_eq!(queue, before);
}

#[test]
fn sessions_end_in_the_order_of_their_buckets_and_ids() {
    let mut queue = ExpiryQueue::new(1000);
    for (session, timeout) in [(9, 1000), (3, 5000), (7, 1000), (1, 9000), (4, 1000)] {
        queue.touch(SessionId(session), ms(0), timeout);
    }
    assert!(queue.remove(SessionId(7)));
    assert!(!queue.remove(SessionId(7)), "it was removed before");
    assert_eq!(queue.poll(ms(60_000)), ids(&[4, 9, 3, 1]), "a late poll ends all that are due");
}

#[test]
fn no_session_ends_early_and_none_more_than_a_tick_late() {
    let (mut expired, mut saved) = (0, 0);
    for seed in 0..300 {
        let mut dice = Dice::new(seed);
        let tick = dice.between(1, 3000);
        let mut queue = ExpiryQueue::new(tick as u32);
        let mut ends = BTreeMap::new();
        let mut now = dice.time(Duration::ZERO, Duration::from_secs(100));
        for _ in 0..400 {
            now += dice.time(Duration::ZERO, ms(400));
            let session = SessionId(dice.between(1, 20) as i64);
            if dice.chance(300) {
                let timeout = dice.between(0, 8000);
                queue.touch(session, now, timeout as i32);
                saved += usize::from(ends.insert(session, now + ms(timeout)).is_some());
            } else if dice.chance(50) {
                assert_eq!(queue.remove(session), ends.remove(&session).is_some(), "seed {seed}");
            }
            for session in queue.poll(now) {
                let end = ends.remove(&session).expect("it expired twice, or was removed");
                assert!(end <= now, "seed {seed}: {session} expired {:?} early", end - now);
                expired += 1;
            }
            for (session, end) in &ends {
                assert!(*end + ms(tick) > now, "seed {seed}: {session} is more than a tick late");
            }
            let queued: usize = queue.buckets().values().map(|bucket| bucket.len()).sum();
            assert_eq!(queued, ends.len(), "seed {seed}: a session lies in one bucket");
            assert!(queue.buckets().values().all(|bucket| !bucket.is_empty()));
            assert!(queue.deadline().is_none_or(|deadline| deadline > now));
        }
    }
    assert!(expired > 1000 && saved > 1000, "{expired} expired, {saved} were saved by a touch");
}

// 12.2: who may go on with a session.

#[test]
fn a_timeout_is_granted_between_two_and_twenty_ticks() {
    // The first three as a server with ticks of 2 s answered.
    for (requested, granted) in [
        (0, 4000),
        (1_000_000_000, 40_000),
        (10_000, 10_000),
        (i32::MIN, 4000),
        (-1, 4000),
        (3999, 4000),
        (40_000, 40_000),
        (40_001, 40_000),
        (i32::MAX, 40_000),
    ] {
        assert_eq!(negotiate(requested, 4000, 40_000), granted, "requested {requested}");
    }
}

#[test]
fn the_bounds_of_a_timeout_are_those_of_the_server() {
    for (requested, granted) in [(30_000, 2000), (100, 200), (1000, 1000)] {
        assert_eq!(negotiate(requested, 200, 2000), granted, "requested {requested}");
    }
}

#[test]
fn who_has_seen_nothing_is_served_by_every_server() {
    for seen in [0, -1, i64::MIN] {
        assert!(may_attach(seen, Zxid::ZERO) && may_attach(seen, Zxid::new(1, 1)), "{seen}");
    }
}

#[test]
fn a_client_never_sees_time_run_backwards() {
    let (lagging, current) = (Zxid::new(2, 7), Zxid::new(3, 1));
    let seen = Zxid::new(2, 9).0 as i64;
    assert!(!may_attach(seen, lagging), "client would see time run backwards");
    assert!(may_attach(seen, current));
    assert!(may_attach(lagging.0 as i64, lagging), "it has seen no more than this server");
    assert!(!may_attach(lagging.0 as i64 + 1, lagging));
    assert!(!may_attach(0x100_0000_0000, Zxid(0xb8)), "as a server refused it");
    assert!(may_attach(0, Zxid::ZERO) && may_attach(-1, Zxid::ZERO));
    assert!(may_attach(1, Zxid::new(0x8000_0000, 1)), "a late epoch is no negative number");
}

#[test]
fn passwords_are_those_of_every_other_server() {
    // As servers gave them; the last as a Java program computed it.
    for (session, expected) in [
        (0x100001144e20001, 0xffbbf802a97b9c909f986922ce06640c),
        (0x100001e87bb0000, 0xa779f246a80713d35dfedb5e312491c3),
        (0x100001712dc002b, 0x4fdd1e665a5d30ed1077d6c37aac227b),
        (0x100001712dc001f, 0x062e2167db5dcf16eaf4164e1a289b3b),
        (0x100001eb041000f, 0x97fb06994ea66cb0351d4fb77fa0b6f1),
        (-1, 0x20f62cb5648dc2d771471c8a2486a9ee_u128),
    ] {
        assert_eq!(password(SessionId(session)), expected.to_be_bytes(), "{session:x}");
        assert!(is_password(SessionId(session), &expected.to_be_bytes()));
    }
}

#[test]
fn a_wrong_password_opens_no_session() {
    let session = SessionId(0x100001712dc0023);
    let right = password(session);
    for at in 0..16 {
        let mut wrong = right;
        wrong[at] ^= 1;
        assert!(!is_password(session, &wrong), "byte {at} is wrong");
    }
    assert!(!is_password(session, &[b'z'; 16]));
    assert!(!is_password(session, &[]), "no password");
    assert!(!is_password(session, &right[..15]), "too short");
    assert!(!is_password(session, &[right.as_slice(), &[0]].concat()), "too long");
    assert!(!is_password(SessionId(0x100001712dc0024), &right), "another session's");
    assert!(!is_password(SessionId::NONE, &password(SessionId::NONE)), "session zero is none");
}

// 12.3: the end of a session is proposed, and then done.

#[test]
fn an_expired_session_is_closing_until_its_end_is_committed() {
    let mut sessions = Sessions::new(1000);
    sessions.open(SessionId(1), 4000, ms(0));
    sessions.open(SessionId(2), 9000, ms(0));
    assert_eq!(sessions.deadline(), Some(ms(5000)));
    assert_eq!(sessions.expired(ms(4999)), []);
    assert_eq!(sessions.expired(ms(5000)), ids(&[1]));
    assert_eq!(sessions.len(), 2, "nothing is forgotten before the end is committed");
    assert!(sessions.is_closing(SessionId(1)) && !sessions.is_alive(SessionId(1)));
    assert_eq!(sessions.touch(SessionId(1), 4000, ms(5001)), None, "it came back to life");
    assert!(!sessions.attach(SessionId(1), 4000, ServerId(2), ms(5001)), "it came back to life");
    assert!(!sessions.closing(SessionId(1)), "its end was proposed twice");
    sessions.open(SessionId(1), 4000, ms(5001));
    assert_eq!(sessions.expired(ms(9999)), [], "it expired twice");
    assert!(sessions.close(SessionId(1)));
    assert!(!sessions.close(SessionId(1)), "it is forgotten already");
    assert!(!sessions.is_closing(SessionId(1)));
    assert_eq!(sessions.iter().collect::<Vec<_>>(), [(SessionId(2), 9000)]);
}

#[test]
fn a_session_that_its_client_closes_does_not_expire_as_well() {
    let mut sessions = Sessions::new(1000);
    sessions.open(SessionId(1), 4000, ms(0));
    assert!(sessions.closing(SessionId(1)));
    assert!(!sessions.closing(SessionId(1)));
    assert_eq!(sessions.expired(ms(60_000)), []);
    assert_eq!(sessions.check(SessionId(1), ServerId(1)), Err(ErrorCode::SessionExpired));
    assert!(!sessions.closing(SessionId(7)), "an unknown session");
}

#[test]
fn only_silence_ends_a_session_and_a_heartbeat_breaks_it() {
    let mut sessions = Sessions::new(1000);
    sessions.open(SessionId(1), 4000, ms(0));
    for second in 1..60 {
        let now = ms(second * 1000);
        assert_eq!(sessions.expired(now), []);
        // The client has lost its connection every other second, and is heard of in between.
        assert!(second % 2 == 0 || sessions.touch(SessionId(1), 4000, now).is_some());
    }
    assert_eq!(sessions.touch(SessionId(2), 4000, ms(0)), None, "a touch opens no session");
    assert_eq!(sessions.len(), 1);
}

#[test]
fn a_new_leader_gives_every_session_its_full_timeout() {
    let mut sessions = Sessions::new(2000);
    let now = ms(1_000_000);
    for session in 1..=3 {
        sessions.open(SessionId(session), 4000 * session as i32, now);
    }
    assert_eq!(sessions.expired(now + ms(4000)), []);
    assert_eq!(sessions.buckets().len(), 3);
    assert_eq!(sessions.expired(now + ms(6000)), ids(&[1]));
}

#[test]
fn another_timeout_counts_from_the_moment_a_client_comes_back_with_it() {
    let mut sessions = Sessions::new(1000);
    sessions.open(SessionId(1), 30_000, ms(0));
    assert!(sessions.attach(SessionId(1), 4000, ServerId(2), ms(0)));
    assert_eq!(sessions.deadline(), Some(ms(5000)));
    let kept: Vec<_> = sessions.iter().collect();
    assert_eq!(kept, [(SessionId(1), 30_000)], "the one that it began with is not forgotten");
}

#[test]
fn a_session_writes_through_one_server_only() {
    let (one, two) = (ServerId(1), ServerId(2));
    let mut sessions = Sessions::new(1000);
    sessions.open(SessionId(1), 4000, ms(0));
    assert_eq!(sessions.check(SessionId(1), one), Ok(()), "the first one owns it");
    assert_eq!(sessions.check(SessionId(1), two), Err(ErrorCode::SessionMoved));
    assert!(sessions.attach(SessionId(1), 4000, two, ms(0)));
    assert_eq!(sessions.owner(SessionId(1)), Some(two));
    assert_eq!(sessions.check(SessionId(1), two), Ok(()));
    assert_eq!(sessions.check(SessionId(1), one), Err(ErrorCode::SessionMoved), "it is stale");
    assert_eq!(sessions.check(SessionId(9), one), Err(ErrorCode::SessionExpired));
    assert!(!sessions.attach(SessionId(9), 4000, one, ms(0)), "an unknown session");
}

/// A server's tree, and what the leader has agreed to change.
struct Replica {
    tree: Tree,
    pending: Pending,
}

impl Replica {
    fn new() -> Replica {
        let tree = Tree::new(0, false);
        Replica { pending: Pending::over(&tree), tree }
    }

    fn prepare_create(&mut self, session: SessionId, zxid: u64, path: &str) -> Txn<'static> {
        let request =
            CreateRequest { path: path.to_string().into(), data: None, acl: Acl::open(), flags: 1 };
        let create = Op::Create { op: OpCode::Create, request, ttl: None };
        let (tree, pending) = (&self.tree, &mut self.pending);
        let mut preparation = Preparation::new(tree, pending, &Anybody, session, Zxid(zxid), 0);
        preparation.write(create).unwrap()
    }

    fn prepare_close(&mut self, session: SessionId, zxid: u64) -> Txn<'static> {
        let (tree, pending) = (&self.tree, &mut self.pending);
        Preparation::new(tree, pending, &Anybody, session, Zxid(zxid), 0).close_session()
    }

    fn apply(&mut self, session: SessionId, zxid: u64, txn: &Txn<'_>) {
        let op = txn.op_code().code();
        let header = TxnHeader { session, cxid: 0, zxid: Zxid(zxid), time: 0, op };
        apply(&mut self.tree, &header, txn, &mut Vec::new());
        self.pending.applied(Zxid(zxid));
    }
}

/// Somebody to whom everything is allowed.
struct Anybody;

impl Access for Anybody {
    fn allows(&self, _: &[Acl], _: Perms) -> bool {
        true
    }

    fn resolve(&self, acl: Vec<Acl>) -> Result<Vec<Acl>, ErrorCode> {
        Ok(acl)
    }
}

#[test]
fn the_end_of_a_session_takes_its_nodes_on_all_servers_at_one_zxid() {
    let (one, two) = (SessionId(1), SessionId(2));
    let mut sessions = Sessions::new(1000);
    let mut replicas = [Replica::new(), Replica::new(), Replica::new()];
    sessions.open(one, 4000, ms(0));
    sessions.open(two, 30_000, ms(0));
    for (zxid, session, path) in [(1, one, "/a"), (2, two, "/b"), (3, one, "/c")] {
        let txn = replicas[0].prepare_create(session, zxid, path);
        replicas.iter_mut().for_each(|replica| replica.apply(session, zxid, &txn));
    }
    // The last is agreed, but not applied anywhere when the session expires.
    let late = replicas[0].prepare_create(one, 4, "/late");

    assert_eq!(sessions.expired(ms(5000)), [one]);
    let leader = &replicas[0].tree;
    assert!(leader.node("/a").is_some(), "it is gone before its end was agreed");
    let close = replicas[0].prepare_close(one, 5);
    let Txn::CloseSession(Some(closed)) = &close else { panic!("no end of a session: {close:?}") };
    let mut paths: Vec<_> = closed.paths.iter().map(|path| path.as_ref()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["/a", "/c", "/late"], "what is agreed and not applied counts too");

    for replica in &mut replicas {
        replica.apply(one, 4, &late);
        replica.apply(one, 5, &close);
        let gone = ["/a", "/c", "/late"].map(|path| replica.tree.node(path).is_none());
        assert_eq!(gone, [true; 3]);
        assert!(replica.tree.node("/b").is_some(), "another session's");
        assert_eq!(replica.tree.node("/").unwrap().stat().pzxid, Zxid(5));
    }
    assert!(sessions.close(one));
    let digests = replicas.map(|replica| replica.tree.digest());
    assert!(digests[0] == digests[1] && digests[1] == digests[2], "replicas differ");
}

// 12.4: session ids.

#[test]
fn the_top_byte_of_a_session_id_is_its_server() {
    // The time of one that a server gave: 0x100001144e20001 was its second.
    assert_eq!(first_session_id(ServerId(1), 0x1144e2, None), SessionId(0x100001144e20000));
    // Bit 39 of the time is where the sign comes from if the shift is not of unsigned numbers.
    for now_ms in [1 << 39, 1_795_219_200_000, (1 << 40) - 1, i64::MAX, -1] {
        for server in [0, 1, 5, 127, 128, 254] {
            let first = first_session_id(ServerId(server), now_ms, None).0;
            assert_eq!(first >> 56 & 0xff, server, "negative id overwrites the server byte");
            assert_eq!(first & 0xffff, 0, "a millisecond leaves room for 65,536 sessions");
        }
    }
}

#[test]
fn ids_rise_over_restarts_even_if_the_wall_clock_is_set_back() {
    let server = ServerId(3);
    let first = first_session_id(server, 1_795_219_200_000, None);
    assert!(first_session_id(server, 1_795_219_200_001, None) > first);
    let last = SessionId(first.0 + 12);
    let again = first_session_id(server, 1_700_000_000_000, Some(last));
    assert_eq!(again, SessionId(last.0 + 1));
    let later = first_session_id(server, 1_795_219_200_001, Some(last));
    assert_eq!(later.0, first.0 + 0x10000, "no need to look back");
}

#[test]
fn no_session_has_the_id_of_none_or_of_the_owner_of_containers() {
    assert_eq!(first_session_id(ServerId(0), 0, None), SessionId(1));
    assert_eq!(first_session_id(ServerId(128), 0, None), SessionId(i64::MIN + 1));
}

#[test]
fn ids_do_not_count_into_the_byte_of_another_server() {
    assert_eq!(next_session_id(SessionId(0x1_0000_0000_0001)), SessionId(0x1_0000_0000_0002));
    assert_eq!(next_session_id(SessionId(0x01ff_ffff_ffff_ffff)), SessionId(0x0100_0000_0000_0000));
    assert_eq!(next_session_id(SessionId(-1)), SessionId(-1 << 56));
    assert_eq!(next_session_id(SessionId(i64::MAX)), SessionId(127 << 56));
}

#[test]
fn a_touch_says_until_when_another_would_change_nothing() {
    let mut queue = ExpiryQueue::new(2000);
    for (timeout, heard) in [(4000, 0), (4000, 1999), (5000, 700), (-7, 3), (1, 123_456)] {
        let from = queue.touch(SessionId(1), ms(heard), timeout);
        let deadline = queue.deadline();
        assert!(from > ms(heard) && from <= ms(heard + 2000));
        queue.touch(SessionId(1), from - ms(1), timeout);
        assert_eq!(queue.deadline(), deadline, "timeout {timeout} heard at {heard}");
        queue.touch(SessionId(1), from, timeout);
        assert!(queue.deadline() > deadline, "timeout {timeout} heard at {heard}");
    }
}
