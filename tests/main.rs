//! The specification of the binary, end to end: one file a subject. Each test drives the real executable over a real
//! socket against a scripted model (`agent-testkit`).

#![allow(clippy::unwrap_used, reason = "what is not there fails the test")]

mod approvals;
mod clocks;
mod commands;
mod contract;
mod crashes;
mod demo;
mod drops;
mod edits;
mod errors;
mod exec;
mod faults;
mod files;
mod floods;
#[cfg(target_os = "linux")]
mod forks;
mod interactive;
mod interrupts;
mod leftovers;
mod login;
mod odd_files;
mod outputs;
mod outside;
mod patches;
mod promises;
mod resume;
mod screen;
mod scripts;
mod secrets;
mod sessions;
mod stdin;
mod surroundings;
mod trust;
mod uncovered;
mod wire;
mod worktrees;
