//! The options of a command: short ones, before, between or behind the other words.
//!
//! Several options without values may be written as one (`create -es`), and a value may follow its
//! option at once (`-v3`). What looks like a negative number is a word, not an option.

use std::collections::BTreeMap;

use super::command::Wrong;

/// What a command was given.
#[derive(Debug, Default)]
pub(super) struct Options {
    given: BTreeMap<char, Option<String>>,
    /// The words that are no options, without the command's name.
    pub(super) words: Vec<String>,
}

impl Options {
    /// Takes the words apart. `known` lists the options as `getopt` does: a letter, and a colon
    /// behind it if the option has a value.
    pub(super) fn parse(words: &[String], known: &str) -> Result<Options, Wrong> {
        let mut options = Options::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.strip_prefix('-') {
                Some(letters) if letters.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                    options.parse_one(letters, &mut words, known)?;
                }
                _ => options.words.push(word.clone()),
            }
        }
        Ok(options)
    }

    fn parse_one<'a>(
        &mut self,
        letters: &str,
        more: &mut impl Iterator<Item = &'a String>,
        known: &str,
    ) -> Result<(), Wrong> {
        for (at, letter) in letters.char_indices() {
            let Some(place) = known.find(letter) else {
                return Err(Wrong::Option(format!("Unrecognized option: -{letters}")));
            };
            if !known[place + 1..].starts_with(':') {
                self.given.insert(letter, None);
                continue;
            }
            let rest = &letters[at + 1..];
            let value = if rest.is_empty() { more.next().cloned() } else { Some(rest.to_owned()) };
            if value.is_none() {
                return Err(Wrong::Option(format!("Missing argument for option: {letter}")));
            }
            self.given.insert(letter, value);
            return Ok(());
        }
        Ok(())
    }

    /// Whether an option is given.
    pub(super) fn has(&self, letter: char) -> bool {
        self.given.contains_key(&letter)
    }

    /// The value of an option.
    pub(super) fn value(&self, letter: char) -> Option<&str> {
        self.given.get(&letter)?.as_deref()
    }

    /// The value of an option that is a number.
    pub(super) fn number<T: std::str::FromStr>(
        &self,
        letter: char,
        what: &str,
    ) -> Result<Option<T>, Wrong> {
        let Some(text) = self.value(letter) else { return Ok(None) };
        match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(Wrong::Text(format!("{what} must be a number, and {text} is none"))),
        }
    }

    /// The one of these options that is given. Two of them are an error.
    pub(super) fn one_of(&self, letters: &str) -> Result<Option<char>, Wrong> {
        let mut given = letters.chars().filter(|letter| self.has(*letter));
        match (given.next(), given.next()) {
            (first, None) => Ok(first),
            (first, Some(second)) => Err(Wrong::Option(format!(
                "The option '{second}' was specified but an option from this group has already \
                 been selected: '{}'",
                first.unwrap_or_default()
            ))),
        }
    }
}
