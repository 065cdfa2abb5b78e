//! Frames and records by hand, so that our own encoders are not their own judge.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long to wait for a frame. A session of 4 s expires within 6 s.
const PATIENCE: Duration = Duration::from_secs(12);

/// A TCP connection that carries frames.
pub(crate) struct Link {
    stream: TcpStream,
}

impl Link {
    /// Connects.
    pub(crate) fn open(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).expect("a connection to the server");
        stream.set_nodelay(true).expect("nodelay");
        stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
        Self { stream }
    }

    /// Sends bytes as they are; a frame brings its length along.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Whether the server closes the connection within this time, and sends nothing before.
    /// The error is what came instead.
    pub(crate) fn closes(&mut self, within: Duration) -> Result<(), String> {
        self.stream.set_read_timeout(Some(within)).expect("a read timeout");
        match self.receive() {
            Ok(None) => Ok(()),
            Ok(Some(frame)) => Err(format!("{frame:02x?} came")),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Receives one frame, without its length; `None` when the server has closed.
    pub(crate) fn receive(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut length = [0; 4];
        match self.stream.read_exact(&mut length) {
            Ok(()) => {}
            Err(error) if closed(&error) => return Ok(None),
            Err(error) => return Err(error),
        }
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut frame)?;
        Ok(Some(frame))
    }
}

/// The frame that asks for a new session of this many milliseconds.
pub(crate) fn connect_request(timeout: i32) -> Vec<u8> {
    let request = Writer::default().int(0).long(0).int(timeout).long(0);
    request.buffer(&[0; 16]).byte(0).frame()
}

fn closed(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)
}

/// Writes records.
#[derive(Clone, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn int(mut self, value: i32) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn long(mut self, value: i64) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn byte(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    pub(crate) fn buffer(mut self, value: &[u8]) -> Self {
        self = self.int(value.len() as i32);
        self.0.extend(value);
        self
    }

    /// What another has written, after this.
    pub(crate) fn then(mut self, other: Writer) -> Self {
        self.0.extend(other.0);
        self
    }

    /// One ACL: everything for everybody.
    pub(crate) fn open_acl(self) -> Self {
        self.int(1).int(31).buffer(b"world").buffer(b"anyone")
    }

    /// The record with its length before it.
    pub(crate) fn frame(self) -> Vec<u8> {
        let mut frame = (self.0.len() as u32).to_be_bytes().to_vec();
        frame.extend(self.0);
        frame
    }
}

/// Reads records. Past the end it gives `None`.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(n)?;
        self.0 = tail;
        Some(head)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    pub(crate) fn int(&mut self) -> Option<i32> {
        self.take(4).map(|bytes| i32::from_be_bytes(bytes.try_into().expect("4 bytes")))
    }

    pub(crate) fn long(&mut self) -> Option<i64> {
        self.take(8).map(|bytes| i64::from_be_bytes(bytes.try_into().expect("8 bytes")))
    }

    /// A buffer or string; the inner `None` is the null one.
    pub(crate) fn buffer(&mut self) -> Option<Option<&'a [u8]>> {
        match self.int()? {
            -1 => Some(None),
            length => self.take(usize::try_from(length).ok()?).map(Some),
        }
    }

    /// A string that is not null.
    pub(crate) fn text(&mut self) -> Option<String> {
        self.buffer()?.map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }
}

/// A client that asks one thing at a time and waits for the answer.
pub(crate) struct Client {
    link: Link,
    xid: i32,
}

impl Client {
    /// Opens a session of this many milliseconds.
    pub(crate) fn connect(server: SocketAddr, timeout: i32) -> Self {
        let mut link = Link::open(server);
        link.send(&connect_request(timeout)).expect("a request to connect");
        let reply = link.receive().expect("an answer").expect("a session");
        assert!(Reader(&reply[4..]).int() > Some(0), "the server gives a session");
        Self { link, xid: 0 }
    }

    /// Asks; gives the error code and the body. Watch events that come before the answer are
    /// passed over.
    pub(crate) fn ask(&mut self, op: i32, body: impl FnOnce(Writer) -> Writer) -> (i32, Vec<u8>) {
        self.xid += 1;
        let request = body(Writer::default().int(self.xid).int(op)).frame();
        self.link.send(&request).expect("a request");
        loop {
            let reply = self.link.receive().expect("an answer").expect("a connection");
            let mut reader = Reader(&reply);
            let xid = reader.int().expect("an xid");
            reader.long().expect("a zxid");
            let error = reader.int().expect("an error code");
            if xid != -1 {
                assert_eq!(xid, self.xid, "answers come in the order of the requests");
                return (error, reader.0.to_vec());
            }
        }
    }

    /// Creates a node; gives its path. `flags` as on the wire.
    pub(crate) fn create(&mut self, path: &str, data: &[u8], flags: i32) -> String {
        let (error, body) = self
            .ask(1, |request| request.buffer(path.as_bytes()).buffer(data).open_acl().int(flags));
        assert_eq!(error, 0, "create {path}");
        Reader(&body).text().expect("the path")
    }

    /// Sets the data of a node.
    pub(crate) fn set(&mut self, path: &str, data: &[u8]) {
        let (error, _) =
            self.ask(5, |request| request.buffer(path.as_bytes()).buffer(data).int(-1));
        assert_eq!(error, 0, "set {path}");
    }

    /// Deletes a node; gives the error code.
    pub(crate) fn delete(&mut self, path: &str) -> i32 {
        self.ask(2, |request| request.buffer(path.as_bytes()).int(-1)).0
    }

    /// Whether the node exists; `watch` to be told of changes.
    pub(crate) fn exists(&mut self, path: &str, watch: bool) -> bool {
        self.ask(3, |request| request.buffer(path.as_bytes()).byte(u8::from(watch))).0 == 0
    }

    /// Waits until the node is gone.
    pub(crate) fn await_absence(&mut self, path: &str) {
        let start = Instant::now();
        while self.exists(path, false) {
            assert!(start.elapsed() < PATIENCE, "{path} is still there");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
