//! Whether all exercises are as they should be: for whoever maintains the course, and for CI.
//!
//! Every starter is what its solution makes; every solution passes its checks, and every starter
//! fails; every known wrong answer fails, by checks that say which it is; every exercise is on a
//! page of the book.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::catalogue::{Catalogue, Exercise};
use super::check::{self, Outcome};
use super::shelf::Shelf;
use super::signatures::{self, Signature, Signatures};
use crate::mutants::{Copy, Mutant, changed, load};

/// How many wrong answers an exercise has at least.
const FEWEST: usize = 3;

/// Looks at exercises of a course: at those that are named, or at all; with a revision, of the wrong
/// answers only at those of chapters that changed since. With `bless` it writes starters and
/// signatures anew where they differ. What is done is told to `tell`; what is wrong comes back.
///
/// # Errors
/// The course is not whole, or there is no such exercise or revision.
pub fn verify(
    course: &Path,
    which: &[String],
    since: Option<&str>,
    bless: bool,
    mut tell: impl FnMut(&str),
) -> Result<Vec<String>, String> {
    let catalogue = Catalogue::read(course)?;
    let chosen = chosen(&catalogue, which)?;
    let mut wrong = starters(course, &catalogue, bless)?;
    wrong.extend(reachable(course, &catalogue)?);
    let copy = Copy::of(course)?;
    let mut mutants = load(course)?;
    mutants.retain(|mutant| mutant.exercise.is_some());
    let all = which.is_empty() && since.is_none();
    let tried = match since {
        Some(revision) => changed::since(revision, course, mutants.clone())?,
        None => mutants.clone(),
    };
    // Of what is not looked at, what was seen before stays.
    let mut found = if all { Signatures::new() } else { signatures::read(course)? };
    for exercise in chosen {
        tell(&format!("{} {}", exercise.number.text(), exercise.entry.name));
        wrong.extend(solved(&copy, exercise)?);
        let of_it = |mutant: &&Mutant| mutant.exercise.as_deref() == Some(exercise.number.text());
        wrong.extend(enough(exercise, mutants.iter().filter(of_it)));
        wrong.extend(answers(&copy, exercise, tried.iter().filter(of_it), &mut found)?);
    }
    if found != signatures::read(course)? {
        match bless {
            true => signatures::write(course, &found)?,
            false => wrong.push(format!(
                "{} is not what was seen; `ensemble verify --bless` writes it anew",
                signatures::FILE
            )),
        }
    }
    Ok(wrong)
}

/// The exercises that can be checked, of those that words mean, or of all.
fn chosen<'a>(catalogue: &'a Catalogue, which: &[String]) -> Result<Vec<&'a Exercise>, String> {
    if which.is_empty() {
        return Ok(catalogue.checkable().collect());
    }
    let mut chosen = Vec::new();
    for word in which {
        let meant = catalogue.meant(word)?;
        chosen.extend(meant.into_iter().filter(|exercise| exercise.entry.heart.is_some()));
    }
    Ok(chosen)
}

/// Every starter is what its solution makes, and every mark belongs to an exercise.
fn starters(course: &Path, catalogue: &Catalogue, bless: bool) -> Result<Vec<String>, String> {
    let shelf = Shelf::of(course);
    let mut wrong = Vec::new();
    let known: BTreeMap<&str, &Exercise> =
        catalogue.checkable().map(|it| (it.number.text(), it)).collect();
    let mut marked = BTreeSet::new();
    for heart in shelf.hearts()? {
        let (file, starter) = (shelf.mine(&heart), shelf.starter(&heart)?);
        if fs::read_to_string(&file).ok().as_ref() != Some(&starter) {
            match bless {
                true => fs::write(&file, &starter).map_err(|why| format!("{heart}: {why}"))?,
                false => wrong.push(format!(
                    "exercises/{heart} is not what its solution makes; `ensemble verify --bless` \
                     writes it anew"
                )),
            }
        }
        for exercise in shelf.exercises(&heart)? {
            match known.get(exercise.as_str()) {
                Some(it) if it.entry.heart.as_ref() == Some(&heart) => {}
                _ => wrong.push(format!(
                    "solutions/{heart} has a mark of {exercise}, and the catalogue has no such \
                     exercise in it"
                )),
            }
            marked.insert(exercise);
        }
    }
    for (number, exercise) in known {
        if !marked.contains(number) {
            let heart = exercise.entry.heart.as_deref().unwrap_or_default();
            wrong.push(format!("{number}: there is no mark of it in solutions/{heart}"));
        }
    }
    Ok(wrong)
}

