//! Addresses: which of them a block has, and how they are written.

use acl::{Block, Identities, address_of, host_address};
use jute::records::Perms;
use znodes::Access;

use crate::{address, default_settings, list};

#[test]
fn a_block_has_the_addresses_that_begin_as_it_does() {
    for (block, held, expected) in [
        ("10.1.2.3", "10.1.2.3", true),
        ("10.1.2.3", "10.1.2.2", false),
        ("10.1.2.3/32", "10.1.2.3", true),
        ("10.1.2.3/31", "10.1.2.2", true),
        ("10.1.2.3/31", "10.1.2.4", false),
        ("10.1.2.3/8", "10.200.0.9", true),
        ("10.1.2.3/8", "11.1.2.3", false),
        ("10.1.2.3/9", "10.127.0.0", true),
        ("10.1.2.3/9", "10.128.0.0", false),
        ("10.1.2.3/0", "255.255.255.255", true),
        ("010.1.02.3", "10.1.2.3", true),
        ("0.0.0.0/0", "::1", false),
        ("::/0", "10.1.2.3", false),
        ("::/0", "fe80::1", true),
        ("::1", "::1", true),
        ("0:0:0:0:0:0:0:1", "::1", true),
        ("::1", "::2", false),
        ("2001:db8::/32", "2001:db8:ffff::1", true),
        ("2001:db8::/32", "2001:db9::1", false),
        ("2001:db8::/33", "2001:db8:7fff::", true),
        ("2001:db8::/33", "2001:db8:8000::", false),
        ("2001:db8::1/128", "2001:db8::1", true),
        ("2001:db8::1/128", "2001:db8::", false),
    ] {
        let found = Block::parse(block).expect(block).contains(address(held));
        assert_eq!(found, expected, "{held} in {block}");
        let who = Identities::new(address(held), &default_settings());
        let acl = list(&[(Perms::READ, "ip", block)]);
        assert_eq!(who.allows(&acl, Perms::READ), expected, "{held} by {block}");
    }
}

#[test]
fn what_is_no_block_is_refused() {
    for text in [
        "",
        "/",
        "10.1.2",
        "10.1.2.3.4",
        "10.1.2.256",
        "10.1.2.-1",
        "10.1..3",
        "a.b.c.d",
        "10.1.2.3/",
        "10.1.2.3/33",
        "10.1.2.3/-1",
        "10.1.2.3/8/8",
        "10.1.2.3/x",
        "10.1.2.3/4294967296",
        ":",
        ":::",
        "1:2:3",
        "::g",
        "::1/129",
        "::1%eth0",
        "2001:db8::/",
        " 10.1.2.3",
        "localhost",
    ] {
        assert_eq!(Block::parse(text), None, "{text:?}");
    }
}

#[test]
fn an_address_is_written_as_java_writes_it() {
    for (given, expected) in [
        ("10.1.2.3", "10.1.2.3"),
        ("::1", "0:0:0:0:0:0:0:1"),
        ("2001:DB8::0a:1", "2001:db8:0:0:0:0:a:1"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
    ] {
        assert_eq!(host_address(address(given)), expected);
        assert_eq!(address_of(expected), Some(address(given).to_canonical()));
    }
    assert_eq!(address_of("fe80:0:0:0:0:0:0:1%eth0"), Some(address("fe80::1")));
    assert_eq!(address_of("somewhere"), None);
}
