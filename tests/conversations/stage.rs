//! What happened around a conversation: what was there before, and what others did meanwhile.
//!
//! The fixtures hold the frames of one client. Other clients had made nodes before and made the
//! changes that it was told of; here they are done again, as many transactions as then, so that
//! the distances between zxids stay the same.

use std::net::SocketAddr;

use crate::wire::Client;

const SEQUENTIAL: i32 = 2;
const EPHEMERAL: i32 = 1;

/// The client that sets the scene. It exists only where there is something to do.
pub(crate) struct Stage {
    name: &'static str,
    server: SocketAddr,
    hand: Option<Client>,
    others: Vec<Client>,
}

impl Stage {
    /// Makes what the conversation of this name finds on the server.
    pub(crate) fn set(name: &'static str, server: SocketAddr) -> Self {
        let mut stage = Self { name, server, hand: None, others: Vec::new() };
        stage.before_the_first();
        stage
    }

    /// Does what others did before the frame of this number.
    pub(crate) fn before(&mut self, frame: usize) {
        match (self.name, frame) {
            ("add_watch_persistent_recursive_remove", 6) => self.change_under_recursive(),
            ("add_watch_persistent_recursive_remove", 17) => self.change_under_persistent(),
            ("add_watch_persistent_recursive_remove", 25) => self.hand().set("/fx/aw", b"zz"),
            ("container_ttl_and_cli_ops", 10) => self.hand().await_absence("/fx/cont"),
            ("container_ttl_and_cli_ops", 18) => self.await_reaping(),
            ("reattach_setwatches", 2) => self.create(&["/fx/rd", "/fx/rd/k"]),
            ("reattach_setwatches", 9) => self.hand().set("/fx/rd", b"1"),
            ("reattach_setwatches2", 2) => {
                self.create(&["/fx/rc", "/fx/rc/d", "/fx/rc/e", "/fx/rc/k", "/fx/rc/g"]);
            }
            ("reattach_setwatches2", 17) => self.change_while_away(),
            ("session_expired", 5) => self.hand().await_absence("/fx/x1"),
            ("four_letter_words", 0) => self.people(),
            _ => {}
        }
    }

    fn before_the_first(&mut self) {
        match self.name {
            "add_watch_persistent_recursive_remove"
            | "auth_and_acl_denied"
            | "connect_create_get_set_delete"
            | "multi_success"
            | "sequential_ephemeral"
            | "session_reattach"
            | "session_expired"
            | "watches_one_shot"
            | "watches_one_shot.v3_9" => self.create(&["/fx"]),
            "multi_failure" => self.create(&["/fx", "/fx/m", "/fx/m/s-0000000001"]),
            "container_ttl_and_cli_ops" => self.seven_children(),
            "reattach_setwatches" => {
                self.children(&["q", "rc", "bad", "aw", "secret2", "m", "ap"], 8)
            }
            "reattach_setwatches2" => self.children(&["q", "bad", "aw", "secret2", "m", "ap"], 8),
            "validation_errors" => {
                self.create(&["/fx"]);
                let name = self.hand().create("/", b"", SEQUENTIAL);
                assert_eq!(name, "/0000000001");
                self.create(&["/p"]);
                self.hand().set("/", b"");
            }
            _ => {}
        }
    }

    fn hand(&mut self) -> &mut Client {
        self.hand.get_or_insert_with(|| Client::connect(self.server, 40_000))
    }

    fn create(&mut self, paths: &[&str]) {
        for path in paths {
            self.hand().create(path, b"", 0);
        }
    }

    /// Uses up one zxid: a failed write takes one too.
    fn fail(&mut self) {
        assert_ne!(self.hand().delete("/no/such/node"), 0, "there is no such node");
    }

    /// `/fx` with these children, after so many others that came and went.
    fn children(&mut self, names: &[&str], gone: usize) {
        self.create(&["/fx"]);
        for _ in 0..gone {
            self.create(&["/fx/gone"]);
            self.hand().delete("/fx/gone");
        }
        for name in names {
            self.create(&[&format!("/fx/{name}")]);
        }
    }

    /// The seven children that `/fx` once had, four of which remain, with four of their own.
    fn seven_children(&mut self) {
        self.children(&["q", "bad", "secret2", "m"], 3);
        self.create(&["/fx/q/a", "/fx/q/b", "/fx/q/c", "/fx/m/s"]);
    }

    fn change_under_recursive(&mut self) {
        self.create(&["/fx/aw/x", "/fx/aw/x/y"]);
        self.hand().set("/fx/aw/x/y", b"1");
        self.hand().set("/fx/aw/x/y", b"2");
        self.hand().delete("/fx/aw/x/y");
        self.hand().delete("/fx/aw/x");
        self.hand().set("/fx/aw", b"z");
    }

    fn change_under_persistent(&mut self) {
        self.create(&["/fx/ap/k"]);
        self.hand().set("/fx/ap", b"1");
        self.hand().set("/fx/ap", b"2");
        self.hand().delete("/fx/ap/k");
        self.hand().delete("/fx/ap");
        self.create(&["/fx/ap"]);
        self.fail();
    }

    fn await_reaping(&mut self) {
        self.hand().await_absence("/fx/ttl");
        self.hand().await_absence("/fx/ttls-0000000009");
        self.fail();
        self.fail();
    }

    fn change_while_away(&mut self) {
        self.hand().set("/fx/rc/d", b"1");
        self.hand().delete("/fx/rc/g");
        self.create(&["/fx/rc/none", "/fx/rc/k/new"]);
    }

    /// The three sessions and two connections that the four-letter words report.
    fn people(&mut self) {
        let mut first = Client::connect(self.server, 30_000);
        first.create("/f4", b"", 0);
        // The digests are listed every 128 transactions.
        for _ in 0..130 {
            first.set("/f4", b"");
        }
        first.create("/f4/eph", b"", EPHEMERAL);
        first.exists("/f4/none", true);
        first.exists("/f4", true);
        let mut second = Client::connect(self.server, 10_000);
        second.exists("/f4/none", true);
        second.create("/f4/eph2", b"", EPHEMERAL);
        let mut lost = Client::connect(self.server, 10_000);
        lost.create("/v", b"", 0);
        lost.create("/v/e", b"", EPHEMERAL);
        drop(lost);
        self.others = vec![first, second];
    }
}
