//! The rules of the house, as far as a test can tell.
//!
//! What is where, who may know whom, and what must not creep in. CONTRIBUTING.md has the map; a
//! rule that fails here says which file broke it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What chapters may use from outside: serde, and small pure crates. None does IO, spawns, or reads
/// a clock.
const PURE: &[&str] = &[
    "base64",
    "bytes",
    "crc32fast",
    "flate2",
    "foldhash",
    "hashbrown",
    "oorandom",
    "serde",
    "serde_bytes",
    "sha1",
    "simd-adler32",
    "snap",
];

/// What their tests may use besides.
const FOR_TESTS: &[&str] =
    &["allocation-counter", "goldenscript", "pretty_assertions", "serde_json", "stateright"];

/// What would let a machine know more than it is told.
const FORBIDDEN: &[&str] = &[
    "tokio",
    "Instant::now",
    "SystemTime",
    "std::env",
    "std::fs",
    "std::process",
    "std::thread",
    "thread::spawn",
    "thread::sleep",
    "rand::",
    "RandomState",
    "TcpStream",
    "UdpSocket",
];

/// A file of so many lines wants a second look.
const LONG: usize = 450;

/// Files that had it: one story each, which would be harder to follow in pieces.
const LOOKED_AT: &[&str] = &[
    "solutions/16-server.rs",
    "tests/06-jute.rs",
    "tests/13-watches.rs",
    "tests/15-client.rs",
    "tests/15-protocol.rs",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A path below the root, as messages show it.
fn name(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// All files below a folder of the repository, but for those that are built or not ours.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder can be read") {
            let path = entry.expect("an entry can be read").path();
            let file = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
            match path.is_dir() {
                true if file == ".git" || file.starts_with("target") => {}
                true if file == "__pycache__" => {}
                true => folders.push(path),
                false => found.push(path),
            }
        }
    }
    found.sort();
    found
}

fn rust_files(folders: &[&str]) -> Vec<PathBuf> {
    let all = folders.iter().flat_map(|folder| files(folder));
    all.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// The chapters: crate name, number and folder.
fn chapters() -> BTreeMap<String, (u32, PathBuf)> {
    let folders = fs::read_dir(root().join("chapters")).expect("there are chapters");
    let chapter = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("an entry can be read").path();
        let folder = path.file_name()?.to_str()?.to_string();
        let (number, crate_name) = folder.split_once('-')?;
        Some((crate_name.to_string(), (number.parse().ok()?, path)))
    };
    folders.filter_map(chapter).collect()
}

/// The names in one table of a manifest.
fn table(manifest: &str, table: &str) -> Vec<String> {
    let lines = manifest.lines().skip_while(|line| line.trim() != format!("[{table}]")).skip(1);
    lines
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .filter_map(|line| Some(line.split(['.', '=', ' ']).next()?.trim().to_string()))
        .collect()
}

/// The `path` of every `[[test]]`, and whether it is built.
fn test_targets(manifest: &Path) -> Vec<(PathBuf, bool)> {
    let folder = manifest.parent().expect("a manifest lies in a folder");
    let text = read(manifest);
    let target = |block: &str| {
        let block = block.split("\n[").next()?;
        let path = block.lines().find_map(|line| line.strip_prefix("path = \""))?;
        let built = !block.contains("test = false");
        Some((plain(&folder.join(path.trim_end_matches('"'))), built))
    };
    text.split("[[test]]").skip(1).filter_map(target).collect()
}

/// A path without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part.as_os_str() == ".." {
            true => drop(plain.pop()),
            false => plain.push(part),
        }
    }
    plain
}

fn manifests() -> Vec<PathBuf> {
    let chapters = chapters().into_values().map(|(_, folder)| folder.join("Cargo.toml"));
    std::iter::once(root().join("Cargo.toml")).chain(chapters).collect()
}

/// Lines of code, without comments, and their numbers.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    numbered.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[test]
fn a_chapter_knows_only_earlier_ones_and_pure_crates() {
    let chapters = chapters();
    for (crate_name, (number, folder)) in &chapters {
        let manifest = read(&folder.join("Cargo.toml"));
        for dependency in table(&manifest, "dependencies") {
            match chapters.get(&dependency) {
                Some((earlier, _)) => {
                    assert!(earlier < number, "{crate_name} depends on the later {dependency}");
                }
                None => assert!(
                    PURE.contains(&dependency.as_str()),
                    "{crate_name} depends on {dependency}, which no chapter may know"
                ),
            }
        }
        for dependency in table(&manifest, "dev-dependencies") {
            let known = chapters.contains_key(&dependency)
                || PURE.contains(&dependency.as_str())
                || FOR_TESTS.contains(&dependency.as_str());
            assert!(known, "the tests of {crate_name} depend on {dependency}");
        }
    }
}

#[test]
fn no_machine_knows_a_clock_a_thread_or_the_world() {
    for path in rust_files(&["chapters", "solutions"]) {
        for (number, line) in code(&read(&path)) {
            let forbidden = FORBIDDEN.iter().find(|word| line.contains(**word));
            assert!(forbidden.is_none(), "{}:{number}: {line}", name(&path));
        }
    }
}

