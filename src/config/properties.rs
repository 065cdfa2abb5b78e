//! The format of `zoo.cfg`: Java's properties, a line per key.
//!
//! A key ends at the first `=`, `:` or blank that no backslash protects. A line that begins with
//! `#` or `!` is a comment; a line that ends with a backslash goes on in the next. Blanks around a
//! value mean nothing.
//!
//! Unlike ZooKeeper, the text is UTF-8, not Latin-1.
//!
//! ZooKeeper: `QuorumPeerConfig.parse`, which reads with `java.util.Properties`.

/// One key and its value, and where they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// The key, as written.
    pub key: String,
    /// The value, without blanks around it.
    pub value: String,
    /// The place that messages name: `zoo.cfg:3`, or `-D` for the command line.
    pub place: String,
}

/// Reads all properties of a text, in order; `file` is the name that messages use.
///
/// # Errors
/// A `\u` without four hexadecimal digits: the place, and the text of the line.
pub fn parse(file: &str, text: &str) -> Result<Vec<Property>, (String, String)> {
    let mut properties = Vec::new();
    for (number, line) in logical_lines(text) {
        let place = format!("{file}:{number}");
        let (key, value) = split(&line);
        match (unescape(key), unescape(value)) {
            (Some(key), Some(value)) => properties.push(Property {
                key: key.trim().to_string(),
                value: value.trim().to_string(),
                place,
            }),
            _ => return Err((place, line)),
        }
    }
    Ok(properties)
}

/// The lines that say something, with continuations joined, and the number of each's first line.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start();
        let (number, mut joined) = match open.take() {
            Some(begun) => begun,
            None if line.is_empty() || line.starts_with(['#', '!']) => continue,
            None => (index + 1, String::new()),
        };
        let backslashes = line.len() - line.trim_end_matches('\\').len();
        if backslashes % 2 == 1 {
            joined.push_str(&line[..line.len() - 1]);
            open = Some((number, joined));
        } else {
            joined.push_str(line);
            lines.push((number, joined));
        }
    }
    lines.extend(open);
    lines
}

/// Divides a line at the end of its key, and takes the separator away.
fn split(line: &str) -> (&str, &str) {
    let blank = [' ', '\t', '\x0c'];
    let mut escaped = false;
    let end = line
        .char_indices()
        .find(|&(_, c)| {
            let ends = !escaped && (c == '=' || c == ':' || blank.contains(&c));
            escaped = !escaped && c == '\\';
            ends
        })
        .map_or(line.len(), |(at, _)| at);
    let rest = line[end..].trim_start_matches(blank);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (&line[..end], rest.trim_start_matches(blank))
}

/// Resolves the backslashes of a key or a value; nothing if a `\u` is malformed.
fn unescape(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match chars.next() {
            Some('t') => plain.push('\t'),
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some('f') => plain.push('\x0c'),
            Some('u') => {
                let digits: String = chars.by_ref().take(4).collect();
                let code = u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 4)?;
                plain.push(char::from_u32(code)?);
            }
            Some(other) => plain.push(other),
            None => {}
        }
    }
    Some(plain)
}
