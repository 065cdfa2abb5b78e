//! Chapter 13: what must hold of watches.
