//! Sessions: how they begin, go on elsewhere, and end.

use jute::records::{AuthPacket, ConnectRequest, ErrorCode, GetAclResponse, PathRequest};
use protocol::Request;
use server::{Notice, Refused};
use zxid::SessionId;

use crate::stage::{Heard, Stage, create, exists, get, new_session, set, settings};

fn again<'a>(session: SessionId, password: &'a [u8]) -> ConnectRequest<'a> {
    ConnectRequest { session_id: session, password: Some(password), ..new_session(10_000) }
}

fn refused(stage: &Stage, wanted: Refused) -> bool {
    let is = |notice: &Notice| matches!(notice, Notice::Refused { why, .. } if *why == wanted);
    stage.notices.iter().any(is)
}

#[test]
fn the_timeout_is_negotiated() {
    let mut stage = Stage::new(settings());
    for (number, (asked, agreed)) in
        (1..).zip([(10_000, 10_000), (1, 4000), (-5, 4000), (i32::MAX, 40_000)])
    {
        stage.open(number);
        stage.connect(number, &new_session(asked));
        stage.run_disk();
        let heard = stage.heard(number);
        let [Heard::Connected { session, timeout, password }] = &heard[..] else {
            panic!("{heard:?}")
        };
        assert_eq!(*timeout, agreed);
        assert_eq!(stage.server.state().sessions.get(session), Some(&agreed));
        assert!(sessions::is_password(*session, password));
    }
}

#[test]
fn what_comes_before_the_session_is_there_is_answered_after_it() {
    let mut stage = Stage::new(settings());
    stage.open(1);
    stage.connect(1, &new_session(10_000));
    stage.ask(1, 1, &exists("/a", false));
    stage.ask(1, 2, &create("/a", 1));
    stage.drain();
    stage.ask(1, 3, &exists("/a", false));
    stage.ask(1, 4, &Request::CloseSession);
    stage.ask(1, 5, &exists("/a", false));
    stage.run_disk();
    assert_eq!(stage.order(1), [0, 1, 2, 3, 4]);
    assert!(stage.closed.contains(&1));
}

#[test]
fn nothing_is_heard_behind_the_end_of_a_session() {
    let mut stage = Stage::new(settings());
    let (session, _) = stage.join(1);
    stage.join(2);
    stage.call(1, 1, &create("/e", 1));
    stage.call(2, 1, &exists("/e", true));
    stage.ask(1, 2, &create("/before", 0));
    stage.ask(1, 3, &Request::CloseSession);
    stage.ask(1, 4, &create("/after", 0));
    stage.ask(1, 5, &exists("/", false));
    stage.drain();
    stage.ask(1, 6, &Request::CloseSession);
    stage.run_disk();
    assert_eq!(stage.order(1), [2, 3]);
    assert!(stage.closed.contains(&1));
    let state = stage.server.state();
    assert!(state.tree.node("/before").is_some() && state.tree.node("/after").is_none());
    assert!(state.tree.node("/e").is_none() && !state.sessions.contains_key(&session));
    assert_eq!(stage.heard(2), [Heard::Event { kind: 2, path: "/e".to_owned() }]);
    let closed = Notice::SessionClosed { session, expired: false };
    assert!(stage.notices.contains(&closed));
}

#[test]
fn silence_ends_a_session_within_a_tick_after_its_timeout_and_not_before() {
    let mut stage = Stage::new(settings());
    let (session, password) = stage.join(1);
    stage.join(2);
    stage.call(1, 1, &create("/e", 1));
    stage.call(2, 1, &exists("/e", true));
    for _ in 0..10 {
        stage.pass(1000);
        stage.call(2, 2, &Request::Ping);
    }
    assert!(stage.server.state().tree.node("/e").is_some(), "it is early");
    stage.pass(2000);
    assert!(stage.closed.contains(&1));
    assert!(!stage.closed.contains(&2), "whoever says something lives");
    let state = stage.server.state();
    assert!(state.tree.node("/e").is_none() && !state.sessions.contains_key(&session));
    assert_eq!(stage.heard(2), [Heard::Event { kind: 2, path: "/e".to_owned() }]);
    assert!(stage.notices.contains(&Notice::SessionClosed { session, expired: true }));
    stage.open(3);
    stage.connect(3, &again(session, &password));
    stage.run_disk();
    assert!(matches!(&stage.heard(3)[..], [Heard::Connected { timeout: 0, .. }]));
    assert!(stage.closed.contains(&3));
}

#[test]
fn a_lost_connection_ends_no_session_and_setting_the_wall_clock_none_either() {
    let mut stage = Stage::new(settings());
    let (session, password) = stage.join(1);
    stage.call(1, 1, &create("/e", 1));
    stage.call(1, 2, &get("/e", true));
    stage.lose(1);
    stage.now.wall_ms += 86_400_000;
    stage.pass(9000);
    assert!(stage.server.state().tree.node("/e").is_some());
    assert_eq!(stage.server.watches().count(), 0, "watches go with the connection");
    stage.open(2);
    stage.connect(2, &again(session, &password));
    stage.run_disk();
    let connected = Heard::Connected { session, timeout: 10_000, password };
    assert_eq!(stage.heard(2), [connected]);
    stage.pass(9000);
    assert!(stage.server.state().tree.node("/e").is_some(), "its time began anew");
}

