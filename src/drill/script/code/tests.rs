//! What holds of the code between `%{` and `}%`.
