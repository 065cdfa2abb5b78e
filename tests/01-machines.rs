//! Chapter 1: what must hold of machines and of the world in which they are tried.

#[path = "01-machines/bank.rs"]
mod bank;
#[path = "01-machines/disk.rs"]
mod disk;
#[path = "01-machines/lookup.rs"]
mod lookup;
#[path = "01-machines/network.rs"]
mod network;
#[path = "01-machines/puppet.rs"]
mod puppet;
#[path = "01-machines/retries.rs"]
mod retries;
#[path = "01-machines/story.rs"]
mod story;
#[path = "01-machines/world.rs"]
mod world;
