//! Who may speak to the gateway: holders of the token, that address it by a loopback name and are no web page of
//! another origin (promise S24).

use http::{HeaderMap, HeaderValue, Uri, header};

use crate::config::Token;
use crate::error::WireError;

/// Checks one request, whatever it asks for. `target` counts where it names a host itself.
///
/// # Errors
/// 400 for several hosts, 403 for a foreign host or origin, 401 without the token.
pub(crate) fn admit(
    target: &Uri,
    headers: &HeaderMap,
    port: u16,
    token: &Token,
) -> Result<(), WireError> {
    let hosts: Vec<_> = headers.get_all(header::HOST).iter().collect();
    let host = match hosts.as_slice() {
        [host] => host,
        several => {
            let status = if several.is_empty() { 403 } else { 400 };
            let message = "Exactly one Host header is needed.";
            return Err(WireError::new(status, "host_not_allowed", message));
        }
    };
    let names_us = target.authority().is_none_or(|named| is_ours(named.as_str(), port));
    if !names_us || !host.to_str().is_ok_and(|host| is_ours(host, port)) {
        return Err(WireError::new(
            403,
            "host_not_allowed",
            "The Host header does not name this gateway.",
        ));
    }
    let is_foreign =
        |origin: &HeaderValue| !origin.to_str().is_ok_and(|origin| is_our_origin(origin, port));
    if headers.get_all(header::ORIGIN).iter().any(is_foreign) {
        return Err(WireError::new(
            403,
            "origin_not_allowed",
            "Web pages may not use this gateway.",
        ));
    }
    let authorization =
        headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
    if !bearer(authorization).is_some_and(|guess| token.matches(guess)) {
        let message = "Incorrect API key: the gateway's token is needed as Bearer.";
        return Err(WireError::new(401, "invalid_api_key", message));
    }
    Ok(())
}

/// A page that rebinds a name of its own to our address still sends that name.
fn is_ours(host: &str, port: u16) -> bool {
    let (name, stated) = match host.rsplit_once(':') {
        Some((name, digits)) if !digits.contains(']') => (name, Some(digits)),
        _ => (host, None),
    };
    let right_port = match stated {
        // Not by what it can be read as: with a sign or zeros nobody writes it.
        Some(digits) => digits == port.to_string(),
        None => port == 80,
    };
    right_port
        && ["localhost", "127.0.0.1", "[::1]"].iter().any(|ours| name.eq_ignore_ascii_case(ours))
}

fn is_our_origin(origin: &str, port: u16) -> bool {
    origin.strip_prefix("http://").is_some_and(|host| is_ours(host, port))
}

fn bearer(authorization: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = authorization.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s24_only_loopback_names_no_foreign_origin_and_the_token_are_admitted() {
        let port = 8123;
        for (headers, status) in [
            (vec![("host", "127.0.0.1:8123"), ("authorization", "Bearer t")], 200),
            (vec![("host", "LOCALHOST:8123"), ("authorization", "bearer  t ")], 200),
            (vec![("host", "[::1]:8123"), ("authorization", "Bearer t")], 200),
            (
                vec![
                    ("host", "localhost:8123"),
                    ("origin", "http://localhost:8123"),
                    ("authorization", "Bearer t"),
                ],
                200,
            ),
            (vec![("host", "127.0.0.1:8124"), ("authorization", "Bearer t")], 403),
            (vec![("host", "127.0.0.1"), ("authorization", "Bearer t")], 403),
            (vec![("host", "evil.example:8123"), ("authorization", "Bearer t")], 403),
            (vec![("host", "localhost.evil.example:8123"), ("authorization", "Bearer t")], 403),
            (
                vec![
                    ("host", "127.0.0.1:8123"),
                    ("host", "evil.example"),
                    ("authorization", "Bearer t"),
                ],
                400,
            ),
            (
                vec![
                    ("host", "127.0.0.1:8123"),
                    ("host", "127.0.0.1:8123"),
                    ("authorization", "Bearer t"),
                ],
                400,
            ),
            (vec![("host", "localhost:+8123"), ("authorization", "Bearer t")], 403),
            (vec![("host", "localhost:08123"), ("authorization", "Bearer t")], 403),
            (vec![("host", "localhost:"), ("authorization", "Bearer t")], 403),
            (
                vec![
                    ("host", "127.0.0.1:8123"),
                    ("origin", "http://127.0.0.1:8123"),
                    ("origin", "http://evil.example"),
                    ("authorization", "Bearer t"),
                ],
                403,
            ),
            (vec![("authorization", "Bearer t")], 403),
            (
                vec![("host", "127.0.0.1:8123"), ("origin", "null"), ("authorization", "Bearer t")],
                403,
            ),
            (
                vec![
                    ("host", "127.0.0.1:8123"),
                    ("origin", "http://localhost:3000"),
                    ("authorization", "Bearer t"),
                ],
                403,
            ),
            (
                vec![
                    ("host", "127.0.0.1:8123"),
                    ("origin", "https://localhost:8123"),
                    ("authorization", "Bearer t"),
                ],
                403,
            ),
            (vec![("host", "127.0.0.1:8123")], 401),
            (vec![("host", "127.0.0.1:8123"), ("authorization", "Bearer x")], 401),
            (vec![("host", "127.0.0.1:8123"), ("authorization", "Basic t")], 401),
            (vec![("host", "127.0.0.1:8123"), ("authorization", "t")], 401),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in &headers {
                map.append(*name, HeaderValue::from_static(value));
            }
            assert_eq!(status_of("/v1/responses", &map, port), status, "{headers:?}");
        }
    }

    fn status_of(target: &str, headers: &HeaderMap, port: u16) -> u16 {
        let target = target.parse().unwrap();
        admit(&target, headers, port, &Token::new("t")).map_or_else(|error| error.status, |()| 200)
    }

    #[test]
    fn s24_a_target_that_names_a_host_names_this_one() {
        let mut headers = HeaderMap::new();
        headers.append("host", HeaderValue::from_static("127.0.0.1:8123"));
        headers.append("authorization", HeaderValue::from_static("Bearer t"));
        for (target, status) in [
            ("http://127.0.0.1:8123/v1/responses", 200),
            ("http://localhost:8123/v1/responses", 200),
            ("http://evil.example:8123/v1/responses", 403),
            ("http://evil.example/v1/responses", 403),
            ("http://127.0.0.1:8123@evil.example/v1/responses", 403),
            ("http://user@127.0.0.1:8123/v1/responses", 403),
            ("evil.example:443", 403),
        ] {
            assert_eq!(status_of(target, &headers, 8123), status, "{target}");
        }
    }
}
