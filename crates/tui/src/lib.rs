//! The screen: a fold of the records a thread publishes. It depends on `agent-protocol` only; what it needs from the
//! machine it asks for as an effect and gets back as an input.

pub mod app;
pub mod attention;
pub mod cell;
mod completion;
pub mod composer;
pub mod decoder;
pub mod diff;
pub mod effect;
mod filter;
pub mod full;
pub mod fuzzy;
pub mod highlight;
pub mod key;
mod keyboard;
pub mod markdown;
mod output;
mod overlay;
pub mod prompts;
mod raw;
pub mod runner;
mod slash;
pub mod terminal;
pub mod theme;
pub mod transcript;
pub mod view;
pub mod width;
pub mod wrap;

pub use filter::{Filter, Styling, exact, exact_name, is_harmless, plain, printable, written};
