//! One model, and the four clients that are measured against it.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::child::{self, Cost};
use crate::floor::{self, Part};
use crate::gateway::{self, Gateway};
use crate::relay::{Exchange, Relay};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    Floor,
    Unconfined,
    Sandboxed,
    Http,
}

impl Client {
    pub(crate) const ALL: [Self; 4] = [Self::Floor, Self::Unconfined, Self::Sandboxed, Self::Http];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Unconfined => "socket, no sandbox",
            Self::Sandboxed => "socket, sandbox",
            Self::Http => "HTTP, sandbox",
        }
    }
}

/// What was seen of one process.
pub(crate) struct Run {
    /// The requests to the model, without an upgrade before them and what a client says as it leaves.
    pub(crate) requests: Vec<Exchange>,
    pub(crate) cost: Cost,
}

pub(crate) struct Stage {
    agent: PathBuf,
    part: Part,
    gateway: Gateway,
    before_gateway: Relay,
    before_floor: Relay,
    scratch: tempfile::TempDir,
}

impl Stage {
    /// # Errors
    /// When a server cannot be started.
    pub(crate) fn new(agent: &Path, part: Part) -> io::Result<Self> {
        let scratch = tempfile::Builder::new().prefix("agent-bench-").tempdir()?;
        let script = gateway::script(part.steps, part.deltas.max(1));
        let gateway = Gateway::start(agent, scratch.path(), &script)?;
        Ok(Self {
            agent: agent.to_owned(),
            part,
            before_gateway: Relay::start(gateway.address)?,
            before_floor: Relay::start(floor::serve(part)?)?,
            gateway,
            scratch,
        })
    }

    /// # Errors
    /// When the client fails, or asked less than it should have.
    pub(crate) fn run(&self, client: Client) -> io::Result<Run> {
        let (cost, exchanges) = if client == Client::Floor {
            (self.floor()?, self.before_floor.take())
        } else {
            (self.agent(client)?, self.before_gateway.take())
        };
        let upgrades = usize::from(client != Client::Http);
        let asks = self.part.steps + 1;
        let requests: Vec<_> = exchanges.into_iter().skip(upgrades).take(asks).collect();
        if requests.len() != asks {
            let name = client.name();
            return Err(io::Error::other(format!("{name}: {} requests of {asks}", requests.len())));
        }
        Ok(Run { requests, cost })
    }

    fn floor(&self) -> io::Result<Cost> {
        let mut command = child::command(std::env::current_exe()?, self.scratch.path());
        command.arg("floor").args([
            self.before_floor.address.to_string(),
            self.part.steps.to_string(),
            self.part.deltas.to_string(),
        ]);
        child::run(&mut command)
    }

    fn agent(&self, client: Client) -> io::Result<Cost> {
        let place = tempfile::Builder::new().tempdir_in(self.scratch.path())?;
        let workspace = repository(place.path())?;
        let mut command = child::command(&self.agent, &workspace);
        command
            .env("HOME", place.path())
            .env("AGENT_HOME", place.path().join("home"))
            .env("OPENAI_BASE_URL", base_url(self.before_gateway.address))
            .env("AGENT_API_KEY", &self.gateway.token)
            .args(["exec", "--json", "-m", "gpt-6-sol"])
            .stdout(Stdio::null());
        match client {
            Client::Unconfined => command.arg("--yolo"),
            Client::Http => command.args([
                "-s",
                "workspace-write",
                "-c",
                "model_providers.openai.transport=\"http\"",
            ]),
            Client::Sandboxed | Client::Floor => command.args(["-s", "workspace-write"]),
        };
        child::run(command.arg("go on"))
    }
}

fn base_url(address: SocketAddr) -> String {
    format!("http://{address}/v1")
}

/// An empty repository, made without git.
pub(crate) fn repository(place: &Path) -> io::Result<PathBuf> {
    let workspace = place.join("workspace");
    for folder in [".git/objects", ".git/refs/heads"] {
        std::fs::create_dir_all(workspace.join(folder))?;
    }
    std::fs::write(workspace.join(".git/HEAD"), "ref: refs/heads/main\n")?;
    std::fs::write(workspace.join(".git/config"), "[core]\n\trepositoryformatversion = 0\n")?;
    Ok(workspace)
}
