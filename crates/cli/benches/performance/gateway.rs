//! The scripted model, served by `agent gateway` in a process of its own so that its work is not counted as the client's.

use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Stdio};

use crate::child;

/// Ends with its value.
pub(crate) struct Gateway {
    process: Child,
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
}

impl Gateway {
    /// # Errors
    /// When it does not start.
    pub(crate) fn start(agent: &Path, scratch: &Path, script: &str) -> io::Result<Self> {
        let file = scratch.join("script.toml");
        std::fs::write(&file, script)?;
        let mut process = child::command(agent, scratch)
            .env("AGENT_HOME", scratch)
            .args(["gateway", "--listen", "127.0.0.1:0", "--script"])
            .arg(&file)
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let (mut address, mut token) = (None, None);
        for line in BufReader::new(output).lines().take(2) {
            match line?.split_once('=') {
                Some(("url", url)) => {
                    address = url
                        .trim_start_matches("http://")
                        .split('/')
                        .next()
                        .and_then(|at| at.parse().ok());
                }
                Some(("token", value)) => token = Some(value.to_owned()),
                _ => {}
            }
        }
        let missing = || io::Error::other("agent gateway did not say where it listens");
        let (address, token) = (address.ok_or_else(missing)?, token.ok_or_else(missing)?);
        Ok(Self { process, address, token })
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A model that runs `true` so many times, a step each, then writes so many words at 4,000 a second.
pub(crate) fn script(steps: usize, words: usize) -> String {
    let mut script = String::from("name = \"benchmark\"\n");
    if steps > 0 {
        let _ = write!(
            script,
            "[[step]]\nrepeat = {steps}\n[[step.call]]\ntool = \"exec_command\"\narguments = {{ cmd = \"true\" }}\n"
        );
    }
    let _ = write!(
        script,
        "[[step]]\nsay = {{ tokens = {words} }}\npace = {{ first_token_ms = 0, tokens_per_second = 4000 }}\n"
    );
    script
}
