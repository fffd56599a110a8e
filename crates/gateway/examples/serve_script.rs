//! Serves a script to clients under test: `serve_script SCRIPT [PORT]`. Prints base URL and token, a line each; the
//! token is `AGENT_GATEWAY_TOKEN` where that is set.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};

use agent_gateway::{Gateway, GatewayConfig, Token};
use agent_transport::{Script, Scripted};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("which script?")?;
    let port = arguments.next().map_or(Ok(0), |port| port.parse())?;
    let model = Scripted::new(Script::parse(&std::fs::read_to_string(path)?)?);
    let token = std::env::var("AGENT_GATEWAY_TOKEN").ok().map(Token::new);
    let config =
        GatewayConfig { token, models: vec!["scripted".to_owned()], ..GatewayConfig::default() };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let gateway = Gateway::bind(address, config, move || Box::new(model.clone())).await?;
    println!("{}\n{}", gateway.base_url()?, gateway.token().as_str());
    gateway.serve().await;
    Ok(())
}
