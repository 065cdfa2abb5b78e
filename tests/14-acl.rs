//! Chapter 14: what must hold of permissions.

#[path = "14-acl/addresses.rs"]
mod addresses;

use std::net::IpAddr;
use std::sync::Arc;

use acl::{
    AuthFailed, Identities, NodeRef, Settings, check_digest_algorithm, digest, mask, required,
};
use jute::records::{
    Acl, CreateTxn, DeleteRequest, ErrorCode, Id, OpCode, Perms, SetDataRequest, Txn, TxnHeader,
};
use znodes::{Access, Op, Pending, Preparation, Tree, apply};
use zxid::{SessionId, Zxid};

/// As a server computed it.
const BOB: &str = "bob:ikIaKsbtGweaHnb/jKn7OHqbunM=";

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A connection from 10.1.2.3 that has presented these users and passwords.
fn connection(settings: &Arc<Settings>, proofs: &[&str]) -> Identities {
    let mut identities = Identities::new(address("10.1.2.3"), settings);
    for proof in proofs {
        identities.authenticate("digest", Some(proof.as_bytes())).unwrap();
    }
    identities
}

fn default_settings() -> Arc<Settings> {
    Arc::new(Settings::default())
}

fn with_super() -> Arc<Settings> {
    let super_digest = Some(digest("super:secret"));
    Arc::new(Settings { super_digest, ..Settings::default() })
}

fn list(entries: &[(Perms, &str, &str)]) -> Vec<Acl> {
    entries.iter().map(|(perms, scheme, id)| Acl::new(*perms, *scheme, *id)).collect()
}

// 14.1: what is needed, and who has it.

#[test]
fn each_operation_needs_its_permission_on_its_node() {
    use OpCode::*;
    let (on_node, on_parent) = (NodeRef::Node, NodeRef::Parent);
    for (needed, ops) in [
        (Some((on_parent, Perms::CREATE)), vec![Create, Create2, CreateContainer, CreateTtl]),
        (Some((on_parent, Perms::DELETE)), vec![Delete]),
        (Some((on_node, Perms::WRITE)), vec![SetData, Reconfig]),
        (Some((on_node, Perms::ADMIN)), vec![SetAcl]),
        (Some((on_node, Perms(1 | 16))), vec![GetAcl]),
        (
            Some((on_node, Perms::READ)),
            vec![GetData, GetChildren, GetChildren2, GetAllChildrenNumber, Check, Exists],
        ),
        (None, vec![AddWatch, RemoveWatches, CheckWatches, SetWatches, SetWatches2]),
        (None, vec![Sync, GetEphemerals, Ping, WhoAmI, Auth, Sasl, Multi, MultiRead]),
        (None, vec![DeleteContainer, CreateSession, CloseSession, Error]),
    ] {
        for op in ops {
            assert_eq!(required(op), needed, "{op}");
        }
    }
}

#[test]
fn an_entry_gives_what_it_says_to_whom_it_names() {
    let bob = connection(&default_settings(), &["bob:pw"]);
    let ops = [
        OpCode::Create,
        OpCode::Delete,
        OpCode::SetData,
        OpCode::SetAcl,
        OpCode::GetAcl,
        OpCode::GetData,
    ];
    for (scheme, id, is_bob) in [
        ("world", "anyone", true),
        ("world", "someone", false),
        ("digest", BOB, true),
        ("digest", "bob:other", false),
        ("digest", "bob", false),
        ("ip", "10.1.2.3", true),
        ("ip", "10.1.0.0/16", true),
        ("ip", "10.1.2.4", false),
        ("auth", "", false),
        ("super", "", false),
        ("sasl", BOB, false),
        ("", "", false),
    ] {
        for given in [1, 2, 4, 8, 16, 31, 0, 224].map(Perms) {
            for op in ops {
                let (_, needed) = required(op).unwrap();
                let acl = list(&[(given, scheme, id)]);
                let expected = is_bob && given.meets(needed);
                assert_eq!(bob.allows(&acl, needed), expected, "{op} by {}", acl[0]);
            }
        }
    }
}

