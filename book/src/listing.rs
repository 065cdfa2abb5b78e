//! Listings: parts of the code, found by the names of its items.
//!
//! Nothing in the code marks what the book shows. A page names a file and the items that it wants:
//! `Vote`, `Election::on_notification`, `impl Machine for Election`, `kinds!` for the use of a macro,
//! `//!` for the head of the file. So a listing follows its item wherever that goes, and an item that
//! is gone fails the build.
//!
//! Always true: the lines of a listing stand in its file, in that order; only indentation that all
//! of them share is taken away, and the marks of exercises.

use std::ops::RangeInclusive;

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{Attribute, ImplItem, Item, TraitItem, Type};

/// What a page gets to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The code.
    pub code: String,
    /// Its lines in the file, counted from 1.
    pub lines: RangeInclusive<usize>,
}

/// The whole of a file.
pub fn whole(text: &str) -> Listing {
    Listing { code: text.to_string(), lines: 1..=text.lines().count() }
}

/// Items of a Rust file, in the order in which they are asked for.
///
/// # Errors
/// The file is no Rust, or an item is not in it, or not only once.
pub fn items(text: &str, names: &[String]) -> Result<Listing, String> {
    let file = syn::parse_file(text).map_err(|why| format!("it is no Rust: {why}"))?;
    let mut found = Vec::new();
    collect(&file.items, &mut found);
    let lines: Vec<&str> = text.lines().collect();
    let mut code = Vec::new();
    let (mut first, mut last) = (usize::MAX, 0);
    for name in names {
        let range = if name == "//!" { head(&lines)? } else { place(name, &found)? };
        first = first.min(*range.start());
        last = last.max(*range.end());
        code.push(dedent(&lines[range.start() - 1..*range.end()]));
    }
    Ok(Listing { code: code.join("\n"), lines: first..=last })
}

/// Splits what a page asks for at commas that are not within angle brackets.
pub fn names(words: &str) -> Vec<String> {
    let (mut names, mut depth) = (vec![String::new()], 0_usize);
    for letter in words.chars() {
        match letter {
            ',' if depth == 0 => names.push(String::new()),
            _ => {
                depth = match letter {
                    '<' => depth + 1,
                    '>' => depth.saturating_sub(1),
                    _ => depth,
                };
                names.last_mut().expect("there is one at least").push(letter);
            }
        }
    }
    names.into_iter().map(|name| name.trim().to_string()).filter(|name| !name.is_empty()).collect()
}

type Found = (String, RangeInclusive<usize>);

fn place(name: &str, found: &[Found]) -> Result<RangeInclusive<usize>, String> {
    let mut places = found.iter().filter(|(other, _)| other == name).map(|(_, range)| range);
    match (places.next(), places.next()) {
        (Some(range), None) => Ok(range.clone()),
        (Some(_), Some(_)) => Err(format!("there are several `{name}`; name the `impl` too")),
        (None, _) => Err(format!("there is no `{name}`{}", nearest(name, found))),
    }
}

/// An item whose last word is the same.
fn nearest(name: &str, found: &[Found]) -> String {
    let last = |name: &str| name.rsplit("::").next().unwrap_or(name).to_string();
    match found.iter().find(|(other, _)| last(other) == last(name)) {
        Some((other, _)) => format!("; did you mean `{other}`?"),
        None => String::new(),
    }
}

/// The comment at the head of a file.
fn head(lines: &[&str]) -> Result<RangeInclusive<usize>, String> {
    let count = lines.iter().take_while(|line| line.starts_with("//!")).count();
    if count == 0 { Err("the file has no head".to_string()) } else { Ok(1..=count) }
}

fn collect(items: &[Item], found: &mut Vec<Found>) {
    for item in items {
        let range = lines_of(item.span(), attributes(item));
        match item {
            Item::Impl(block) => {
                let owner = name_of(&block.self_ty);
                let title = match &block.trait_ {
                    Some((_, path, _)) => {
                        let which = path.segments.last().map(|last| last.ident.to_string());
                        format!("impl {} for {owner}", which.unwrap_or_default())
                    }
                    None => format!("impl {owner}"),
                };
                for inner in &block.items {
                    members(inner, &owner, &title, found);
                }
                found.push((title, range));
            }
            Item::Trait(item) => {
                for inner in &item.items {
                    if let TraitItem::Fn(method) = inner {
                        let name = format!("{}::{}", item.ident, method.sig.ident);
                        found.push((name, lines_of(method.span(), &method.attrs)));
                    }
                }
                found.push((item.ident.to_string(), range));
            }
            Item::Mod(module) => {
                if let Some((_, inner)) = &module.content {
                    collect(inner, found);
                }
                found.push((format!("mod {}", module.ident), range));
            }
            Item::Const(item) => found.push((item.ident.to_string(), range)),
            Item::Static(item) => found.push((item.ident.to_string(), range)),
            Item::Enum(item) => found.push((item.ident.to_string(), range)),
            Item::Struct(item) => found.push((item.ident.to_string(), range)),
            Item::Type(item) => found.push((item.ident.to_string(), range)),
            Item::Fn(item) => found.push((item.sig.ident.to_string(), range)),
            Item::Macro(item) if item.ident.is_none() => {
                let which = item.mac.path.segments.last().map(|last| last.ident.to_string());
                found.push((format!("{}!", which.unwrap_or_default()), range));
            }
            _ => {}
        }
    }
}

