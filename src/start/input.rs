//! What a person or a script says to `ensemble start`: keys from a terminal, lines from elsewhere.

use std::io::{BufRead, Read, stdin};
use std::thread;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::command::{Key, keys};
use super::screen::in_background;

/// Something was said.
pub(super) enum Said {
    /// A key was pressed.
    Key(Key),
    /// A line was written.
    Line(String),
}

/// Listens on a thread of its own, which ends with the process; not at all in the background of a
/// terminal, where the system would stop the process for it.
pub(super) fn listen(terminal: bool) -> UnboundedReceiver<Said> {
    let (say, said) = unbounded_channel();
    if in_background() {
        return said;
    }
    thread::spawn(move || match terminal {
        true => {
            let mut bytes = [0; 64];
            while let Ok(count @ 1..) = stdin().lock().read(&mut bytes) {
                for key in keys(&bytes[..count]) {
                    say.send(Said::Key(key)).ok();
                }
            }
        }
        false => {
            for line in stdin().lock().lines().map_while(Result::ok) {
                if !line.trim().is_empty() {
                    say.send(Said::Line(line)).ok();
                }
            }
        }
    });
    said
}