#[test]
fn one_entry_that_matches_is_enough_wherever_it_stands() {
    let bob = connection(&default_settings(), &["bob:pw"]);
    let mut acl = list(&[
        (Perms::READ, "ip", "192.168.0.1"),
        (Perms::WRITE, "digest", "alice:x"),
        (Perms::READ | Perms::WRITE, "digest", BOB),
        (Perms::CREATE, "world", "anyone"),
    ]);
    for _ in 0..2 {
        assert!(bob.allows(&acl, Perms::READ) && bob.allows(&acl, Perms::WRITE));
        assert!(bob.allows(&acl, Perms::CREATE));
        assert!(!bob.allows(&acl, Perms::DELETE) && !bob.allows(&acl, Perms::ADMIN));
        assert!(bob.allows(&acl, Perms::READ | Perms::ADMIN), "any of the two will do");
        acl.reverse();
    }
}

#[test]
fn an_address_is_enough_to_be_named_by_one_entry_of_several() {
    let somebody = connection(&default_settings(), &[]);
    let mut acl = list(&[
        (Perms::ALL, "digest", BOB),
        (Perms::WRITE, "ip", "10.1.2.3"),
        (Perms::ADMIN, "ip", "192.168.0.1"),
        (Perms::READ, "world", "anyone"),
    ]);
    for _ in 0..2 {
        assert!(somebody.allows(&acl, Perms::READ) && somebody.allows(&acl, Perms::WRITE));
        assert!(!somebody.allows(&acl, Perms::CREATE) && !somebody.allows(&acl, Perms::DELETE));
        assert!(!somebody.allows(&acl, Perms::ADMIN), "it is somebody else's address");
        assert!(somebody.allows(&acl, Perms::READ | Perms::ADMIN), "any of the two will do");
        acl.reverse();
    }
}

#[test]
fn who_is_known_at_another_server_may_do_here_what_the_list_says() {
    let acl = list(&[(Perms::WRITE, "digest", BOB), (Perms::READ, "world", "anyone")]);
    for (scheme, id, may_write, may_delete) in [
        ("digest", BOB, true, false),
        ("digest", "bob:other", false, false),
        ("super", "", true, true),
    ] {
        let who = Identities::forwarded(vec![Id::new(scheme, id)], &default_settings());
        assert!(who.allows(&acl, Perms::READ), "everybody may read: {scheme}:{id}");
        assert_eq!(who.allows(&acl, Perms::WRITE), may_write, "write by {scheme}:{id}");
        assert_eq!(who.allows(&acl, Perms::DELETE), may_delete, "delete by {scheme}:{id}");
    }
}

#[test]
fn a_list_without_entries_lets_everybody_do_everything() {
    let nobody = Identities::forwarded(vec![], &default_settings());
    assert!(nobody.allows(&[], Perms::ADMIN));
    assert!(nobody.allows(&Acl::open(), Perms::ADMIN));
    assert!(!nobody.allows(&list(&[(Perms(0), "world", "anyone")]), Perms::ALL));
}

#[test]
fn who_has_the_super_password_may_do_everything() {
    let private = list(&[(Perms::READ, "digest", "alice:x")]);
    let mut operator = connection(&with_super(), &["super:wrong"]);
    assert!(!operator.allows(&private, Perms::DELETE));
    operator.authenticate("digest", Some(b"super:secret")).unwrap();
    assert!(operator.allows(&private, Perms::DELETE));
    assert!(operator.allows(&list(&[(Perms(0), "nosuch", "x")]), Perms::ADMIN));
    let ordinary = connection(&default_settings(), &["super:secret"]);
    assert!(!ordinary.allows(&private, Perms::DELETE), "nobody has set a super digest");
}