#[test]
fn a_session_that_goes_on_elsewhere_leaves_its_old_connection() {
    let mut stage = Stage::new(settings());
    let (session, password) = stage.join(1);
    let last = stage.server.state().last;
    stage.ask(1, 1, &create("/a", 0));
    stage.open(2);
    stage.connect(2, &again(session, &password));
    stage.ask(2, 1, &create("/b", 1));
    stage.run_disk();
    assert!(stage.closed.contains(&1) && refused(&stage, Refused::SessionMoved));
    assert_eq!(stage.order(1), [0; 0]);
    assert_eq!(stage.order(2), [0, 1]);
    assert_eq!(stage.server.state().last.0, last.0 + 2, "going on takes no zxid");
    assert_eq!(stage.server.state().tree.ephemerals_of(session), ["/b"]);
}

#[test]
fn a_wrong_password_is_refused_and_disturbs_nobody() {
    let mut stage = Stage::new(settings());
    let (session, password) = stage.join(1);
    let mut wrong = password.clone();
    wrong[15] ^= 1;
    let unknown = SessionId(session.0 + 1);
    let of_unknown = sessions::password(unknown);
    let attempts: [(SessionId, &[u8]); 5] = [
        (session, &wrong),
        (session, &[0; 16]),
        (session, &password[..15]),
        (session, b""),
        (unknown, &of_unknown),
    ];
    for (number, (session, shown)) in (2..).zip(attempts) {
        stage.open(number);
        stage.connect(number, &again(session, shown));
        stage.run_disk();
        let nothing = Heard::Connected { session: SessionId(0), timeout: 0, password: vec![0; 16] };
        assert_eq!(stage.heard(number), [nothing]);
        assert!(stage.closed.contains(&number));
    }
    assert!(!stage.closed.contains(&1));
    assert_eq!(stage.call(1, 1, &exists("/", false)).len(), 1);
}

#[test]
fn a_client_that_has_seen_more_is_sent_away() {
    let mut stage = Stage::new(settings());
    let last = stage.server.state().last.0 as i64;
    for (number, seen, welcome) in [(1, last + 2, false), (2, last, true), (3, -1, true)] {
        stage.open(number);
        let request = ConnectRequest { last_zxid_seen: seen, ..new_session(10_000) };
        stage.connect(number, &request);
        stage.run_disk();
        assert_eq!(stage.heard(number).len(), usize::from(welcome), "after {seen}");
        assert_eq!(stage.closed.contains(&number), !welcome);
    }
    assert!(refused(&stage, Refused::AheadOfServer));
}

#[test]
fn a_first_frame_that_is_no_connect_request_ends_the_connection() {
    let mut stage = Stage::new(settings());
    for (number, frame) in [(1, &b""[..]), (2, b"\0\0\0"), (3, &[0xff; 23])] {
        stage.open(number);
        stage.frame(number, frame);
        stage.drain();
        assert!(stage.closed.contains(&number));
        assert_eq!(stage.heard(number), []);
    }
    assert!(refused(&stage, Refused::BadConnectRequest));
    assert_eq!(stage.syncs(), 0);
}

#[test]
fn credentials_count_from_the_next_request_and_wrong_ones_end_the_connection() {
    let mut stage = Stage::new(settings());
    stage.join(1);
    let auth = |scheme: &str, auth: &'static [u8]| {
        Request::Auth(AuthPacket { kind: 0, scheme: scheme.to_owned().into(), auth: Some(auth) })
    };
    assert_eq!(stage.order(1), [0; 0]);
    let heard = stage.call(1, -4, &auth("digest", b"bob:pw"));
    assert!(matches!(heard[..], [Heard::Reply { xid: -4, err: 0, .. }]));
    let me = jute::records::Acl::new(jute::records::Perms::ALL, "auth", "");
    let request = jute::records::SetAclRequest { path: "/".into(), acl: vec![me], version: -1 };
    stage.call(1, 1, &Request::SetAcl(request));
    let heard = stage.call(1, 2, &Request::GetAcl(PathRequest { path: "/".into() }));
    let [Heard::Reply { body, .. }] = &heard[..] else { panic!("{heard:?}") };
    let response: GetAclResponse = jute::from_slice(body).unwrap();
    assert_eq!(response.acl[0].id.id, "bob:ikIaKsbtGweaHnb/jKn7OHqbunM=");
    stage.join(2);
    let no_auth = ErrorCode::NoAuth.code();
    let heard = stage.call(2, 1, &set("/", b"x"));
    assert!(matches!(heard[..], [Heard::Reply { err, .. }] if err == no_auth));

    let heard = stage.call(1, -4, &auth("nonsense", b"x"));
    let failed = ErrorCode::AuthFailed.code();
    assert!(matches!(heard[..], [Heard::Reply { xid: -4, err, .. }] if err == failed));
    assert!(stage.closed.contains(&1) && refused(&stage, Refused::AuthFailed));
}

#[test]
fn after_a_restart_everything_is_there_and_sessions_have_their_full_time() {
    let mut stage = Stage::new(settings());
    let (session, password) = stage.join(1);
    stage.call(1, 1, &create("/e", 1));
    stage.call(1, 2, &create("/p", 2));
    stage.pass(9000);
    let state = stage.server.state().clone();
    let mut stage = stage.restart(settings());
    assert!(*stage.server.state() == state);
    stage.pass(9000);
    assert!(stage.server.state().tree.node("/e").is_some());
    stage.open(1);
    stage.connect(1, &again(session, &password));
    assert_eq!(stage.call(1, 1, &create("/p", 2)).len(), 2);
    assert!(stage.server.state().tree.node("/p0000000002").is_some(), "counting goes on");
    let (new, _) = stage.join(2);
    assert!(new > session, "no session's id is given again");
    stage.lose(1);
    stage.pass(13_000);
    assert!(stage.server.state().tree.node("/e").is_none(), "its silence counts here too");
}
