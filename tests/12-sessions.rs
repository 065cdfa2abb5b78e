//! Chapter 12: what must hold of sessions.
