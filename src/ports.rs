//! Ports for servers that start later, in processes of their own.
//!
//! Such a server is told its port and binds it itself, perhaps again and again. A port that the
//! system says is free is free now: before the server starts, another process may get it, and
//! while the server is down, anyone who connects to somewhere may.
//!
//! Always true: a [`Port`] is nobody else's who takes his ports here, in any process, and the
//! system gives it to nobody who asks for any port.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::ops::Range;
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that Linux (32768), macOS and Windows (49152) give to those who connect.
const RANGE: Range<u16> = 12_000..32_000;

/// A TCP port of 127.0.0.1 that is kept for a server of ours until this is dropped.
///
/// ```
/// use ensemble::ports::Port;
///
/// let (one, other) = (Port::keep()?, Port::keep()?);
/// assert_ne!(one.number(), other.number());
/// std::net::TcpListener::bind(("127.0.0.1", one.number()))?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Port {
    number: u16,
    /// The UDP port of the same number tells others that the TCP port is taken.
    _kept: UdpSocket,
}

impl Port {
    /// Takes a port at which nobody listens.
    ///
    /// # Errors
    /// No port is free, or the system refuses for another reason.
    pub fn keep() -> io::Result<Port> {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let len = RANGE.end - RANGE.start;
        // Processes begin at different places, so that they seldom try the same ports.
        let from = process::id().wrapping_mul(101);
        for _ in 0..len {
            let turn = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
            let number = RANGE.start + (from.wrapping_add(turn) % u32::from(len)) as u16;
            match Port::take(number) {
                Err(error) if is_taken(&error) => {}
                taken => return taken,
            }
        }
        let why = format!("no port of 127.0.0.1 is free in {RANGE:?}; stop some servers");
        Err(io::Error::new(ErrorKind::AddrInUse, why))
    }

    fn take(number: u16) -> io::Result<Port> {
        let kept = UdpSocket::bind((Ipv4Addr::LOCALHOST, number))?;
        TcpListener::bind((Ipv4Addr::LOCALHOST, number))?;
        Ok(Port { number, _kept: kept })
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }
}

/// Whether another has the port, or the system keeps it for itself.
fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied)
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_taken_once_until_it_is_given_back() {
        let port = Port::keep().unwrap();
        let number = port.number();
        assert!(is_taken(&Port::take(number).unwrap_err()));
        drop(port);
        Port::take(number).unwrap();
    }

    #[test]
    fn a_port_at_which_another_listens_is_not_given() {
        let number = Port::keep().unwrap().number();
        let _other = TcpListener::bind((Ipv4Addr::LOCALHOST, number)).unwrap();
        assert!(is_taken(&Port::take(number).unwrap_err()));
    }
}
