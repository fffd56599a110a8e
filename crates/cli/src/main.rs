//! The binary `agent`.

mod args;

fn main() {
    use clap::Parser as _;
    let _ = args::Args::parse();
}
