//! What the program `glass` is made of, beside the stack: its process, its children, its commands.

pub mod child;
pub mod namespace;
