//! What a failed check has to say, in a sentence: no `left` and `right`, no line of a test.
//!
//! A test that fails panics, and what the panic says is for whoever wrote the test. A learner is
//! told what their code gave and what it should have given.

/// How a panic of `assert_eq!` begins and goes on.
const COMPARED: &str = "assertion `left == right` failed";
const DIFFERS: &str = "assertion `left != right` failed";

/// What happened, from what a test program printed of one test.
pub fn happened(said: &str) -> String {
    let Some(panic) = panic_of(said) else { return "it failed and did not say why".to_string() };
    let panic = panic.trim();
    if let Some(rest) = panic.strip_prefix("not yet implemented: ") {
        return format!("this is still to be written: {rest}");
    }
    match panic.strip_prefix(COMPARED) {
        Some(rest) => compared(rest, "your code gives", "it should be"),
        None => match panic.strip_prefix(DIFFERS) {
            Some(rest) => compared(rest, "your code gives", "it should not be"),
            None => panic.strip_prefix("assertion failed: ").map_or_else(
                || panic.to_string(),
                |condition| format!("this does not hold: `{condition}`"),
            ),
        },
    }
}

/// The words of the first panic: what stands between its head and the advice at its end.
fn panic_of(said: &str) -> Option<String> {
    let mut lines = said.lines().skip_while(|line| !is_head(line)).skip(1);
    let mut words = Vec::new();
    for line in lines.by_ref() {
        if line.starts_with("note: run with `RUST_BACKTRACE") || is_head(line) {
            break;
        }
        if line.starts_with("stack backtrace:") || line == "failures:" {
            break;
        }
        words.push(line);
    }
    (!words.is_empty()).then(|| words.join("\n"))
}

/// `thread 'x' (7) panicked at file:1:2:`
fn is_head(line: &str) -> bool {
    line.starts_with("thread '") && line.contains(" panicked at ")
}

/// `: message` and two lines, `  left: ..` and `  right: ..`, which may go on below.
fn compared(rest: &str, gives: &str, should: &str) -> String {
    let (message, values) = rest.split_once("\n  left: ").unwrap_or((rest, ""));
    let (left, right) = values.split_once("\n right: ").unwrap_or((values, ""));
    let message = message.trim_start_matches(':').trim();
    let values = format!("{gives}\n  {}\n{should}\n  {}", left.trim(), right.trim());
    match message.is_empty() {
        true => values,
        false => format!("{message}:\n{values}"),
    }
}
