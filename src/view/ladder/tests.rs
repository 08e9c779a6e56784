//! Ladders of hand-made exchanges.
