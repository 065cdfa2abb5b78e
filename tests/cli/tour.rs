//! `ensemble run 00`: a client that counts while its servers are killed.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use super::start::Told;
use super::{command, failure};

#[test]
fn a_client_goes_on_counting_when_the_leader_is_killed() {
    let mut servers = Told::start(&["-DtickTime=200"]);
    let leader = servers.role("leader", |_| true);
    let mut client = command(&["run", "00", "--connect", &servers.connect])
        .args(["--writes", "100", "--pause", "20ms"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let out = client.stdout.take().expect("it is piped");
    let mut lines = BufReader::new(out).lines().map(|line| line.expect("it is text"));
    let first = lines.next().expect("it writes");
    assert!(first.starts_with("   1  confirmed as 0x1"), "{first}");
    servers.perform("kill", leader);
    let rest: Vec<String> = lines.collect();
    assert!(rest.iter().any(|line| line.starts_with(" 100  ")), "{rest:#?}");
    assert!(rest.iter().any(|line| line.contains("confirmed as 0x2")), "a new epoch: {rest:#?}");
    assert!(rest.iter().any(|line| line.starts_with("/tour is 100.")), "{rest:#?}");
    assert_eq!(client.wait().expect("it ends").code(), Some(0));
}

#[test]
fn a_client_without_servers_says_what_to_do() {
    let (code, said) = failure(&["run", "00", "--connect", "127.0.0.1:1"]);
    assert_eq!(code, 1);
    assert!(said.contains("127.0.0.1:1") && said.contains("`ensemble start`"), "{said}");
    assert_eq!(failure(&["run", "00", "--connect", "127.0.0.1:99999"]).0, 2);
    assert_eq!(failure(&["run", "00", "--writes", "0"]).0, 2);
}