#[test]
fn with_checks_switched_off_lists_are_still_checked_when_they_are_set() {
    let settings = Arc::new(Settings { skip_acl: true, ..Settings::default() });
    let anybody = connection(&settings, &[]);
    assert!(anybody.allows(&list(&[(Perms::READ, "digest", "alice:x")]), Perms::DELETE));
    let wrong = list(&[(Perms::ALL, "nosuch", "x")]);
    assert_eq!(anybody.resolve(wrong), Err(ErrorCode::InvalidAcl));
    assert_eq!(anybody.resolve(vec![]), Err(ErrorCode::InvalidAcl));
}

/// What comes of one write to a tree with /mine, which is bob's, and /mine/open, which is everyone's.
fn write(who: &Identities, op: Op<'_>) -> Result<(), ErrorCode> {
    let mut tree = Tree::new(0, false);
    let mine = list(&[(Perms::ALL, "digest", BOB)]);
    for (zxid, path, acl) in [(1, "/mine", mine), (2, "/mine/open", Acl::open())] {
        let (path, zxid) = (path.into(), Zxid(zxid));
        let txn =
            Txn::Create(CreateTxn { path, data: None, acl, ephemeral: false, parent_cversion: -1 });
        let op = OpCode::Create.code();
        let header = TxnHeader { session: SessionId::NONE, cxid: 0, zxid, time: 0, op };
        apply(&mut tree, &header, &txn, &mut Vec::new());
    }
    let mut pending = Pending::over(&tree);
    let session = SessionId::NONE;
    Preparation::new(&tree, &mut pending, who, session, Zxid(3), 0).write(op).map(drop)
}

#[test]
fn the_parent_decides_who_may_create_and_delete() {
    let (stranger, bob) =
        (connection(&default_settings(), &[]), connection(&default_settings(), &["bob:pw"]));
    let delete = |path: &'static str| Op::Delete(DeleteRequest { path: path.into(), version: -1 });
    assert_eq!(write(&stranger, delete("/mine/open")), Err(ErrorCode::NoAuth));
    assert_eq!(write(&bob, delete("/mine/open")), Ok(()));
    // Its own list does not protect /mine: only its child does.
    assert_eq!(write(&stranger, delete("/mine")), Err(ErrorCode::NotEmpty));
}

#[test]
fn a_child_does_not_inherit_the_list_of_its_parent() {
    let stranger = connection(&default_settings(), &[]);
    let set_data = |path: &'static str| {
        Op::SetData(SetDataRequest { path: path.into(), data: None, version: -1 })
    };
    assert_eq!(write(&stranger, set_data("/mine/open")), Ok(()));
    assert_eq!(write(&stranger, set_data("/mine")), Err(ErrorCode::NoAuth));
}

// 14.2: users and passwords.

#[test]
fn a_digest_is_of_user_and_password_together() {
    for (proof, expected) in [
        ("bob:pw", BOB),
        ("super:secret", "super:lK75jTNcA+U9vtVEw5vB51mj/w4="),
        ("a:b:c", "a:cLzgnoJ6mP5qz3w+mwvPE2vDgu0="),
        (":pw", ":krPDEYdCl854cFNT6IXnoMv+VVA="),
        ("alone", "alone:GwXWN/BAnMmbTdC1Aj5CHFLZt2Q="),
    ] {
        assert_eq!(digest(proof), expected, "{proof}");
    }
}

#[test]
fn identities_accumulate_and_do_not_repeat() {
    let mut who = connection(&default_settings(), &["bob:pw", "alice:pw", "bob:pw"]);
    assert_eq!(who.authenticate("ip", None), Ok(()));
    assert_eq!(who.authenticate("ip", Some(b"9.9.9.9")), Ok(()), "the address is known already");
    let expected =
        [Id::new("ip", "10.1.2.3"), Id::new("digest", BOB), Id::new("digest", digest("alice:pw"))];
    assert_eq!(who.ids(), expected);
    assert_eq!(Identities::forwarded(expected.to_vec(), &default_settings()), who);
}

#[test]
fn credentials_of_other_schemes_are_refused() {
    let mut who = connection(&default_settings(), &[]);
    for scheme in ["nosuch", "world", "auth", "super", "sasl", "x509", "", "Digest"] {
        assert_eq!(who.authenticate(scheme, Some(b"x:y")), Err(AuthFailed), "{scheme}");
    }
    assert_eq!(who.authenticate("digest", None), Err(AuthFailed), "nothing is presented");
    assert_eq!(who.ids(), [Id::new("ip", "10.1.2.3")]);
}

