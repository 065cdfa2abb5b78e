//! The election port's bytes, good and bad.

use bytes::{Bytes, BytesMut};
use election::wire::{
    ADDRESS_LIMIT, MESSAGE_LIMIT, WireError, append_initial, append_notification, cut_initial,
    cut_message, reachable, read_notification,
};
use election::{Initial, Notification, ServerState, Vote};
use machines::Dice;
use zxid::{ServerId, Zxid};

fn notification(version: i32, config: &'static str) -> Notification {
    let vote = Vote { leader: ServerId(3), zxid: Zxid::new(2, 7), epoch: 2 };
    let config = Bytes::from_static(config.as_bytes());
    Notification { state: ServerState::Following, vote, round: 5, version, config }
}

fn written(notification: &Notification) -> Bytes {
    let mut out = Vec::new();
    append_notification(&mut out, notification);
    let mut out = BytesMut::from(&out[..]);
    let message = cut_message(&mut out).expect("it has a good length").expect("it is complete");
    assert!(out.is_empty());
    message
}

fn initial(bytes: &[u8]) -> Result<Option<Initial>, WireError> {
    cut_initial(&mut BytesMut::from(bytes))
}

#[test]
fn a_notification_is_read_as_it_was_written() {
    for it in [notification(2, "version=0"), notification(2, ""), notification(7, "a\nb")] {
        assert_eq!(read_notification(&written(&it)), Ok(it));
    }
}

#[test]
fn older_and_shorter_forms_are_read() {
    let whole = written(&notification(2, "version=0"));
    let oldest = read_notification(&whole.slice(..28)).expect("28 bytes are enough");
    assert_eq!(oldest, Notification { version: 0, config: Bytes::new(), ..notification(2, "") });
    // 40 bytes are read without the version in the last four of them.
    let forty = written(&notification(1, ""));
    assert_eq!(forty.len(), 40);
    assert_eq!(read_notification(&forty), Ok(notification(0, "")));
    // A version below 2 has no config, whatever follows.
    let mut longer = forty.to_vec();
    longer.extend([0xff; 9]);
    assert_eq!(read_notification(&longer.into()), Ok(notification(1, "")));
}

#[test]
fn messages_that_end_too_early_are_errors() {
    let whole = written(&notification(2, "version=0"));
    for length in 0..whole.len() {
        let read = read_notification(&whole.slice(..length));
        match length {
            28 | 40 => assert!(read.is_ok()),
            0..40 => assert_eq!(read, Err(WireError::Short(length))),
            _ => assert_eq!(read, Err(WireError::Truncated)),
        }
    }
    let with = |at: usize, value: i32| {
        let mut bytes = whole.to_vec();
        bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
        read_notification(&bytes.into())
    };
    assert_eq!(with(40, -1), Err(WireError::ConfigLength(-1)));
    assert_eq!(with(40, i32::MAX), Err(WireError::ConfigLength(i32::MAX)));
    assert_eq!(with(40, 10), Err(WireError::Truncated));
    assert_eq!(with(0, 4), Err(WireError::State(4)));
    assert_eq!(with(0, -1), Err(WireError::State(-1)));
    assert!(!WireError::State(4).is_fatal());
}

#[test]
fn a_message_is_cut_only_when_it_is_whole_and_only_if_its_length_is_sane() {
    let mut out = Vec::new();
    append_notification(&mut out, &notification(2, "version=0"));
    for length in 0..out.len() {
        assert_eq!(cut_message(&mut BytesMut::from(&out[..length])), Ok(None));
    }
    for bad in [0, -1, i32::MIN, MESSAGE_LIMIT as i32 + 1] {
        let cut = cut_message(&mut BytesMut::from(&bad.to_be_bytes()[..]));
        assert_eq!(cut, Err(WireError::Length(bad)));
    }
    let longest = (MESSAGE_LIMIT as i32).to_be_bytes();
    assert_eq!(cut_message(&mut BytesMut::from(&longest[..])), Ok(None));
}

#[test]
fn an_initial_message_is_read_as_it_was_written() {
    let one = |addresses: &[&str], several| Initial {
        server: ServerId(7),
        addresses: addresses.iter().map(|it| it.to_string()).collect(),
        several,
    };
    for it in [
        one(&["127.0.0.1:3888"], false),
        one(&["a:1", "[::1]:3888", "0.0.0.0:65535"], true),
        one(&[], false),
    ] {
        let mut out = Vec::new();
        append_initial(&mut out, &it);
        for length in 0..out.len() {
            assert_eq!(initial(&out[..length]), Ok(None));
        }
        out.push(9);
        let mut arrived = BytesMut::from(&out[..]);
        assert_eq!(cut_initial(&mut arrived), Ok(Some(it)));
        assert_eq!(&arrived[..], [9], "what follows is left");
    }
}

#[test]
fn a_bad_initial_message_is_an_error_as_soon_as_it_is_seen() {
    let bytes = |version: i64, length: i32, text: &str| {
        let mut out = version.to_be_bytes().to_vec();
        out.extend(7i64.to_be_bytes());
        out.extend(length.to_be_bytes());
        out.extend(text.as_bytes());
        out
    };
    assert_eq!(initial(&(-1i64).to_be_bytes()), Err(WireError::Initial(-1)));
    for length in [0, -1, ADDRESS_LIMIT as i32 + 1, i32::MAX] {
        assert_eq!(initial(&bytes(-65536, length, "")), Err(WireError::AddressLength(length)));
    }
    for text in ["host", "host:", "host:x", "host:65536", ":1", "a:b:1", "a:1|", "[]:1", "a:+1"] {
        let read = initial(&bytes(-65536, text.len() as i32, text));
        assert!(matches!(read, Err(WireError::Address(_))), "{text}: {read:?}");
    }
    assert!(initial(&bytes(-65536, 7, "a:1|b:2")).is_ok(), "a list is accepted in either form");
}

#[test]
fn an_address_that_means_all_of_a_host_leads_nowhere() {
    let all = ["0.0.0.0:1", "[::]:2", "h:3", "[::1]:4"].map(str::to_owned);
    assert_eq!(reachable(&all), ["h:3", "[::1]:4"]);
}

#[test]
fn spoiled_bytes_are_errors_or_messages_and_nothing_worse() {
    let mut good = Vec::new();
    append_initial(
        &mut good,
        &Initial { server: ServerId(7), addresses: vec!["h:1".into()], several: true },
    );
    let message = written(&notification(2, "version=0"));
    let (mut read, mut refused) = (0, 0);
    for seed in 0..50_000 {
        let mut dice = Dice::new(seed);
        let mut spoil = |bytes: &[u8]| {
            let mut bytes = bytes[..dice.below(bytes.len() + 1)].to_vec();
            for _ in 0..dice.below(4) {
                let at = dice.below(bytes.len());
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = dice.any() as u8;
                }
            }
            bytes
        };
        let _ = initial(&spoil(&good));
        let _ = cut_message(&mut BytesMut::from(&spoil(&message)[..]));
        match read_notification(&spoil(&message).into()) {
            Ok(it) => {
                assert_eq!(read_notification(&written(&it)).map(|it| it.vote), Ok(it.vote));
                read += 1;
            }
            Err(_) => refused += 1,
        }
    }
    assert!(read > 100 && refused > 100, "{read} were read, {refused} refused");
}
