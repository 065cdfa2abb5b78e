//! How the bytes of a connection are cut into messages, by what is spoken on it.
//!
//! Always true: nothing is kept of a message that is longer than messages may be.

use bytes::BytesMut;
use election::wire::{WireError, cut_initial, cut_message, read_notification};
use election::{Frame, Notification};
use protocol::{Cut, Framer};
use server::Message;
use zab::wire::Packets;

use super::listener::Door;

/// What is spoken on a connection, and what has arrived of the next message.
pub(super) enum Codec {
    /// A client sends frames, or a word.
    Client(Framer, BytesMut),
    /// Another server says who it is, on a connection that it has opened.
    Introduction(BytesMut),
    /// Another server votes.
    Votes(BytesMut),
    /// A learner talks with its leader.
    Quorum(Packets),
}

impl Codec {
    /// For a connection that was accepted.
    pub(super) fn of_accepted(door: Door) -> Codec {
        match door {
            Door::Clients(longest) => Codec::Client(Framer::new(longest), BytesMut::new()),
            Door::Election => Codec::Introduction(BytesMut::new()),
            Door::Quorum(longest) => Codec::Quorum(Packets::new(longest)),
        }
    }

    /// Takes what has arrived.
    pub(super) fn push(&mut self, arrived: &[u8]) {
        match self {
            Codec::Quorum(packets) => packets.push(arrived),
            Codec::Client(_, bytes) | Codec::Introduction(bytes) | Codec::Votes(bytes) => {
                match bytes.is_empty() {
                    true => *bytes = BytesMut::from(arrived),
                    false => bytes.extend_from_slice(arrived),
                }
            }
        }
    }

    /// Cuts the next message off; nothing, if it is not whole.
    ///
    /// # Errors
    /// What arrived cannot be understood, and nothing after it will be.
    pub(super) fn cut(&mut self) -> Result<Option<Message>, String> {
        match self {
            Codec::Client(framer, bytes) => match framer.cut(bytes) {
                Ok(Some(Cut::Frame(frame))) => Ok(Some(Message::Frame(frame))),
                Ok(Some(Cut::Word(word))) => Ok(Some(Message::Word(word))),
                Ok(None) => Ok(None),
                Err(error) => Err(error.to_string()),
            },
            Codec::Introduction(bytes) => {
                let Some(initial) = cut_initial(bytes).map_err(|error| error.to_string())? else {
                    return Ok(None);
                };
                let rest = std::mem::take(bytes);
                *self = Codec::Votes(rest);
                Ok(Some(Message::Election(Frame::Initial(initial))))
            }
            Codec::Votes(bytes) => {
                let vote = cut_vote(bytes).map_err(|error| error.to_string())?;
                Ok(vote.map(|vote| Message::Election(Frame::Notification(vote))))
            }
            Codec::Quorum(packets) => match packets.next() {
                Ok(packet) => Ok(packet.map(Message::Quorum)),
                Err(error) => Err(error.to_string()),
            },
        }
    }

    /// Lets go of memory that is not needed until more arrives. An idle link would keep that of its
    /// last messages otherwise.
    pub(super) fn rest(&mut self) {
        match self {
            Codec::Client(_, bytes) | Codec::Introduction(bytes) | Codec::Votes(bytes)
                if bytes.is_empty() =>
            {
                *bytes = BytesMut::new();
            }
            _ => {}
        }
    }
}

/// Cuts the next vote off that can be understood.
fn cut_vote(bytes: &mut BytesMut) -> Result<Option<Notification>, WireError> {
    while let Some(message) = cut_message(bytes)? {
        match read_notification(&message) {
            Ok(vote) => return Ok(Some(vote)),
            Err(error) if error.is_fatal() => return Err(error),
            // Servers of another age say such things; the next message may be better.
            Err(error) => tracing::debug!(%error, "vote skipped"),
        }
    }
    Ok(None)
}
