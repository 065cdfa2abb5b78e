//! Chapter 1: what must hold of machines and of the world in which they are tried.

#[path = "01-machines/lookup.rs"]
mod lookup;
