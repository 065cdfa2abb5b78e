//! Blocks of addresses, as ACL entries of the scheme `ip` name them: `10.0.0.0/8`, `::1`.
//!
//! Book: chapter 14. ZooKeeper: `IPAuthenticationProvider`, version 3.9.4.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// All addresses that begin as this one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    address: IpAddr,
    /// How many bits count: at most 32, or 128.
    bits: u32,
}

impl Block {
    /// Reads an address, or an address, a slash, and the number of bits that count; `None` if the
    /// text is neither.
    pub fn parse(text: &str) -> Option<Block> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (parse_address(address)?, Some(bits.parse().ok()?)),
            None => (parse_address(text)?, None),
        };
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(width);
        (bits <= width).then_some(Block { address, bits })
    }

    /// Whether an address is in the block. One of the other family never is.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let differences = ours.to_bits() ^ theirs.to_bits();
                differences.leading_zeros() >= self.bits
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let differences = ours.to_bits() ^ theirs.to_bits();
                differences.leading_zeros() >= self.bits
            }
            _ => false,
        }
    }
}

/// An address in the words of Java's `InetAddress.getHostAddress`: the eight groups of IPv6 are
/// written out, and an IPv4 address in the clothes of IPv6 is taken for what it is.
pub fn host_address(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => address.segments().map(|group| format!("{group:x}")).join(":"),
    }
}

/// The address that [`host_address`] wrote. Java may have added a network interface: `fe80::1%2`.
pub fn address_of(text: &str) -> Option<IpAddr> {
    parse_address(text.split('%').next()?)
}

/// Reads an address. As ZooKeeper, and unlike Rust, `010.0.0.1` is `10.0.0.1`.
fn parse_address(text: &str) -> Option<IpAddr> {
    if text.contains(':') {
        return text.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    let mut bytes = [0; 4];
    let mut parts = text.split('.');
    for byte in &mut bytes {
        *byte = parts.next()?.parse().ok()?;
    }
    parts.next().is_none().then(|| Ipv4Addr::from(bytes).into())
}
