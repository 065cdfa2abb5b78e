//! Chapter 10: what must hold of leaders, learners, and members.

#[path = "10-sync/laws_can_fail.rs"]
mod laws_can_fail;
#[path = "10-sync/leader_begins.rs"]
mod leader_begins;
#[path = "10-sync/leader_crowd.rs"]
mod leader_crowd;
#[path = "10-sync/leader_desk.rs"]
mod leader_desk;
#[path = "10-sync/leader_hostile.rs"]
mod leader_hostile;
#[path = "10-sync/leader_plan.rs"]
mod leader_plan;
#[path = "10-sync/leader_reigns.rs"]
mod leader_reigns;
#[path = "10-sync/leader_sync.rs"]
mod leader_sync;
#[path = "10-sync/leaders_in_place.rs"]
mod leaders_in_place;
#[path = "10-sync/learner_intake.rs"]
mod learner_intake;
#[path = "10-sync/learners_in_place.rs"]
mod learners_in_place;
#[path = "10-sync/member_starts.rs"]
mod member_starts;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "10-sync/program.rs"]
mod program;
#[path = "support/quorum.rs"]
mod quorum;
#[path = "10-sync/recorded.rs"]
mod recorded;
#[path = "10-sync/scenes.rs"]
mod scenes;
#[path = "10-sync/world.rs"]
mod world;
#[path = "10-sync/world_nemesis.rs"]
mod world_nemesis;
#[path = "10-sync/world_run.rs"]
mod world_run;
#[path = "10-sync/wrong_leader.rs"]
mod wrong_leader;
