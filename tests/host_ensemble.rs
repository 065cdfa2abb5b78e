//! Ensembles of real servers in this process: our machines and hosts, real sockets and disks, our
//! client; and what may happen to a server.
#![allow(clippy::disallowed_methods, reason = "real servers live in real time")]

mod host_ensemble {
    pub(crate) mod ensemble;
}

use std::io::Write;
use std::net::TcpStream;

use ensemble::client::CreateMode;

use host_ensemble::ensemble::{Ensemble, Role, TIMEOUT};

/// Three voters, with these numbers.
const ALL: [i64; 3] = [1, 2, 3];

#[tokio::test]
async fn what_is_written_through_one_server_is_read_from_all() {
    let ensemble = Ensemble::start(3, 0, "");
    let leader = ensemble.leader().await;
    assert_eq!(leader, 3, "of equals the one with the largest number leads");
    for server in ALL {
        let role = if server == leader { Role::Leader } else { Role::Follower };
        ensemble.becomes(server, role).await;
    }
    for server in ALL {
        let writer = ensemble.client(server).await;
        let path = format!("/of-{server}");
        writer.create(&path, "1", CreateMode::Persistent).await.expect("it is created");
        writer.set_data(&path, "2", 0).await.expect("it is the first change");
        for other in ALL {
            let reader = ensemble.client(other).await;
            reader.sync(&path).await.expect("a quorum is there");
            let (data, stat) = reader.get_data(&path).await.expect("it is there");
            assert_eq!((&data[..], stat.version), (&b"2"[..], 1), "through {other}");
        }
    }
}

#[tokio::test]
async fn ephemerals_watches_and_sessions_work_through_a_follower() {
    let ensemble = Ensemble::start(3, 0, "");
    ensemble.leader().await;
    let (one, two) = (ensemble.client(1).await, ensemble.client(2).await);
    let (stat, watch) = two.exists_watch("/here").await.expect("it may be asked");
    assert_eq!(stat, None);
    one.create("/here", "", CreateMode::Ephemeral).await.expect("it is created");
    tokio::time::timeout(TIMEOUT, watch).await.expect("in time").expect("the watch is told");
    two.sync("/here").await.expect("a quorum is there");
    let (stat, watch) = two.exists_watch("/here").await.expect("it may be asked");
    assert_eq!(stat.expect("it is there").ephemeral_owner, one.session_id().0);
    one.close().await.expect("the session is closed");
    tokio::time::timeout(TIMEOUT, watch).await.expect("in time").expect("the watch is told");
    assert_eq!(two.exists("/here").await.expect("it may be asked"), None);
}

#[tokio::test]
async fn when_the_leader_is_gone_another_takes_over_and_the_old_one_comes_back_as_a_follower() {
    let mut ensemble = Ensemble::start(3, 0, "");
    let first = ensemble.leader().await;
    let client = ensemble.client_of(&ALL).await;
    client.create("/kept", "1", CreateMode::Persistent).await.expect("it is created");
    for (round, kill) in [(2, true), (3, false)] {
        let old = ensemble.leader().await;
        match kill {
            true => ensemble.kill(old),
            false => ensemble.stop(old),
        }
        let new = ensemble.leader().await;
        assert_ne!(new, old);
        let others: Vec<i64> = ALL.into_iter().filter(|server| *server != old).collect();
        let writer = ensemble.client_of(&others).await;
        writer.set_data("/kept", round.to_string(), round - 2).await.expect("two of three serve");
        ensemble.restart(old);
        ensemble.becomes(old, Role::Follower).await;
        let reader = ensemble.client(old).await;
        reader.sync("/kept").await.expect("a quorum is there");
        let (data, _) = reader.get_data("/kept").await.expect("it is there");
        assert_eq!(data, round.to_string().as_bytes(), "what it has missed, first leader {first}");
    }
    // The client's session has outlived both.
    let (data, _) = client.get_data("/kept").await.expect("it finds its way");
    assert_eq!(&data[..], b"3");
}