#[test]
fn every_heart_is_wired_so_that_a_learners_can_take_its_place() {
    let chapters = chapters();
    for path in rust_files(&["solutions"]) {
        let file = path.file_name().and_then(|name| name.to_str()).expect("names are text");
        let number: u32 = file[..2].parse().expect("a heart's name begins with its chapter");
        let (_, folder) = chapters
            .values()
            .find(|(other, _)| *other == number)
            .unwrap_or_else(|| panic!("{file} belongs to no chapter"));
        let library = read(&folder.join("src/lib.rs"));
        for line in [
            format!("#[path = \"../../../solutions/{file}\"]"),
            format!("#[path = \"../../../exercises/{file}\"]"),
            "#[cfg(feature = \"mine\")]".to_string(),
            "#[cfg(not(feature = \"mine\"))]".to_string(),
        ] {
            assert!(library.contains(&line), "{file}: its chapter's lib.rs lacks {line}");
        }
        let manifest = folder.join("Cargo.toml");
        assert!(read(&manifest).contains("\nmine = ["), "{file}: no feature `mine`");
        // Cargo wants the file of every target to be there, and some exercises are still to come.
        let exercise = root().join("exercises").join(file);
        for shown in std::iter::once(path).chain(exercise.exists().then_some(exercise)) {
            assert!(
                test_targets(&manifest).contains(&(shown.clone(), false)),
                "{}: no target that shows editors {}",
                name(&manifest),
                name(&shown)
            );
        }
    }
}

#[test]
fn every_heart_names_its_own_items_plainly_and_has_no_hole_that_cannot_be_one() {
    for path in rust_files(&["solutions"]) {
        for (number, line) in code(&read(&path)) {
            let line = line.trim_start();
            let function = line.starts_with("fn ") || line.starts_with("pub fn ");
            let hidden = function && line.contains("-> impl ");
            let constant = line.starts_with("const fn ") || line.starts_with("pub const fn ");
            assert!(
                !hidden && !constant && !line.contains("crate::"),
                "{}:{number}: {line}",
                name(&path)
            );
        }
    }
}

#[test]
fn every_test_file_is_built_and_every_test_target_has_its_file() {
    let mut built = BTreeSet::new();
    for manifest in manifests() {
        for (path, is_built) in test_targets(&manifest) {
            if is_built {
                assert!(path.exists(), "{} names {}", name(&manifest), name(&path));
                assert!(built.insert(path.clone()), "{} is built twice", name(&path));
            }
        }
    }
    let all = rust_files(&["tests"]);
    let tests = root().join("tests");
    for path in all.iter().filter(|path| path.parent() == Some(&tests)) {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).expect("names are text");
        let module = format!("mod {stem};");
        let shared = all.iter().any(|other| read(other).contains(&module));
        assert!(built.contains(path) || shared, "nobody builds {}", name(path));
    }
    assert!(read(&root().join("Cargo.toml")).contains("\nautotests = false\n"));
}

#[test]
fn no_file_is_too_long_to_read() {
    for path in rust_files(&["chapters", "solutions", "src", "tests"]) {
        let lines = read(&path).lines().count();
        let file = name(&path);
        assert!(
            lines <= LONG || LOOKED_AT.contains(&file.as_str()),
            "{file} has {lines} lines: is it about one thing?"
        );
    }
}

#[test]
fn every_file_says_what_it_is() {
    for path in rust_files(&["chapters", "solutions", "src", "tests"]) {
        assert!(read(&path).starts_with("//! "), "{} has no header", name(&path));
    }
}

#[test]
fn nothing_is_left_to_be_done() {
    let marks = ["TODO", "FIXME", "XXX", "HACK", "todo!", "unimplemented!"];
    // These make holes for learners, or try whether they are made.
    let speak_of_holes = ["tests/house.rs", "tests/exercises.rs", "src/exercises/"];
    for path in rust_files(&["chapters", "solutions", "src", "tests"]) {
        if speak_of_holes.iter().any(|place| name(&path).starts_with(place)) {
            continue;
        }
        for (number, line) in read(&path).lines().enumerate() {
            let mark = marks.iter().find(|mark| line.contains(**mark));
            assert!(mark.is_none(), "{}:{}: {line}", name(&path), number + 1);
        }
    }
}

#[test]
fn no_file_knows_where_it_lies_on_this_machine() {
    let above = root().parent().expect("the repository lies in a folder");
    let home = std::env::var("HOME").unwrap_or_default();
    let places = [above.display().to_string(), home];
    // A folder right below the root has a name that may mean anything.
    let places: Vec<String> =
        places.into_iter().filter(|p| p.matches('/').count() > 1).map(|p| p + "/").collect();
    let root_path = format!("{}/", root().display());
    for path in files("") {
        // What was recorded elsewhere may name places there.
        if path.starts_with(root().join("tests/fixtures")) {
            continue;
        }
        let text =
            String::from_utf8_lossy(&fs::read(&path).expect("a file can be read")).into_owned();
        let known = places.iter().chain([&root_path]).find(|place| text.contains(*place));
        assert!(known.is_none(), "{} knows this machine's {known:?}", name(&path));
    }
}
