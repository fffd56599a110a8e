//! Functions that came out alike are linked once: 0.26 MB of the executable. Only where the linker that comes with Rust for
//! this target is used, which can do that.

use std::path::Path;
use std::process::Command;

const TARGET: &str = "x86_64-unknown-linux-gnu";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let is_chosen = !variable("RUSTC_LINKER").is_empty()
        || variable("CARGO_ENCODED_RUSTFLAGS").contains("link");
    if variable("TARGET") == TARGET && variable("PROFILE") == "release" && !is_chosen && has_own() {
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all,-O2");
    }
}

/// Distributions build Rust without it.
#[expect(clippy::disallowed_methods, reason = "the agent itself starts no process here")]
fn has_own() -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let told = Command::new(rustc).args(["--print", "sysroot"]).output();
    told.is_ok_and(|told| {
        let sysroot = String::from_utf8_lossy(&told.stdout);
        let bin = Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).join("bin");
        bin.join("gcc-ld/ld.lld").exists()
    })
}
