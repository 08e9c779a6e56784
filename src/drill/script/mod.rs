//! The packetdrill script language: from text to a [`Script`].

pub mod ast;
pub mod code;