#[tokio::test]
async fn an_observer_serves_and_does_not_count() {
    let mut ensemble = Ensemble::start(3, 1, "");
    ensemble.leader().await;
    ensemble.becomes(4, Role::Observer).await;
    let observer = ensemble.client(4).await;
    observer.create("/seen", "1", CreateMode::Persistent).await.expect("the leader does it");
    let voter = ensemble.client(1).await;
    voter.sync("/seen").await.expect("a quorum is there");
    voter.set_data("/seen", "2", 0).await.expect("it is there");
    observer.sync("/seen").await.expect("a quorum is there");
    let (data, _) = observer.get_data("/seen").await.expect("it is there");
    assert_eq!(&data[..], b"2");
    // One voter and an observer are no quorum.
    ensemble.kill(2);
    ensemble.kill(3);
    ensemble.becomes(1, Role::None).await;
    ensemble.becomes(4, Role::None).await;
    ensemble.restart(2);
    ensemble.becomes(4, Role::Observer).await;
}

#[tokio::test]
async fn all_that_was_acknowledged_is_there_after_all_were_killed() {
    let mut ensemble = Ensemble::start(3, 0, "");
    let client = ensemble.client_of(&ALL).await;
    for number in 0..100 {
        let path = format!("/n{number}");
        client.create(&path, "", CreateMode::Persistent).await.expect("it is created");
    }
    for server in ALL {
        ensemble.kill(server);
    }
    for server in [1, 2] {
        ensemble.restart(server);
    }
    let survivor = ensemble.client_of(&[1, 2]).await;
    survivor.sync("/").await.expect("a quorum is there");
    let children = survivor.get_children("/").await.expect("it is there");
    assert_eq!(children.len(), 101, "a hundred and /zookeeper");
}

#[tokio::test]
async fn a_follower_that_was_paused_or_cut_off_catches_up() {
    let ensemble = Ensemble::start(3, 0, "");
    let leader = ensemble.leader().await;
    let follower = if leader == 1 { 2 } else { 1 };
    let others: Vec<i64> = ALL.into_iter().filter(|server| *server != follower).collect();
    ensemble.becomes(follower, Role::Follower).await;
    let writer = ensemble.client_of(&others).await;
    writer.create("/n", "", CreateMode::Persistent).await.expect("it is created");
    for (version, cut) in [(0, false), (1, true)] {
        match cut {
            true => ensemble.server(follower).cut_off(),
            false => ensemble.server(follower).pause(),
        }
        writer.set_data("/n", "without", version).await.expect("two of three serve");
        match cut {
            true => {
                ensemble.becomes(follower, Role::None).await;
                ensemble.server(follower).rejoin();
            }
            false => ensemble.server(follower).resume(),
        }
        ensemble.becomes(follower, Role::Follower).await;
        let reader = ensemble.client(follower).await;
        reader.sync("/n").await.expect("a quorum is there");
        let (_, stat) = reader.get_data("/n").await.expect("it is there");
        assert_eq!(stat.version, version + 1);
    }
}

#[tokio::test]
async fn a_leader_that_is_cut_off_leads_no_longer() {
    let ensemble = Ensemble::start(3, 0, "");
    let old = ensemble.leader().await;
    ensemble.server(old).cut_off();
    ensemble.becomes(old, Role::None).await;
    let others: Vec<i64> = ALL.into_iter().filter(|server| *server != old).collect();
    let writer = ensemble.client_of(&others).await;
    writer.create("/n", "", CreateMode::Persistent).await.expect("two of three serve");
    ensemble.server(old).rejoin();
    ensemble.becomes(old, Role::Follower).await;
    let reader = ensemble.client(old).await;
    reader.sync("/n").await.expect("a quorum is there");
    assert!(reader.exists("/n").await.expect("it may be asked").is_some());
}

