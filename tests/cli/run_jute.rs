//! The program of chapter 6: `ensemble run 06`.

use super::failure;
use super::programs::prints;

#[test]
fn the_bytes_of_a_record_are_told_field_by_field() {
    let told = prints(&["06"]);
    assert_eq!(told, prints(&["6", "createrequest"]));
    for line in [
        "    0  00000002 2f61                         path                       \"/a\"",
        "    6  00000001 78                           data                       1 bytes, \"x\"",
        "   11  00000001                              acl: count                 1",
        "   15  0000001f                              acl[0].perms               31",
        "   38  00000000                              flags                      0",
        "That is all of it.",
    ] {
        assert!(told.lines().any(|it| it == line), "{line}: {told}");
    }
    assert!(prints(&["06", "Stat"]).starts_with("Stat, 68 bytes\n"));
    assert!(prints(&["06", "TxnHeader"]).contains(" zxid                       1.2\n"));
}

#[test]
fn every_record_is_shown_to_its_last_byte() {
    let (code, said) = failure(&["run", "06", "Nothing"]);
    assert_eq!(code, 2);
    let names = said.trim_end().strip_prefix("ensemble: there is no record Nothing; there are ");
    for name in names.expect("it lists them").split(", ") {
        let told = prints(&["06", name]);
        assert!(told.contains("\nThat is all of it.\n"), "{name}: {told}");
        assert!(told.lines().all(|line| line.chars().count() <= 100), "it fits: {told}");
    }
}

#[test]
fn what_is_broken_is_refused_at_its_byte() {
    let put = |put: &str| prints(&["06", "SetDataRequest", "--put", put]);
    assert!(
        put("0=7fffffff").contains("\nRefused at byte 0: the bytes end before the record does.")
    );
    assert!(put("6=fffffffe").contains("\nRefused at byte 6: -2 is no valid length.\n"));
    assert!(put("6=ffffffff").contains("  ffffffff                              data "));
    let cut = prints(&["06", "CreateRequest", "--cut", "20"]);
    assert!(cut.contains("\nRefused at byte 19: the bytes end before the record does."), "{cut}");
    let long = prints(&["06", "ErrorTxn", "--hex", "00000000 ff"]);
    assert!(long.contains("\n1 byte behind it, at which nobody looks.\n"), "{long}");
}

#[test]
fn its_options_are_checked() {
    for mistake in [
        &["--hex", "0"][..],
        &["--hex", "zz"],
        &["--hex", "é0"],
        &["--put", "1"],
        &["--put", "x=00"],
        &["--put", "41=0000"],
        &["--put", "18446744073709551615=00"],
        &["--cut", "-1"],
    ] {
        assert_eq!(failure(&[&["run", "06"], mistake].concat()).0, 2, "{mistake:?}");
    }
}
