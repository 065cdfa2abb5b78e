//! A line of the shell, taken apart into words.

/// The words of a line. What stands in quotes, single or double, is one word, blanks and all; a
/// quote that is never closed is a letter like any other. ZooKeeper: `MyCommandOptions.parseCommand`.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let quoted = match first {
            '"' | '\'' => rest[1..].find(first).map(|end| (&rest[1..=end], &rest[end + 2..])),
            _ => None,
        };
        let (word, after) = quoted
            .unwrap_or_else(|| rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())));
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    words
}

/// What is wrong with a path, in ZooKeeper's words; `None` if nothing is.
/// ZooKeeper: `PathUtils.validatePath`.
pub(super) fn path_trouble(path: &str) -> Option<String> {
    if path.is_empty() {
        return Some("Path length must be > 0".to_owned());
    } else if !path.starts_with('/') {
        return Some("Path must start with / character".to_owned());
    } else if znodes::path::is_valid(path) {
        return None;
    } else if path.ends_with('/') {
        return Some("Path must not end with / character".to_owned());
    }
    let mut at = 1;
    for part in path[1..].split('/') {
        let end = at + part.chars().count();
        let reason = match part {
            "" => Some(format!("empty node name specified @{at}")),
            "." | ".." => Some(format!("relative paths not allowed @{}", end - 1)),
            part => part.chars().position(|c| !znodes::path::is_valid(&format!("/a{c}"))).map(
                |within| match part.chars().nth(within) {
                    Some('\0') => format!("null character not allowed @{}", at + within),
                    _ => format!("invalid character @{}", at + within),
                },
            ),
        };
        if let Some(reason) = reason {
            return Some(format!("Invalid path string \"{path}\" caused by {reason}"));
        }
        at = end + 1;
    }
    Some(format!("Invalid path string \"{path}\""))
}
