//! The pieces of a page: text that Markdown understands, and what only this book has.
//!
//! Three forms are ours. Each begins at the start of a line.
//! - `{{#name words}}`, alone on a line, is replaced by something that is made when the book is
//!   built: a listing, a table.
//! - A fenced block whose first word is `console` is a transcript, `terminal` a part of a session,
//!   `quiz` a question.
//! - `::: name words` begins a box and `:::` ends it. Boxes do not lie in boxes.
//!
//! Always true: the pieces, in order, cover every line of the page once.

/// A piece, and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The number of its first line, counted from 1.
    pub line: usize,
    /// What it is.
    pub kind: Kind<'a>,
}

/// What a piece is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    /// Lines for Markdown.
    Text(&'a str),
    /// `{{#name words}}`.
    Directive {
        /// What is to be put here.
        name: &'a str,
        /// What it is to be made of.
        words: &'a str,
    },
    /// A fenced block.
    Fence {
        /// What stands behind the opening fence.
        info: &'a str,
        /// The lines between the fences.
        body: &'a str,
    },
    /// `::: name words`.
    Open {
        /// Which box.
        name: &'a str,
        /// What it is about.
        words: &'a str,
    },
    /// `:::`.
    Close,
}

/// Takes a page apart. The error is the line of a fence that is not closed.
pub fn pieces(page: &str) -> Result<Vec<Piece<'_>>, usize> {
    let mut reader = Reader { page, at: 0, line: 1, pieces: Vec::new(), text: None };
    while let Some(line) = reader.peek() {
        if line.starts_with("```") {
            reader.fence(line)?;
        } else if let Some(kind) = ours(line) {
            reader.flush();
            let number = reader.line;
            reader.pieces.push(Piece { line: number, kind });
            reader.advance(line);
        } else {
            reader.text.get_or_insert((reader.line, reader.at));
            reader.advance(line);
        }
    }
    reader.flush();
    Ok(reader.pieces)
}

/// Whether a word stands behind an opening fence.
pub fn asks(info: &str, word: &str) -> bool {
    info.split(' ').any(|it| it == word)
}

/// A line that is a form of ours by itself.
fn ours(line: &str) -> Option<Kind<'_>> {
    let line = line.trim_end();
    if let Some(inner) = line.strip_prefix("{{#").and_then(|rest| rest.strip_suffix("}}")) {
        let (name, words) = inner.split_once(' ').unwrap_or((inner, ""));
        return Some(Kind::Directive { name, words: words.trim() });
    }
    match line.strip_prefix(":::")?.trim() {
        "" => Some(Kind::Close),
        rest => {
            let (name, words) = rest.split_once(' ').unwrap_or((rest, ""));
            Some(Kind::Open { name, words: words.trim() })
        }
    }
}

struct Reader<'a> {
    page: &'a str,
    /// The place of the next line, in bytes.
    at: usize,
    /// The number of the next line.
    line: usize,
    pieces: Vec<Piece<'a>>,
    /// Number and place of the first line of text that is in no piece yet.
    text: Option<(usize, usize)>,
}

impl<'a> Reader<'a> {
    /// The next line, with its end.
    fn peek(&self) -> Option<&'a str> {
        self.page[self.at..].split_inclusive('\n').next()
    }

    fn advance(&mut self, line: &str) {
        self.at += line.len();
        self.line += 1;
    }

    fn flush(&mut self) {
        if let Some((line, from)) = self.text.take() {
            let kind = Kind::Text(&self.page[from..self.at]);
            self.pieces.push(Piece { line, kind });
        }
    }

    fn fence(&mut self, opening: &'a str) -> Result<(), usize> {
        self.flush();
        let begun = self.line;
        let ticks = opening.len() - opening.trim_start_matches('`').len();
        let info = opening[ticks..].trim();
        self.advance(opening);
        let from = self.at;
        while let Some(line) = self.peek() {
            let to = self.at;
            self.advance(line);
            if line.trim_end().len() == ticks && line.starts_with(&opening[..ticks]) {
                let kind = Kind::Fence { info, body: &self.page[from..to] };
                self.pieces.push(Piece { line: begun, kind });
                return Ok(());
            }
        }
        Err(begun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_a_piece_with_its_line() {
        let page =
            "# Title\n\n{{#listing a.rs f}}\n::: claim 7\nText.\n:::\n```console\n$ x\n```\n";
        let found: Vec<_> =
            pieces(page).unwrap().into_iter().map(|piece| (piece.line, piece.kind)).collect();
        let expected = vec![
            (1, Kind::Text("# Title\n\n")),
            (3, Kind::Directive { name: "listing", words: "a.rs f" }),
            (4, Kind::Open { name: "claim", words: "7" }),
            (5, Kind::Text("Text.\n")),
            (6, Kind::Close),
            (7, Kind::Fence { info: "console", body: "$ x\n" }),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_lies_between_fences_is_no_form_of_ours() {
        let page = "````\n:::\n```\n{{#listing}}\n````\n";
        let found = pieces(page).unwrap();
        let body = ":::\n```\n{{#listing}}\n";
        assert_eq!(found, vec![Piece { line: 1, kind: Kind::Fence { info: "", body } }]);
        assert_eq!(pieces("text\n```\nno end\n"), Err(2));
    }
}
