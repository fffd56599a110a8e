//! How requests get out of this machine: proxies and roots of trust, from the environment and the provider.

use std::path::{Path, PathBuf};

use agent_core::Opened;
use agent_transport::NetworkConfig;

use super::SettingsError;
use crate::config::Environment;
use crate::providers::Provider;

/// The variables that name a file of further roots, the first that is set (conventions.md 11). On Linux the platform's
/// own loader reads `SSL_CERT_FILE` and `SSL_CERT_DIR` in place of the system's roots; here they stand beside those.
const BUNDLES: [&str; 2] = ["CODEX_CA_CERTIFICATE", "SSL_CERT_FILE"];

/// Resolves the way out for `provider`.
///
/// # Errors
/// When a file of certificates that is named cannot be read.
pub(super) fn resolve(
    provider: &Provider,
    environment: &Environment,
) -> Result<NetworkConfig, SettingsError> {
    let any =
        |names: &[&str]| names.iter().find_map(|name| environment.var(name)).map(str::to_owned);
    let proxy = |names: &[&str]| {
        let set = provider.proxy.clone().or_else(|| any(names));
        set.or_else(|| any(&["ALL_PROXY", "all_proxy"]))
    };
    // Under CGI a header of the request could set `HTTP_PROXY`.
    let cgi = environment.var("REQUEST_METHOD").is_some();
    let plain: &[&str] = if cgi { &["http_proxy"] } else { &["HTTP_PROXY", "http_proxy"] };
    Ok(NetworkConfig {
        https_proxy: proxy(&["HTTPS_PROXY", "https_proxy"]),
        http_proxy: proxy(plain),
        no_proxy: any(&["NO_PROXY", "no_proxy"]).unwrap_or_default(),
        extra_roots: extra_roots(provider, environment)?,
        extra_root_dirs: std::env::split_paths(environment.var("SSL_CERT_DIR").unwrap_or_default())
            .filter(|path| !path.as_os_str().is_empty())
            .map(|path| environment.absolute(&path, &environment.cwd))
            .collect(),
        user_agent: format!(
            "agent/{} ({}; {})",
            env!("CARGO_PKG_VERSION"),
            std::env::consts::OS,
            std::env::consts::ARCH
        ),
    })
}

fn extra_roots(provider: &Provider, environment: &Environment) -> Result<Vec<u8>, SettingsError> {
    let bundle = BUNDLES.into_iter().find(|name| environment.var(name).is_some());
    let variables = bundle.into_iter().chain(["NODE_EXTRA_CA_CERTS"]);
    let mut files: Vec<(String, PathBuf)> = variables
        .filter_map(|name| {
            let path = environment.absolute(Path::new(environment.var(name)?), &environment.cwd);
            Some((name.to_owned(), path))
        })
        .collect();
    if let Some(path) = &provider.ca_certificate {
        files.push((format!("model_providers.{}.ca_certificate", provider.id), path.clone()));
    }
    let mut roots = vec![];
    for (named_by, path) in files {
        match Opened::open(&path).and_then(|opened| opened.bytes(Opened::BY_HAND)) {
            Ok(bytes) => roots.extend(bytes),
            Err(error) => return Err(SettingsError::Certificates { named_by, path, error }),
        }
        roots.push(b'\n');
    }
    Ok(roots)
}
