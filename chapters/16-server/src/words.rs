//! The four-letter words: what an operator may ask of a server without a client.

use protocol::Word;

use crate::facts::Facts;

/// The answer to a word.
pub fn tell(word: Word, facts: &Facts<'_>) -> String {
    format!("{} {}\n", word.name(), facts.outstanding)
}
