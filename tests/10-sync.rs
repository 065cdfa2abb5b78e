//! Chapter 10: what must hold of leaders, learners, and members.

#[path = "10-sync/leader_begins.rs"]
mod leader_begins;
#[path = "10-sync/leader_desk.rs"]
mod leader_desk;
