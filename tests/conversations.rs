//! Every recorded conversation with Apache ZooKeeper, played to our server: the answers are the
//! same.
//!
//! Masked are times, session ids, passwords, build strings and the order of children; the zxids
//! must be as far from each other as they were. Where ZooKeeper 3.8 and 3.9 differ we follow 3.9.
//! Every accepted difference is a line in `tests/fixtures/DEVIATIONS`; a line that does not show
//! any more fails the test too.
//!
//! `ENSEMBLE_SERVER=tests/clients/apache.sh ENSEMBLE_LINE=3.8` plays them to Apache 3.8 instead,
//! with no difference accepted.
#![allow(clippy::disallowed_methods, reason = "a real server lives in real time")]

#[path = "conversations/deviations.rs"]
mod deviations;
#[path = "conversations/fields.rs"]
mod fields;
#[path = "conversations/replay.rs"]
mod replay;
#[path = "support/server.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod server;
#[path = "conversations/stage.rs"]
mod stage;
#[path = "support/wire.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod wire;
#[path = "conversations/words.rs"]
mod words;

use std::collections::BTreeSet;
use std::env;
use std::fs;

use server::Server;
use stage::Stage;

/// The recorded server's settings; its super user's password is `secret`.
const RECORDED: &[(&str, &str)] = &[
    ("tickTime", "2000"),
    ("extendedTypesEnabled", "true"),
    ("znode.container.checkIntervalMs", "2000"),
    ("4lw.commands.whitelist", "*"),
    ("DigestAuthenticationProvider.superDigest", "super:lK75jTNcA+U9vtVEw5vB51mj/w4="),
];

/// A server as it comes, but for the tick.
const DEFAULT: &[(&str, &str)] = &[("tickTime", "2000")];

/// What is not played, and why.
const SKIPPED: &[(&str, &str)] = &[
    ("read_only_mode", "needs an ensemble"),
    ("local_session", "needs an ensemble"),
    ("session_moved", "needs an ensemble"),
    ("reconfig_ensemble", "needs an ensemble"),
];

/// The conversations; `3.8` and `3.9` are played for one line only.
macro_rules! conversations {
    ($($test:ident $file:literal $settings:ident $line:literal)*) => {
        $(
            #[test]
            fn $test() {
                converse($file, $settings, $line);
            }
        )*

        const PLAYED: &[&str] = &[$($file),*];
    };
}

conversations! {
    add_watch_persistent_recursive_remove "add_watch_persistent_recursive_remove" RECORDED "all"
    auth_and_acl_denied "auth_and_acl_denied" RECORDED "all"
    auth_failed_unknown_scheme "auth_failed_unknown_scheme" RECORDED "all"
    close_session_then_request "close_session_then_request" RECORDED "all"
    connect_create_get_set_delete "connect_create_get_set_delete" RECORDED "all"
    container_ttl_and_cli_ops "container_ttl_and_cli_ops" RECORDED "all"
    four_letter_words "four_letter_words" RECORDED "all"
    four_letter_words_default "four_letter_words_default" DEFAULT "all"
    fresh_server_system_nodes "fresh_server_system_nodes" DEFAULT "all"
    handshake_variants "handshake_variants" RECORDED "all"
    multi_failure "multi_failure" RECORDED "all"
    multi_success "multi_success" RECORDED "all"
    multiread_3_8 "multiread_checkwatches_whoami" RECORDED "3.8"
    multiread_3_9 "multiread_checkwatches_whoami.v3_9" RECORDED "3.9"
    quota "quota" RECORDED "all"
    reattach_setwatches "reattach_setwatches" RECORDED "all"
    reattach_setwatches2 "reattach_setwatches2" RECORDED "all"
    sequential_ephemeral "sequential_ephemeral" RECORDED "all"
    session_expired "session_expired" RECORDED "all"
    session_expired_open_connection "session_expired_open_connection" RECORDED "all"
    session_reattach "session_reattach" RECORDED "all"
    validation_errors "validation_errors" RECORDED "all"
    watch_matrix "watch_matrix" RECORDED "all"
    watch_modes_and_acl_3_8 "watch_modes_and_acl.v3_8" RECORDED "3.8"
    watch_modes_and_acl_3_9 "watch_modes_and_acl.v3_9" RECORDED "3.9"
    watches_one_shot_3_8 "watches_one_shot" RECORDED "3.8"
    watches_one_shot_3_9 "watches_one_shot.v3_9" RECORDED "3.9"
}

/// Plays one conversation to a server of its own.
fn converse(name: &'static str, settings: &[(&str, &str)], line: &str) {
    let played = env::var("ENSEMBLE_LINE").unwrap_or_else(|_| "3.9".into());
    if line != "all" && line != played {
        return;
    }
    let server = Server::start(settings);
    let mut stage = Stage::set(name, server.address());
    let play = if name.starts_with("four_letter_words") { words::replay } else { replay::replay };
    let differences = play(name, server.address(), &mut stage);
    let accepted = if played == "3.9" { deviations::accepted(name) } else { BTreeSet::new() };
    let mut wrong = String::new();
    for difference in &differences {
        let place = (difference.frame, difference.field.clone());
        if !accepted.contains(&place) {
            wrong += &format!("{name} {} | {} | {}\n", place.0, place.1, difference.text);
        }
    }
    let shown: BTreeSet<_> =
        differences.into_iter().map(|difference| (difference.frame, difference.field)).collect();
    for (frame, field) in accepted.difference(&shown) {
        wrong += &format!("{name} {frame} | {field} | is in DEVIATIONS but does not differ\n");
    }
    assert!(
        wrong.is_empty(),
        "recorded, but received:\n{wrong}\nthe server said:\n{}",
        server.log()
    );
}

#[test]
fn every_fixture_is_played_or_skipped_with_a_reason() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/client");
    let files: BTreeSet<String> = fs::read_dir(path)
        .expect("the fixtures")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter_map(|name| name.strip_suffix(".json").map(str::to_string))
        .collect();
    let known = PLAYED.iter().chain(SKIPPED.iter().map(|(name, _)| name));
    assert_eq!(files, known.map(ToString::to_string).collect());
}

#[test]
fn every_deviation_is_of_a_conversation_and_has_a_reason() {
    for line in deviations::lines() {
        assert!(PLAYED.contains(&line.name.as_str()), "{} is played", line.name);
        assert!(line.why.len() > 10, "{} has a reason", line.name);
    }
}
