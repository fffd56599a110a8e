//! The binary `agent`.

mod args;
mod config;
mod error;
mod providers;
mod settings;
mod workspace;

fn main() {
    use clap::Parser as _;
    let _ = args::Args::parse();
}
