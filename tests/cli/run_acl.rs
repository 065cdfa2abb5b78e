//! The program of chapter 14: `ensemble run 14`.

use super::failure;
use super::programs::{fits, prints};

#[test]
fn each_permission_is_given_by_an_entry_or_by_none() {
    let told = prints(&["14"]);
    fits(&told);
    assert!(told.contains("  entry 1  digest:bob:ikIaKsbtGweaHnb/jKn7OHqbunM=:cdrwa\n"), "{told}");
    assert!(told.contains("\n  bob:pw     1       1       1       1       1\n"), "{told}");
    assert!(told.contains("\n  bob:guess  -       -       3       -       -\n"), "{told}");
    assert!(told.contains("\n  nobody     -       -       3       -       -\n"), "{told}");
    assert!(told.contains("\n  nobody     digest:bob:x:cdrwa,"), "no digest is shown: {told}");
    let near = prints(&["14", "--from", "10.1.2.3"]);
    assert!(near.contains("\n  nobody     -       -       3       2       -\n"), "{near}");
}

#[test]
fn what_an_operation_needs_stands_beside_who_has_it() {
    let told = prints(&["14", "world:anyone:d,auth::r"]);
    let all = "delete       delete on the parent             nobody, bob:pw, bob:guess\n";
    assert!(told.contains(all), "{told}");
    assert!(told.contains("setACL       admin on the node                -\n"), "{told}");
    assert!(told.contains("addWatch     nothing  "), "{told}");
    assert!(told.contains("\n  nobody     NoAuth\n"), "the list is not shown: {told}");
}

#[test]
fn somebody_may_do_everything_and_needs_no_entry() {
    let told = prints(&["14", "world:anyone:r", "--super", "admin:secret"]);
    let row = "\n  admin:secret  super   super   super   super   super\n";
    assert!(told.contains(row), "{told}");
    fits(&told);
}

#[test]
fn a_list_that_a_server_would_refuse_is_refused() {
    for (mistake, says) in [
        (&["world:anyone"][..], "world:anyone does not have the form scheme:id:perm"),
        (&["world:anyone:x"], "Unknown perm type: x"),
        (&["world:bob:r"], "InvalidAcl"),
        (&["ip:10.0.0.0/99:r"], "entries are like world:anyone:r, "),
        (&["--as", "bob"], "write a user and a password: bob:pw"),
        (&["--from", "here"], "here"),
    ] {
        let (code, said) = failure(&[&["run", "14"], mistake].concat());
        assert_eq!((code, said.contains(says)), (2, true), "{mistake:?}: {said}");
    }
}
