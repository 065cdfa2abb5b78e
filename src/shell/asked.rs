//! What a line in the shell's words asks of a server, for whoever has no session: programs that show
//! what becomes of it.
//!
//! Besides zkCli's words there are two that it lacks: `check path version`, and ` ; ` between the
//! parts of a multi.

use protocol::Part;

use super::command::{self, Command, Wrong};
use super::line;
use crate::client::Operation;

/// What a line asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Asked {
    /// A write: it becomes a transaction.
    Write(Operation),
    /// A read.
    Read,
    /// The end of the session.
    Close,
}

/// Reads a line.
///
/// # Errors
/// It asks for nothing that a server does alone. The error says what is wrong with which line.
pub(crate) fn asked(text: &str) -> Result<Asked, String> {
    if text.contains(" ; ") {
        let parts = text.split(" ; ").map(part).collect::<Result<_, _>>()?;
        return Ok(Asked::Write(Operation::Multi(parts)));
    }
    let command = command(text)?;
    if let Some(write) = command.write() {
        return Ok(Asked::Write(write));
    }
    match command {
        Command::Close => Ok(Asked::Close),
        Command::CountDescendants { .. }
        | Command::Get { .. }
        | Command::GetAcl { .. }
        | Command::GetEphemerals { .. }
        | Command::Ls { recursive: false, .. }
        | Command::Stat { .. }
        | Command::Sync { .. }
        | Command::WhoAmI => Ok(Asked::Read),
        _ => Err(format!("`{text}`: write create, set, setAcl, delete, get, ls, stat or close")),
    }
}

/// A part of a multi.
fn part(text: &str) -> Result<Part, String> {
    let words = line::words(text);
    if let [check, path, version] = words.as_slice()
        && check == "check"
    {
        let wrong = |_| format!("`{text}`: {version} is no version; write a number, or -1");
        return Ok(Part::Check { path: path.clone(), version: version.parse().map_err(wrong)? });
    }
    match command(text)?.write() {
        Some(Operation::Create { path, data, acl, mode, ttl, .. }) => {
            Ok(Part::Create { path, data, acl, mode, ttl })
        }
        Some(Operation::Delete { path, version }) => Ok(Part::Delete { path, version }),
        Some(Operation::SetData { path, data, version }) => {
            Ok(Part::SetData { path, data, version })
        }
        _ => Err(format!("`{text}`: a multi has create, set, delete and check")),
    }
}

fn command(text: &str) -> Result<Command, String> {
    let words = line::words(text);
    command::parse(&words, &mut Vec::new()).map_err(|wrong| match wrong {
        Wrong::Unknown(name) => {
            format!(
                "`{text}`: there is no `{name}`; write create, set, setAcl, delete, get or close"
            )
        }
        Wrong::Usage(usage) => format!("`{text}`: write {usage}"),
        Wrong::Option(why) | Wrong::Text(why) | Wrong::Path(why) => format!("`{text}`: {why}"),
    })
}