/// A method is known by its type, and by its `impl` where several have one of that name.
fn members(item: &ImplItem, owner: &str, title: &str, found: &mut Vec<Found>) {
    let (name, range) = match item {
        ImplItem::Fn(item) => (&item.sig.ident, lines_of(item.span(), &item.attrs)),
        ImplItem::Const(item) => (&item.ident, lines_of(item.span(), &item.attrs)),
        ImplItem::Type(item) => (&item.ident, lines_of(item.span(), &item.attrs)),
        _ => return,
    };
    found.push((format!("{owner}::{name}"), range.clone()));
    found.push((format!("{title}::{name}"), range));
}

/// The last name of a type, without its parameters.
fn name_of(of: &Type) -> String {
    match of {
        Type::Path(path) => {
            path.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default()
        }
        Type::Reference(reference) => name_of(&reference.elem),
        _ => String::new(),
    }
}

/// An item's lines: those of its documentation and its attributes too.
fn lines_of(span: Span, attributes: &[Attribute]) -> RangeInclusive<usize> {
    let first = attributes.iter().map(|one| one.span().start().line).min();
    let begin = span.start().line;
    first.map_or(begin, |first| first.min(begin))..=span.end().line
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        _ => &[],
    }
}

/// The lines without the indentation that all share, and without the marks of exercises.
fn dedent(lines: &[&str]) -> String {
    let lines: Vec<&str> = lines.iter().copied().filter(|line| !is_mark(line)).collect();
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let shared = lines.iter().filter(|line| !line.is_empty()).map(indent).min().unwrap_or(0);
    lines.iter().map(|line| format!("{}\n", line.get(shared..).unwrap_or(""))).collect()
}

/// Whether a line says only where an exercise begins or ends: `// Exercise 8.1: ...`.
fn is_mark(line: &str) -> bool {
    let line = line.trim_start();
    ["// Exercise ", "// Part of ", "// End of "].iter().any(|mark| {
        let rest = line.strip_prefix(mark).unwrap_or_default();
        rest.starts_with(|letter: char| letter.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "//! Head.\n//! More.\n\n/// A vote.\n#[derive(Clone)]\npub struct Vote {\n    \
                        zxid: u64,\n}\n\nimpl Vote {\n    /// Compares.\n    pub fn beats(&self) \
                        -> bool {\n        true\n    }\n}\n\nimpl Display for Vote {\n    fn \
                        fmt(&self) {}\n}\n\nimpl Debug for Vote {\n    fn fmt(&self) {}\n}\n";

    fn found(names: &[&str]) -> Result<Listing, String> {
        items(FILE, &names.iter().map(|name| name.to_string()).collect::<Vec<_>>())
    }

    #[test]
    fn an_item_comes_with_its_documentation() {
        let listing = found(&["Vote"]).unwrap();
        let code = "/// A vote.\n#[derive(Clone)]\npub struct Vote {\n    zxid: u64,\n}\n";
        assert_eq!(listing, Listing { code: code.to_string(), lines: 4..=8 });
        assert_eq!(found(&["//!"]).unwrap().code, "//! Head.\n//! More.\n");
    }

    #[test]
    fn the_use_of_a_macro_is_known_by_its_name() {
        let file = "macro_rules! kinds { () => {}; }\n\nkinds! {\n    A,\n}\n";
        assert_eq!(items(file, &["kinds!".to_string()]).unwrap().code, "kinds! {\n    A,\n}\n");
    }

    #[test]
    fn a_method_is_known_by_its_type_and_loses_its_indentation() {
        let listing = found(&["Vote::beats"]).unwrap();
        let code = "/// Compares.\npub fn beats(&self) -> bool {\n    true\n}\n";
        assert_eq!(listing, Listing { code: code.to_string(), lines: 11..=14 });
    }

    #[test]
    fn what_is_missing_or_not_the_only_one_is_refused() {
        let several = "there are several `Vote::fmt`; name the `impl` too";
        assert_eq!(found(&["Vote::fmt"]).unwrap_err(), several);
        assert_eq!(found(&["impl Debug for Vote::fmt"]).unwrap().lines, 22..=22);
        let missing = "there is no `Ballot::beats`; did you mean `Vote::beats`?";
        assert_eq!(found(&["Ballot::beats"]).unwrap_err(), missing);
    }

    #[test]
    fn names_are_parted_by_commas() {
        assert_eq!(names("A, B::c, impl From<X, Y> for Z"), ["A", "B::c", "impl From<X, Y> for Z"]);
    }
}
