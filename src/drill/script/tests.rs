//! What holds of scripts.