/// Every exercise is on the page of its chapter.
fn reachable(course: &Path, catalogue: &Catalogue) -> Result<Vec<String>, String> {
    let pages = course.join("book").join("pages");
    let entries = fs::read_dir(&pages).map_err(|why| format!("{}: {why}", pages.display()))?;
    let texts: Vec<String> =
        entries.filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok()).collect();
    let is_told = |number: &str| {
        let mark = format!("::: exercise {number}\n");
        texts.iter().any(|text| text.contains(&mark))
    };
    let lost = catalogue.all().iter().filter(|it| !is_told(it.number.text()));
    Ok(lost.map(|it| format!("no page of the book has exercise {}", it.number.text())).collect())
}

/// The solution passes; what a learner begins with does not.
fn solved(copy: &Copy, exercise: &Exercise) -> Result<Vec<String>, String> {
    let number = exercise.number.text();
    let mut wrong = Vec::new();
    match check::check(copy.root(), copy.target(), exercise)? {
        outcome if outcome.is_done() => {}
        Outcome::Checked(all) => {
            let failing: Vec<String> = signatures::of(&all).into_keys().collect();
            wrong.push(format!("{number}: the solution fails {}", failing.join(", ")));
        }
        Outcome::Unbuilt(said) => wrong.push(format!("{number}: the solution: {said}")),
        Outcome::Untouched => wrong.push(format!("{number}: the solution has a hole")),
    }
    Ok(wrong)
}

/// There are enough wrong answers, and each says what is believed.
fn enough<'a>(exercise: &Exercise, mutants: impl Iterator<Item = &'a Mutant>) -> Vec<String> {
    let number = exercise.number.text();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for mutant in mutants {
        count += 1;
        if mutant.belief.is_none() {
            wrong.push(format!("{number}: nobody is told what {} believes", mutant.id));
        }
    }
    if count < FEWEST {
        wrong.push(format!("{number}: {count} wrong answers; let there be {FEWEST}"));
    }
    wrong
}

/// Every wrong answer fails.
fn answers<'a>(
    copy: &Copy,
    exercise: &Exercise,
    mutants: impl Iterator<Item = &'a Mutant>,
    found: &mut Signatures,
) -> Result<Vec<String>, String> {
    let number = exercise.number.text();
    let mut wrong = Vec::new();
    for mutant in mutants {
        match attempt(copy, exercise, mutant)? {
            Ok(signature) => drop(found.insert(mutant.id.clone(), signature)),
            Err(why) => wrong.push(format!("{number}: {}: {why}", mutant.id)),
        }
    }
    Ok(wrong)
}

/// The checks that a wrong answer fails.
fn attempt(
    copy: &Copy,
    exercise: &Exercise,
    mutant: &Mutant,
) -> Result<Result<Signature, String>, String> {
    copy.put_in(mutant)?;
    let outcome = check::check(copy.root(), copy.target(), exercise);
    copy.take_out(mutant)?;
    Ok(match outcome? {
        Outcome::Checked(all) => match signatures::of(&all) {
            none if none.is_empty() => Err("no check notices it".to_string()),
            signature => Ok(signature),
        },
        Outcome::Unbuilt(said) => Err(format!("it does not compile: {said}")),
        Outcome::Untouched => Err("it has a hole".to_string()),
    })
}
