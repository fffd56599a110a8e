//! The specification of the binary, end to end: one file a subject. Each test drives the real executable over a real
//! socket against a scripted model (`agent-testkit`).

#![allow(clippy::unwrap_used, reason = "what is not there fails the test")]

mod approvals;
mod commands;
mod contract;
mod crashes;
mod demo;
mod errors;
mod exec;
mod files;
mod interactive;
mod interrupts;
mod patches;
mod resume;
mod screen;
mod scripts;
mod stdin;
mod wire;
