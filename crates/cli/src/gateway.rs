//! `agent gateway`: the server side, stand-alone, in front of a provider or a scripted model.

use std::io::{self, Write as _};
use std::path::Path;

use agent_core::Opened;
use agent_gateway::{Gateway, GatewayConfig, Token};
use agent_transport::{Resilient, Script, Scripted, Transport};
use anyhow::Context as _;

use crate::args::GatewayArgs;
use crate::config::Environment;
use crate::settings::Settings;

/// Serves until it is stopped. URL and token are printed first, a line each, for whoever starts it.
///
/// # Errors
/// When the script, the provider or the address cannot be used.
pub(crate) async fn run(
    args: &GatewayArgs,
    settings: &Settings,
    environment: &Environment,
) -> anyhow::Result<()> {
    let config = GatewayConfig {
        token: environment.var("AGENT_GATEWAY_TOKEN").map(Token::new),
        models: vec![settings.model.name.clone()],
        ..GatewayConfig::default()
    };
    let gateway = match &args.script {
        Some(path) => {
            let model = Scripted::new(read_script(path)?);
            let upstream = move || -> Box<dyn Transport> { Box::new(model.clone()) };
            Gateway::bind(args.listen, config, upstream).await?
        }
        None => {
            let endpoint = settings.provider.endpoint()?;
            let network = settings.network(environment)?;
            let upstream = move || -> Box<dyn Transport> {
                Box::new(Resilient::new(endpoint.clone(), network.clone()))
            };
            Gateway::bind(args.listen, config, upstream).await?
        }
    };
    let mut out = io::stdout();
    writeln!(out, "url={}\ntoken={}", gateway.base_url()?, gateway.token().as_str())?;
    out.flush()?;
    tokio::select! {
        _ = gateway.serve() => Ok(()),
        stopped = tokio::signal::ctrl_c() => stopped.context("cannot listen to signals"),
    }
}

fn read_script(path: &Path) -> anyhow::Result<Script> {
    let text = Opened::named(path)
        .and_then(|opened| opened.text(Opened::BY_HAND))
        .with_context(|| format!("cannot read the script {}", path.display()))?;
    Script::parse(&text).with_context(|| format!("the script {}", path.display()))
}