#[test]
fn credentials_may_be_any_bytes() {
    let mut who = connection(&default_settings(), &[]);
    who.authenticate("digest", Some(b"caf\xe9:pw")).unwrap();
    who.authenticate("digest", Some(b"")).unwrap();
    let lossy = Id::new("digest", "caf\u{fffd}:bD0qt7w9QZ987mFGBxHtCHr3TxE=");
    let empty = Id::new("digest", ":2jmj7l5rSw0yVb/vlWAYkK/YBwk=");
    assert_eq!(who.ids()[1..], [lossy, empty]);
}

#[test]
fn a_connection_cannot_collect_identities_without_end() {
    let mut who = connection(&with_super(), &[]);
    for number in 1..Identities::LIMIT {
        who.authenticate("digest", Some(format!("u{number}:pw").as_bytes())).unwrap();
    }
    assert_eq!(who.authenticate("digest", Some(b"one more")), Err(AuthFailed));
    assert_eq!(who.authenticate("digest", Some(b"u1:pw")), Ok(()), "this one it has");
    assert_eq!(who.ids().len(), Identities::LIMIT);
    let many = (32..1000).map(|perms| Acl::new(Perms(perms), "auth", "")).collect();
    assert_eq!(who.resolve(many), Err(ErrorCode::InvalidAcl), "a list of 95,832 entries");
}

#[test]
fn without_the_scheme_digest_nobody_is_a_user() {
    let settings = Arc::new(Settings { digest: false, ..Settings::default() });
    let mut who = connection(&settings, &[]);
    assert_eq!(who.authenticate("digest", Some(b"bob:pw")), Err(AuthFailed));
    let bob = Identities::forwarded(vec![Id::new("digest", BOB)], &settings);
    let acl = list(&[(Perms::ALL, "digest", BOB)]);
    assert!(!bob.allows(&acl, Perms::READ));
    assert_eq!(bob.resolve(acl), Err(ErrorCode::InvalidAcl));
    assert_eq!(bob.resolve(list(&[(Perms::ALL, "auth", "")])), Err(ErrorCode::InvalidAcl));
}

#[test]
fn who_am_i_tells_users_and_no_secrets() {
    let who = connection(&with_super(), &["super:secret", "a:b:c"]);
    let told: Vec<_> = who.who_am_i().into_iter().map(|info| (info.scheme, info.user)).collect();
    let expected = [("ip", "10.1.2.3"), ("super", ""), ("digest", "super"), ("digest", "a")];
    assert_eq!(told, expected.map(|(scheme, user)| (scheme.to_string(), user.to_string())));
}

#[test]
fn another_digest_algorithm_is_refused_when_it_is_configured() {
    assert_eq!(check_digest_algorithm("SHA1"), Ok(()));
    assert_eq!(check_digest_algorithm("sha-1"), Ok(()));
    let refused = check_digest_algorithm("SHA3-256").unwrap_err();
    assert_eq!(refused.to_string(), "the digest algorithm SHA3-256 is not supported, only SHA1 is");
}

// 14.3: what a reader may see of a list.

#[test]
fn a_digest_is_shown_only_to_who_could_change_it() {
    let settings = with_super();
    let acl = list(&[
        (Perms::READ, "world", "anyone"),
        (Perms::ALL, "digest", BOB),
        (Perms::ALL, "digest", ":x:y\n:z"),
        (Perms::ALL, "digest", "none"),
        (Perms::ALL, "ip", "1:2::3"),
    ]);
    let masked = list(&[
        (Perms::READ, "world", "anyone"),
        (Perms::ALL, "digest", "bob:x"),
        (Perms::ALL, "digest", ":x"),
        (Perms::ALL, "digest", "none"),
        (Perms::ALL, "ip", "1:2::3"),
    ]);
    assert_eq!(mask(&acl, &connection(&settings, &[])), masked, "the hash went to any reader");
    assert_eq!(mask(&acl, &connection(&settings, &["bob:other"])), masked);
    assert_eq!(mask(&acl, &connection(&settings, &["bob:pw"])), acl);
    assert_eq!(mask(&acl, &connection(&settings, &["super:secret"])), acl);
}

