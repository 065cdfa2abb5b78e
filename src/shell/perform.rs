//! What each command does.
//!
//! ZooKeeper: `org.apache.zookeeper.cli`, `ZKUtil`.

use std::collections::VecDeque;

use jute::records::{Acl, ErrorCode, Stat};

use super::command::Command;
use super::print::{self, remark, say};
use super::session::{Failure, Session};
use crate::client::{Error, Operation, Reconfiguration, Reply};

impl Session {
    /// Does a command that is about the ensemble. The others are the shell's own.
    pub(super) async fn perform(&mut self, command: Command) -> Result<(), Failure> {
        if let Some(write) = command.write() {
            let stat = matches!(
                command,
                Command::Set { stat: true, .. } | Command::SetAcl { stat: true, .. }
            );
            show_written(self.ask(write, false).await?, stat);
            return Ok(());
        }
        match command {
            Command::AddAuth { scheme, auth } => {
                let client = self.client().await?;
                let added = self.answer(client.add_auth(&scheme, auth)).await;
                added.map_err(|error| Failure::refused(error, ""))
            }
            Command::AddWatch { path, recursive } => {
                self.ask(Operation::AddWatch { path, recursive }, true).await.map(drop)
            }
            Command::Close => {
                self.living().ok_or(Failure::NotConnected)?;
                self.close().await;
                Ok(())
            }
            Command::Config { clients, watch, stat } => self.config(clients, watch, stat).await,
            Command::Connect { servers } => self.connect(servers, None).await,
            Command::DeleteAll { path, batch } => self.delete_all(path, batch).await,
            Command::Get { path, stat, watch } => {
                let reply = self.ask(Operation::GetData { path }, watch).await?;
                show_data(reply, stat);
                Ok(())
            }
            Command::GetAcl { path, stat } => {
                let reply = self.ask(Operation::GetAcl { path }, false).await?;
                if let Reply::Acl { acl, stat: of } = reply {
                    say(&print::acl(&acl));
                    show_stat(stat.then_some(of));
                }
                Ok(())
            }
            Command::CountDescendants { path } => {
                let reply = self.ask(Operation::CountDescendants { path }, false).await?;
                if let Reply::Descendants(total) = reply {
                    say(&total.to_string());
                }
                Ok(())
            }
            Command::GetEphemerals { path } => {
                let operation = Operation::GetEphemerals { prefix: path };
                if let Reply::Ephemerals(mut paths) = self.ask(operation, false).await? {
                    paths.sort();
                    say(&print::list(&paths));
                }
                Ok(())
            }
            Command::Ls { path, recursive: true, .. } => self.list_all(path).await,
            Command::Ls { path, stat, watch, .. } => {
                let operation = Operation::GetChildren { path, stat: true };
                if let Reply::Children { mut names, stat: of } = self.ask(operation, watch).await? {
                    names.sort();
                    say(&print::list(&names));
                    show_stat(of.filter(|_| stat));
                }
                Ok(())
            }
            Command::RemoveWatches { path, kind, local } => {
                self.ask(Operation::RemoveWatches { path, kind, local }, false).await.map(drop)
            }
            Command::Reconfig { change, file, stat } => self.reconfig(change, file, stat).await,
            Command::SetAcl { path, acl, recursive: true, version, .. } => {
                self.set_acl_of_all(path, acl, version).await
            }
            Command::SetQuota { path, limit, value } => self.set_quota(&path, limit, value).await,
            Command::DelQuota { path, limit } => self.delete_quota(&path, limit).await,
            Command::ListQuota { path } => self.list_quota(&path).await,
            Command::Stat { path, watch } => {
                if let Reply::Stat(stat) = self.ask(Operation::Exists { path }, watch).await? {
                    say(&print::stat(&stat));
                }
                Ok(())
            }
            Command::Sync { path } => {
                self.ask(Operation::Sync { path }, false).await?;
                say("Sync is OK");
                Ok(())
            }
            Command::WhoAmI => {
                if let Reply::Identities(clients) = self.ask(Operation::WhoAmI, false).await? {
                    say("Auth scheme: User");
                    for client in clients {
                        say(&format!("{}: {}", client.scheme, client.user));
                    }
                }
                Ok(())
            }
            Command::Create { .. }
            | Command::Delete { .. }
            | Command::Set { .. }
            | Command::SetAcl { .. } => unreachable!("a single write is done above"),
            Command::Help
            | Command::History
            | Command::PrintWatches(_)
            | Command::Quit
            | Command::Redo(_)
            | Command::Version => unreachable!("the shell does this itself"),
        }
    }

