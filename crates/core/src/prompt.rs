//! What is said first.
