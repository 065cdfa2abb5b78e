//! Chapter 16. The complete server as one machine.

mod notice;
mod vocabulary;