#[test]
fn who_may_read_a_list_and_not_change_it_sees_no_digest_not_even_their_own() {
    let acl = list(&[(Perms::READ, "digest", BOB), (Perms::ALL, "digest", "alice:secret")]);
    let masked = list(&[(Perms::READ, "digest", "bob:x"), (Perms::ALL, "digest", "alice:x")]);
    assert_eq!(mask(&acl, &connection(&default_settings(), &["bob:pw"])), masked);
}

#[test]
fn a_list_is_shown_with_all_its_entries_in_their_order() {
    let acl = list(&[
        (Perms::WRITE, "digest", "bob:one"),
        (Perms::READ, "ip", "10.0.0.0/8"),
        (Perms::WRITE, "digest", "bob:two"),
        (Perms::READ, "digest", "alice:three"),
    ]);
    let masked = list(&[
        (Perms::WRITE, "digest", "bob:x"),
        (Perms::READ, "ip", "10.0.0.0/8"),
        (Perms::WRITE, "digest", "bob:x"),
        (Perms::READ, "digest", "alice:x"),
    ]);
    assert_eq!(mask(&acl, &connection(&default_settings(), &[])), masked);
}

// Lists as they are set.

#[test]
fn a_list_names_only_who_can_be_named() {
    let who = connection(&with_super(), &["bob:pw", "super:secret"]);
    for (scheme, id, valid) in [
        ("world", "anyone", true),
        ("world", "bob", false),
        ("world", "", false),
        ("digest", "a:b", true),
        ("digest", ":b", true),
        ("digest", "a:b:", true),
        ("digest", "a", false),
        ("digest", "a:", false),
        ("digest", "a:b:c", false),
        ("digest", "::b", false),
        ("digest", ":", false),
        ("digest", "", false),
        ("ip", "10.0.0.0/8", true),
        ("ip", "::1", true),
        ("ip", "10.0.0.0/33", false),
        ("ip", "localhost", false),
        ("super", "", false),
        ("super", "super", false),
        ("sasl", "bob", false),
        ("nosuch", "x", false),
        ("", "anyone", false),
    ] {
        for perms in [0, 31, 255, -1].map(Perms) {
            let acl = list(&[(Perms::READ, "world", "anyone"), (perms, scheme, id)]);
            let expected = if valid { Ok(acl.clone()) } else { Err(ErrorCode::InvalidAcl) };
            assert_eq!(who.resolve(acl), expected, "{scheme}:{id}");
        }
    }
}

#[test]
fn a_repeated_entry_is_dropped_and_the_first_one_stays() {
    let who = connection(&default_settings(), &[]);
    let (a, b) = ((Perms::READ, "digest", "a:x"), (Perms::READ, "digest", "b:x"));
    let other = (Perms::ALL, "digest", "a:x");
    assert_eq!(who.resolve(list(&[b, a, other, b, a])), Ok(list(&[b, a, other])));
}

#[test]
fn the_scheme_auth_stands_for_every_user_that_was_presented() {
    let who = connection(&with_super(), &["super:secret", "bob:pw"]);
    let operator = digest("super:secret");
    let asked = list(&[(Perms::READ, "auth", "whatever"), (Perms::ALL, "world", "anyone")]);
    let expected = list(&[
        (Perms::READ, "digest", &operator),
        (Perms::READ, "digest", BOB),
        (Perms::ALL, "world", "anyone"),
    ]);
    assert_eq!(who.resolve(asked.clone()), Ok(expected), "not super, and not the address");
    let nobody = connection(&default_settings(), &[]);
    assert_eq!(nobody.resolve(asked), Err(ErrorCode::InvalidAcl));
}
