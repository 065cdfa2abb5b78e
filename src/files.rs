//! The files of one server on a real disk: `machines::Files` over a data and a log folder.
//!
//! Transaction logs (`log.*`) lie in the log folder, everything else in the data folder; both are
//! `version-2` below the folders that the configuration names, and may be one and the same.
//! Files stay open between uses, since opening costs more than writing.
//!
//! Always true:
//! - two servers never have one folder open: the second is refused. Unlike ZooKeeper, which lets
//!   both write and ruins the data;
//! - a file's bytes are forced by `fdatasync`, a folder's names by `fsync` of the folder.
//!
//! ZooKeeper: `FileTxnSnapLog`.

use std::cell::{RefCell, RefMut};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use machines::{Fault, Files};
use storage::names::lies_with_logs;

/// Handles that stay open. A log, a snapshot being saved and the ones before them are far fewer.
const OPEN_FILES: usize = 16;

/// Why a server cannot use its folders.
#[derive(Debug)]
pub struct FolderError {
    folder: PathBuf,
    why: String,
    remedy: &'static str,
}

impl fmt::Display for FolderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.folder.display(), self.why, self.remedy)
    }
}

impl std::error::Error for FolderError {}

/// The files of one server.
#[derive(Debug)]
pub struct OsFiles {
    data: Folder,
    /// Where logs lie, if not with the data.
    logs: Option<Folder>,
    open: RefCell<BTreeMap<String, Handle>>,
    forces_logs: bool,
}

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    /// Open to be forced, and locked as long as it is open.
    handle: File,
}

#[derive(Debug)]
struct Handle {
    file: File,
    writable: bool,
}

impl OsFiles {
    /// Opens the `version-2` folders below `data_dir` and `data_log_dir`, and makes them if they
    /// are missing.
    ///
    /// # Errors
    /// A folder cannot be made or opened, another server has it open, or it holds files that
    /// belong into the other one.
    pub fn open(data_dir: &Path, data_log_dir: &Path) -> Result<OsFiles, FolderError> {
        let data = Folder::open(data_dir)?;
        let log_path = create(data_log_dir)?;
        let logs = match data.path == log_path {
            true => None,
            false => Some(Folder::open(data_log_dir)?),
        };
        if let Some(logs) = &logs {
            data.refuse("log.", "it holds transaction logs, but the log folder is another")?;
            logs.refuse("snapshot.", "it holds snapshots, but the data folder is another")?;
        }
        Ok(OsFiles { data, logs, open: RefCell::default(), forces_logs: true })
    }

    /// Stops forcing logs to the disk, which risks what was acknowledged: `forceSync=no`.
    pub fn without_forced_logs(self) -> OsFiles {
        OsFiles { forces_logs: false, ..self }
    }

    fn folder(&self, name: &str) -> &Folder {
        match &self.logs {
            Some(logs) if lies_with_logs(name) => logs,
            _ => &self.data,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder(name).path.join(name)
    }

    fn folders(&self) -> impl Iterator<Item = &Folder> {
        std::iter::once(&self.data).chain(&self.logs)
    }

    /// An open handle; `create` says whether a missing file is made.
    fn handle(&self, name: &str, write: bool, create: bool) -> Result<RefMut<'_, File>, Fault> {
        let mut open = self.open.borrow_mut();
        if !open.get(name).is_some_and(|handle| handle.writable || !write) {
            let mut options = OpenOptions::new();
            options.read(true).write(write).create(create);
            let file = options.open(self.path(name)).map_err(|error| fault(name, &error))?;
            if open.len() >= OPEN_FILES {
                // Which one goes does not matter much: it is opened again when it is needed.
                open.pop_first();
            }
            open.insert(name.to_string(), Handle { file, writable: write });
        }
        Ok(RefMut::map(open, |open| {
            &mut open.get_mut(name).expect("the file has just been opened").file
        }))
    }
}

