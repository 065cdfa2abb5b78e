//! Chapter 15: what must hold of the client, whatever servers and connections do.
