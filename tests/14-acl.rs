//! Chapter 14: what must hold of permissions.
