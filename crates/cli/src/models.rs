//! What the provider says of its models at `GET /models`. It is asked when somebody wants to know, over a connection of
//! its own, and answers once; that it does not, nobody needs to hear.

use std::sync::Arc;
use std::time::Duration;

use agent_transport::Model;
use anyhow::Context as _;
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::config::Environment;
use crate::settings::Settings;

/// Who waits longer for the list has typed the name.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whom to ask, and what it said. Clones share the answer.
#[derive(Clone)]
pub(crate) struct Models {
    settings: Arc<Settings>,
    environment: Arc<Environment>,
    listed: Arc<OnceCell<Vec<Model>>>,
}

impl Models {
    /// Asks nothing yet.
    pub(crate) fn of(settings: &Settings, environment: &Environment) -> Self {
        Self {
            settings: Arc::new(settings.clone()),
            environment: Arc::new(environment.clone()),
            listed: Arc::default(),
        }
    }

    /// All of them; none when the provider does not say. One that did not is asked anew.
    pub(crate) async fn list(&self) -> &[Model] {
        self.listed.get_or_try_init(|| self.ask()).await.map_or(&[], Vec::as_slice)
    }

    async fn ask(&self) -> anyhow::Result<Vec<Model>> {
        let endpoint = self.settings.provider.endpoint()?;
        let network = self.settings.network(&self.environment)?;
        let asked = timeout(PATIENCE, agent_transport::models(&endpoint, &network)).await;
        Ok(asked.context("the provider does not answer")??)
    }

    /// Whether it has said which there are.
    pub(crate) fn are_listed(&self) -> bool {
        self.listed.initialized()
    }

    /// Tokens that go into the window of this model, as far as it was said by now.
    pub(crate) fn window_of(&self, name: &str) -> Option<u64> {
        self.listed.get()?.iter().find(|model| model.name == name)?.window
    }
}