impl Files for OsFiles {
    fn names(&self) -> Result<Vec<String>, Fault> {
        let mut names = Vec::new();
        for folder in self.folders() {
            names.extend(folder.names().map_err(|error| fault("version-2", &error))?);
        }
        names.sort();
        Ok(names)
    }

    fn exists(&self, name: &str) -> Result<bool, Fault> {
        self.path(name).try_exists().map_err(|error| fault(name, &error))
    }

    fn len(&self, name: &str) -> Result<u64, Fault> {
        let file = self.handle(name, false, false)?;
        Ok(file.metadata().map_err(|error| fault(name, &error))?.len())
    }

    fn read(&self, name: &str, at: u64, into: &mut [u8]) -> Result<usize, Fault> {
        let file = self.handle(name, false, false)?;
        loop {
            match file.read_at(into, at) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map_err(|error| fault(name, &error)),
            }
        }
    }

    fn write(&mut self, name: &str, at: u64, bytes: &[u8]) -> Result<(), Fault> {
        let file = self.handle(name, true, true)?;
        file.write_all_at(bytes, at).map_err(|error| fault(name, &error))
    }

    fn set_len(&mut self, name: &str, len: u64) -> Result<(), Fault> {
        let file = self.handle(name, true, true)?;
        file.set_len(len).map_err(|error| fault(name, &error))
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), Fault> {
        fs::rename(self.path(from), self.path(to)).map_err(|error| fault(from, &error))?;
        let open = self.open.get_mut();
        open.remove(to);
        if let Some(handle) = open.remove(from) {
            open.insert(to.to_string(), handle);
        }
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), Fault> {
        self.open.get_mut().remove(name);
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(fault(name, &error)),
            _ => Ok(()),
        }
    }

    fn sync(&mut self, name: &str) -> Result<(), Fault> {
        if !self.forces_logs && name.starts_with("log.") {
            return Ok(());
        }
        let file = self.handle(name, true, false)?;
        file.sync_data().map_err(|error| fault(name, &error))
    }

    fn sync_names(&mut self) -> Result<(), Fault> {
        for folder in self.folders() {
            folder.handle.sync_all().map_err(|error| fault("version-2", &error))?;
        }
        Ok(())
    }
}

impl Folder {
    fn open(dir: &Path) -> Result<Folder, FolderError> {
        let path = create(dir)?;
        let handle = File::open(&path).map_err(|error| cannot("be opened", &path, &error))?;
        match handle.try_lock() {
            Ok(()) => Ok(Folder { path, handle }),
            Err(TryLockError::WouldBlock) => Err(FolderError {
                folder: path,
                why: "another server uses this folder".to_string(),
                remedy: "stop that server, or name another folder",
            }),
            Err(TryLockError::Error(error)) => Err(cannot("be locked", &path, &error)),
        }
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                continue;
            }
            // A name that is no text is none of ours.
            names.extend(entry.file_name().into_string());
        }
        Ok(names)
    }

    /// Fails if a file begins with `prefix`.
    fn refuse(&self, prefix: &str, why: &str) -> Result<(), FolderError> {
        let names = self.names().map_err(|error| cannot("be listed", &self.path, &error))?;
        match names.iter().any(|name| name.starts_with(prefix)) {
            false => Ok(()),
            true => Err(FolderError {
                folder: self.path.clone(),
                why: why.to_string(),
                remedy: "check dataDir and dataLogDir, or move the files",
            }),
        }
    }
}

/// Makes `version-2` below a folder, and says what it is called without links.
fn create(dir: &Path) -> Result<PathBuf, FolderError> {
    let path = dir.join("version-2");
    fs::create_dir_all(&path)
        .and_then(|()| path.canonicalize())
        .map_err(|error| cannot("be made", &path, &error))
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> FolderError {
    FolderError {
        folder: path.to_path_buf(),
        why: format!("the folder cannot {what}: {error}"),
        remedy: "name a folder that this user may write to",
    }
}

fn fault(name: &str, error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::NotFound => Fault::Missing(name.to_string()),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Fault::Full,
        _ => Fault::Broken(format!("{name}: {error}")),
    }
}
