//! What is remembered: issues and a sample of their occurrences.
//!
//! | Store | Keeps | Feature |
//! |---|---|---|
//! | memory | until the process ends, within bounds | |

mod memory;

pub(crate) use memory::{MemoryStore, Recorded};
