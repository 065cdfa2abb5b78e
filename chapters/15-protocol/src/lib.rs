//! Chapter 15. What clients and servers say to each other, and the client itself.
//!
//! Read `framer.rs` and `request.rs`, then `solutions/15-protocol.rs`, which is a server's end of
//! the wire; `encode.rs` is the other end. Then `tests/15-protocol.rs`, whose bytes were captured
//! from Apache ZooKeeper.
//!
//! Every message, both ways, is a frame: a length and as many bytes. A connection begins with a
//! `ConnectRequest` and a `ConnectResponse`; from then on each request is answered by a reply with
//! the same number, in order, and watch events come in between.
//!
//! The client is in `client/`, and its machine in `solutions/15-client.rs`: it holds a session
//! together across connections.

extern crate self as protocol;

mod client;
mod describe;
mod encode;
mod framer;
mod reply;
mod request;
mod words;

pub use client::*;
pub use describe::{describe_asked, describe_chunk, describe_reply, describe_request};
pub use encode::{
    decode_connect_response, decode_multi_response, decode_reply, encode_connect, encode_request,
};
pub use framer::{Cut, FrameError, Framer};
pub use reply::{HandshakeError, MultiResult, NO_ZXID, xid};
pub use request::{DecodeError, MultiOp, ReadOp, Request};
pub use words::Word;

#[cfg(feature = "mine")]
pub use {client_mine::*, mine::*};
#[cfg(not(feature = "mine"))]
pub use {client_solution::*, solution::*};

#[path = "../../../solutions/15-protocol.rs"]
pub mod solution;

#[path = "../../../solutions/15-client.rs"]
pub mod client_solution;

#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/15-protocol.rs"]
pub mod mine;

#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/15-client.rs"]
pub mod client_mine;