    /// Shows the configuration of the ensemble, or what clients need of it.
    async fn config(&mut self, clients: bool, watch: bool, stat: bool) -> Result<(), Failure> {
        let path = "/zookeeper/config".to_owned();
        match self.ask(Operation::GetData { path }, watch).await? {
            Reply::Data { data, .. } if clients => {
                say(&print::client_config(&String::from_utf8_lossy(&data.unwrap_or_default())));
            }
            reply => show_data(reply, stat),
        }
        Ok(())
    }

    /// Changes the members, from a list or from a file with `server.N=...` lines.
    async fn reconfig(
        &mut self,
        mut change: Reconfiguration,
        file: Option<String>,
        stat: bool,
    ) -> Result<(), Failure> {
        if let Some(file) = file {
            let text = std::fs::read_to_string(&file)
                .map_err(|error| Failure::Text(format!("Error processing {file}: {error}")))?;
            let servers = text.lines().map(str::trim).filter(|line| line.starts_with("server."));
            change.members = Some(servers.collect::<Vec<_>>().join(","));
        }
        let reply = self.ask(Operation::Reconfig(change), false).await?;
        say("Committed new configuration:");
        show_data(reply, stat);
        Ok(())
    }

    /// Prints a path and everything below it.
    async fn list_all(&mut self, path: String) -> Result<(), Failure> {
        let names = self.children(&path).await?;
        say(&path);
        let mut ahead = below(&path, names);
        while let Some(path) = ahead.pop() {
            say(&path);
            let names = self.children_or_none(&path).await?;
            ahead.extend(below(&path, names));
        }
        Ok(())
    }

    /// Deletes a node and everything below it: leaves first, some at a time.
    async fn delete_all(&mut self, path: String, batch: usize) -> Result<(), Failure> {
        let names = self.children(&path).await?;
        let mut paths = vec![path.clone()];
        let mut ahead = VecDeque::from(below(&path, names));
        while let Some(path) = ahead.pop_front() {
            let names = self.children_or_none(&path).await?;
            ahead.extend(below(&path, names));
            paths.push(path);
        }
        let mut failed = None;
        paths.reverse();
        for batch in paths.chunks(batch) {
            let client = self.client().await?;
            let delete = |path: &String| Operation::Delete { path: path.clone(), version: -1 };
            let asked: Vec<_> = batch.iter().map(|path| client.request(delete(path))).collect();
            for (path, completion) in batch.iter().zip(asked) {
                match self.answer(completion).await {
                    Ok(_) | Err(Error::Code(ErrorCode::NoNode)) => {}
                    Err(error) => failed = failed.or(Some(Failure::refused(error, path))),
                }
            }
        }
        match failed {
            None => Ok(()),
            Some(why) => {
                remark(&why.to_string());
                Err(Failure::Text("Failed to delete some node(s) in the subtree!".to_owned()))
            }
        }
    }

    /// Sets the ACL of a node and of everything below it.
    async fn set_acl_of_all(
        &mut self,
        path: String,
        acl: Vec<Acl>,
        version: i32,
    ) -> Result<(), Failure> {
        let mut ahead = vec![path];
        while let Some(path) = ahead.pop() {
            // The list may forbid to read the node, so its children are asked for first.
            let names = self.children(&path).await?;
            ahead.extend(below(&path, names));
            let acl = acl.clone();
            self.ask(Operation::SetAcl { path, acl, version }, false).await?;
        }
        Ok(())
    }
}

/// The paths of a node's children, the last one first.
fn below(path: &str, names: Vec<String>) -> Vec<String> {
    let path = path.trim_end_matches('/');
    names.into_iter().rev().map(|name| format!("{path}/{name}")).collect()
}

/// What was created; and the Stat of what was changed, if it is wanted.
fn show_written(reply: Reply, with_stat: bool) {
    match reply {
        Reply::Created { path, .. } => remark(&format!("Created {path}")),
        Reply::Stat(stat) => show_stat(with_stat.then_some(stat)),
        _ => {}
    }
}

fn show_data(reply: Reply, with_stat: bool) {
    if let Reply::Data { data, stat } = reply {
        say(&print::data(data.as_deref()));
        show_stat(with_stat.then_some(stat));
    }
}

fn show_stat(stat: Option<Stat>) {
    if let Some(stat) = stat {
        say(&print::stat(&stat));
    }
}