#[tokio::test]
async fn a_server_that_has_lost_everything_gets_a_snapshot() {
    let mut ensemble = Ensemble::start(3, 0, "snapCount=50\n");
    let leader = ensemble.leader().await;
    let lost = if leader == 1 { 2 } else { 1 };
    let others: Vec<i64> = ALL.into_iter().filter(|server| *server != lost).collect();
    ensemble.kill(lost);
    let writer = ensemble.client_of(&others).await;
    let data = vec![b'.'; 10_000];
    for number in 0..700 {
        let path = format!("/n{number}");
        writer.create(&path, data.clone(), CreateMode::Persistent).await.expect("it is created");
    }
    ensemble.wipe(lost);
    ensemble.restart(lost);
    ensemble.becomes(lost, Role::Follower).await;
    let reader = ensemble.client(lost).await;
    reader.sync("/").await.expect("a quorum is there");
    assert_eq!(reader.get_children("/").await.expect("it is there").len(), 701);
    let (last, _) = reader.get_data("/n699").await.expect("it is there");
    assert_eq!(last, data);
    // And it is all on its own disk now: with it and without another the ensemble goes on.
    ensemble.kill(others[0]);
    let writer = ensemble.client_of(&[lost, others[1]]).await;
    writer.set_data("/n699", "last", 0).await.expect("two of three serve");
}

#[tokio::test]
async fn many_clients_write_while_servers_come_and_go() {
    let mut ensemble = Ensemble::start(3, 0, "");
    ensemble.leader().await;
    let setup = ensemble.client_of(&ALL).await;
    setup.create("/counters", "", CreateMode::Persistent).await.expect("it is created");
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..6 {
        let client = ensemble.client_of(&ALL).await;
        let path = format!("/counters/{number}");
        client.create(&path, "", CreateMode::Persistent).await.expect("it is created");
        tasks.spawn(async move {
            let mut acknowledged = 0;
            for _ in 0..200 {
                // A write whose answer was lost may have happened.
                match client.set_data(&path, "x", -1).await {
                    Ok(_) => acknowledged += 1,
                    Err(error) => assert!(error.code().is_some(), "the session lives: {error:?}"),
                }
            }
            acknowledged
        });
    }
    for _ in 0..2 {
        let leader = ensemble.leader().await;
        ensemble.kill(leader);
        ensemble.leader().await;
        ensemble.restart(leader);
        ensemble.becomes(leader, Role::Follower).await;
    }
    let mut acknowledged = 0;
    while let Some(count) = tasks.join_next().await {
        acknowledged += count.expect("no client has panicked");
    }
    let mut changes = 0;
    let reader = ensemble.client_of(&ALL).await;
    reader.sync("/counters").await.expect("a quorum is there");
    for child in reader.get_children("/counters").await.expect("it is there") {
        let (_, stat) = reader.get_data(&format!("/counters/{child}")).await.expect("it is there");
        changes += stat.version;
    }
    assert!(changes >= acknowledged, "{changes} of {acknowledged} acknowledged changes are there");
}

#[tokio::test]
async fn strangers_at_the_servers_doors_disturb_nobody() {
    let ensemble = Ensemble::start(3, 0, "");
    let leader = ensemble.leader().await;
    let client = ensemble.client(leader).await;
    client.create("/n", "", CreateMode::Persistent).await.expect("it is created");
    let mut silent = Vec::new();
    for version in 0..100 {
        for server in ALL {
            for door in ensemble.doors(server) {
                let mut stranger = TcpStream::connect(door).expect("it listens");
                match version % 4 {
                    0 => silent.push(stranger),
                    // It may be hung up on before it has said all.
                    1 => drop(stranger.write_all(&[0xff; 100])),
                    2 => drop(stranger.write_all(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")),
                    _ => drop(stranger.write_all(&[0; 64])),
                }
            }
        }
        client.set_data("/n", "", version).await.expect("nobody is disturbed");
    }
    assert_eq!(ensemble.leader().await, leader);
}
