//! A session that outlives its connections: it comes back to any server with its id and password,
//! and says what went wrong instead of ending the test.

use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::wire::{Reader, Writer};

/// An error code and a body.
pub(crate) type Answer = (i32, Vec<u8>);

/// A request: its operation, and its body.
pub(crate) type Request = (i32, Writer);

/// A session, whether connected or not.
pub(crate) struct Session {
    /// As asked for, in ms.
    timeout: i32,
    /// How long an answer may take.
    patience: Duration,
    id: i64,
    password: Vec<u8>,
    connection: Option<BufReader<TcpStream>>,
    xid: i32,
}

impl Session {
    /// One that has yet to begin.
    pub(crate) fn new(timeout: i32, patience: Duration) -> Self {
        Self { timeout, patience, id: 0, password: vec![0; 16], connection: None, xid: 0 }
    }

    /// Connects to a server: begins, or goes on there. A session that is over is forgotten, so that
    /// the next call begins another.
    pub(crate) fn connect(&mut self, server: SocketAddr) -> io::Result<()> {
        self.connection = None;
        let mut stream = TcpStream::connect_timeout(&server, self.patience)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(self.patience))?;
        stream.set_write_timeout(Some(self.patience))?;
        let hello = Writer::default().int(0).long(0).int(self.timeout).long(self.id);
        stream.write_all(&hello.buffer(&self.password).byte(0).frame())?;
        let mut connection = BufReader::new(stream);
        let reply = frame(&mut connection)?;
        let mut reader = Reader(&reply);
        let (_, timeout) = (reader.int(), reader.int());
        let (id, password) = (reader.long(), reader.buffer().flatten());
        match (timeout, id, password) {
            (Some(timeout), Some(id), Some(password)) if timeout > 0 => {
                (self.id, self.password) = (id, password.to_vec());
                self.connection = Some(connection);
                Ok(())
            }
            _ => {
                (self.id, self.password) = (0, vec![0; 16]);
                Err(io::Error::new(ErrorKind::NotFound, "the session is over"))
            }
        }
    }

    /// Whether there is a connection that has not failed yet.
    pub(crate) fn is_connected(&self) -> bool {
        self.connection.is_some()
    }

    /// Its id; 0 before it has begun.
    pub(crate) fn id(&self) -> i64 {
        self.id
    }

    /// Asks one thing. After an error the connection is gone; whether the request was carried out
    /// is not known then.
    pub(crate) fn ask(&mut self, op: i32, body: Writer) -> io::Result<Answer> {
        Ok(self.ask_all(vec![(op, body)])?.remove(0))
    }

    /// Asks many things at once; the answers come in the same order.
    pub(crate) fn ask_all(&mut self, requests: Vec<Request>) -> io::Result<Vec<Answer>> {
        let mut connection = self.connection.take().ok_or(ErrorKind::NotConnected)?;
        let mut bytes = Vec::new();
        let count = requests.len() as i32;
        for (op, body) in requests {
            self.xid += 1;
            bytes.extend(Writer::default().int(self.xid).int(op).then(body).frame());
        }
        connection.get_mut().write_all(&bytes)?;
        let mut answers = Vec::new();
        for xid in self.xid - count + 1..=self.xid {
            answers.push(answer(&mut connection, xid)?);
        }
        self.connection = Some(connection);
        Ok(answers)
    }

    /// Ends the session.
    pub(crate) fn close(mut self) -> io::Result<()> {
        self.ask(-11, Writer::default()).map(|_| ())
    }
}

/// The answer of this number; watch events that come before it are passed over.
fn answer(connection: &mut BufReader<TcpStream>, xid: i32) -> io::Result<Answer> {
    loop {
        let reply = frame(connection)?;
        let mut reader = Reader(&reply);
        let (got, _, error) = (reader.int(), reader.long(), reader.int());
        match (got, error) {
            (Some(-1), _) => {}
            (Some(got), Some(error)) if got == xid => return Ok((error, reader.0.to_vec())),
            _ => panic!("answers come in the order of the requests: {got:?}, not {xid}"),
        }
    }
}

fn frame(connection: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    connection.read_exact(&mut length)?;
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    connection.read_exact(&mut frame)?;
    Ok(frame)
}

/// Creates a persistent node that is open to everybody.
pub(crate) fn create(path: &str, data: &[u8]) -> Request {
    (1, Writer::default().buffer(path.as_bytes()).buffer(data).open_acl().int(0))
}

/// Replaces the data of a node, whatever its version.
pub(crate) fn set(path: &str, data: &[u8]) -> Request {
    (5, Writer::default().buffer(path.as_bytes()).buffer(data).int(-1))
}

/// Deletes a node, whatever its version.
pub(crate) fn delete(path: &str) -> Request {
    (2, Writer::default().buffer(path.as_bytes()).int(-1))
}

/// Waits until this server has everything that was committed before.
pub(crate) fn sync() -> Request {
    (9, Writer::default().buffer(b"/"))
}
