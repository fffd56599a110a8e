//! A door for the benchmark: what a command costs with its room built and without. Only with feature `measuring`, which
//! the product never has.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use agent_protocol::SandboxMode;

use crate::sandbox::{
    Errand, Input, Order, Reach, Sandbox, SandboxError, SandboxPolicy, secret_places,
};

/// Rooms of one world.
pub struct Rooms {
    sandbox: Sandbox,
    workspace: PathBuf,
    null: File,
}

impl Rooms {
    /// `workspace` is what commands may write to; `helper` the agent's executable; `env` the environment of commands.
    ///
    /// # Errors
    /// When nothing can be confined here.
    pub async fn new(
        helper: PathBuf,
        workspace: PathBuf,
        env: BTreeMap<OsString, OsString>,
    ) -> Result<Self, SandboxError> {
        let policy = SandboxPolicy {
            mode: SandboxMode::WorkspaceWrite,
            writable_roots: vec![workspace.clone()],
            network: false,
            secrets: secret_places(&env, std::slice::from_ref(&workspace)),
            person: crate::sandbox::persons_places(&env),
            env,
            tier: None,
        };
        let sandbox = Sandbox::new(helper, policy);
        sandbox.report().await?;
        let null = File::options().write(true).open("/dev/null")?;
        Ok(Self { sandbox, workspace, null })
    }

    /// Has a room built for the next command.
    pub async fn prepare(&self) {
        self.sandbox.prepare().await;
    }

    /// Says that a command will come soon, as the loop does when the model begins to write its call.
    pub fn expect(&self) {
        self.sandbox.expect();
    }

    /// From the wish to run a command until its room is empty.
    ///
    /// # Errors
    /// When it did not run.
    pub async fn run(&self, argv: &[&str]) -> Result<Duration, SandboxError> {
        let errand = Errand {
            order: Order::Run(argv.iter().map(Into::into).collect()),
            cwd: self.workspace.clone(),
            directory: None,
            env: vec![],
            reach: Reach::Policy,
            input: Input::Empty,
        };
        let asked = Instant::now();
        let room = self.sandbox.room().await?;
        let output = self.null.as_fd();
        let (mut launched, _) = room.launch(errand, &[output, output]).await?;
        launched.exit().await;
        Ok(asked.elapsed())
    }
}
