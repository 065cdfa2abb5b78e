//! Chapter 10: what must hold of leaders, learners, and members.
