//! The program of chapter 14: who may do what with a node, and which entry of its list says so.

use std::io::{self, Write, stdout};
use std::net::IpAddr;
use std::sync::Arc;

use ::acl::{Identities, NodeRef, Settings, digest, mask, required};
use clap::Args;
use jute::records::{Acl, OpCode, Perms};
use znodes::Access;

use super::layout::try_next;
use crate::shell::read_acl;

#[derive(Args, Debug)]
pub(super) struct AclArgs {
    /// The list of a node, as zkCli writes it: scheme:id:permissions, separated by commas
    #[arg(default_value = "auth::cdrwa,ip:10.0.0.0/8:w,world:anyone:r")]
    acl: String,
    /// Who sets the list: a user and a password; `auth` in the list stands for them
    #[arg(long, value_name = "USER:PASSWORD", default_value = "bob:pw", value_parser = user)]
    owner: String,
    /// Who asks, besides one who has proved nothing: users and passwords
    #[arg(long = "as", value_name = "USER:PASSWORD", value_delimiter = ',', value_parser = user)]
    #[arg(default_values = ["bob:pw", "bob:guess"])]
    users: Vec<String>,
    /// The address from which they connect
    #[arg(long, value_name = "ADDRESS", default_value = "192.168.1.7")]
    from: IpAddr,
    /// A user who may do everything: the server is given their digest
    #[arg(long = "super", value_name = "USER:PASSWORD", value_parser = user)]
    superuser: Option<String>,
}

/// The permissions, in the order in which zkCli writes them.
const PERMS: [(Perms, &str); 5] = [
    (Perms::CREATE, "create"),
    (Perms::DELETE, "delete"),
    (Perms::READ, "read"),
    (Perms::WRITE, "write"),
    (Perms::ADMIN, "admin"),
];

/// The operations of the second table.
const OPS: [OpCode; 10] = [
    OpCode::Create,
    OpCode::Delete,
    OpCode::SetData,
    OpCode::GetData,
    OpCode::GetChildren,
    OpCode::Exists,
    OpCode::SetAcl,
    OpCode::GetAcl,
    OpCode::AddWatch,
    OpCode::Sync,
];

/// Somebody who asks.
struct Asker {
    name: String,
    identities: Identities,
}

impl AclArgs {
    /// Prints who may do what. The error says what is wrong with the arguments.
    pub(super) fn tell(&self) -> Result<io::Result<()>, String> {
        let settings = Arc::new(Settings {
            super_digest: self.superuser.as_deref().map(digest),
            ..Settings::default()
        });
        let owner = self.asker(Some(&self.owner), &settings)?;
        let asked = read_acl(&self.acl)?;
        let kept = owner.identities.resolve(asked.clone()).map_err(|why| {
            let forms = "world:anyone:r, auth::cdrwa, digest:bob:HASH:rw or ip:10.0.0.0/8:r";
            format!("a server answers {why} to {}; entries are like {forms}", self.acl)
        })?;
        let mut askers = vec![self.asker(None, &settings)?];
        for user in self.users.iter().chain(&self.superuser) {
            askers.push(self.asker(Some(user), &settings)?);
        }
        Ok(self.print(&kept, &askers))
    }

    fn asker(&self, user: Option<&String>, settings: &Arc<Settings>) -> Result<Asker, String> {
        let mut identities = Identities::new(self.from, settings);
        if let Some(user) = user {
            let proved = identities.authenticate("digest", Some(user.as_bytes()));
            proved.map_err(|why| format!("{user}: {why}"))?;
        }
        let name = user.map_or("nobody", String::as_str).to_string();
        Ok(Asker { name, identities })
    }

    fn print(&self, kept: &[Acl], askers: &[Asker]) -> io::Result<()> {
        let mut out = stdout().lock();
        writeln!(out, "{} sets {}. The server keeps:", self.owner, self.acl)?;
        for (number, entry) in kept.iter().enumerate() {
            writeln!(out, "  entry {}  {entry}", number + 1)?;
        }
        writeln!(out, "\nWho they are:")?;
        let wide = askers.iter().map(|asker| asker.name.chars().count()).max().unwrap_or(0);
        for Asker { name, identities } in askers {
            let ids: Vec<String> = identities.ids().iter().map(ToString::to_string).collect();
            writeln!(out, "  {name:wide$}  {}", ids.join("  "))?;
        }
        let words = PERMS.map(|(_, word)| format!("  {word:6}")).concat();
        writeln!(out, "\nWhich entry lets them:\n  {:wide$}{}", "", words.trim_end())?;
        for Asker { name, identities } in askers {
            let cells = PERMS.map(|(perm, _)| format!("  {:6}", by_what(identities, kept, perm)));
            writeln!(out, "{}", format!("  {name:wide$}{}", cells.concat()).trim_end())?;
        }
        writeln!(
            out,
            "\nWhat each operation needs, and who may if node and parent have this list:"
        )?;
        for op in OPS {
            writeln!(out, "  {:12} {:32} {}", op.to_string(), needs(op), who(op, kept, askers))?;
        }
        writeln!(out, "\nWhat getACL shows:")?;
        for Asker { name, identities } in askers {
            let (_, perms) = required(OpCode::GetAcl).unwrap_or((NodeRef::Node, Perms(0)));
            let shown: Vec<String> = match identities.allows(kept, perms) {
                true => mask(kept, identities).iter().map(ToString::to_string).collect(),
                false => vec!["NoAuth".to_string()],
            };
            writeln!(out, "  {name:wide$}  {}", shown.join(","))?;
        }
        write!(out, "\n{}", try_next("14", 40, NEXT))?;
        out.flush()
    }
}

const NEXT: &[(&str, &str)] = &[
    ("--from 10.1.2.3", "from an address that an entry names"),
    ("world:anyone:cdrwa", "what a node has if nobody says anything"),
    ("world:anyone:d,auth::r", "whose is the permission to delete?"),
    ("--super admin:secret", "somebody who may do everything"),
    ("digest:bob:pw:r", "a password in place of its digest"),
];

/// The entry that gives a permission, by its number.
fn by_what(identities: &Identities, acl: &[Acl], perm: Perms) -> String {
    // An entry that gives nothing to anybody: whoever may do something all the same needs no entry.
    let nothing = [Acl::new(Perms(0), "world", "anyone")];
    if identities.allows(&nothing, perm) {
        return "super".to_string();
    }
    let gives = |entry: &Acl| identities.allows(std::slice::from_ref(entry), perm);
    acl.iter().position(gives).map_or("-".to_string(), |place| (place + 1).to_string())
}

fn needs(op: OpCode) -> String {
    let Some((on, perms)) = required(op) else { return "nothing".to_string() };
    let words: Vec<&str> =
        PERMS.iter().filter(|(perm, _)| perms.meets(*perm)).map(|(_, word)| *word).collect();
    let on = match on {
        NodeRef::Node => "the node",
        NodeRef::Parent => "the parent",
    };
    format!("{} on {on}", words.join(" or "))
}

fn who(op: OpCode, acl: &[Acl], askers: &[Asker]) -> String {
    let may =
        |asker: &&Asker| required(op).is_none_or(|(_, perms)| asker.identities.allows(acl, perms));
    let names: Vec<&str> = askers.iter().filter(may).map(|asker| asker.name.as_str()).collect();
    if names.is_empty() { "-".to_string() } else { names.join(", ") }
}

fn user(text: &str) -> Result<String, String> {
    match text.split_once(':') {
        Some((user, password)) if !user.is_empty() && !password.is_empty() => Ok(text.to_string()),
        _ => Err("write a user and a password: bob:pw".to_string()),
    }
}
