//! What a gateway is told at its start.

use std::fmt;
use std::time::Duration;

/// How a gateway behaves; the defaults are those of the protocol.
#[derive(Clone, Debug, Default)]
pub struct GatewayConfig {
    /// Needed on every request. None: a random one.
    pub token: Option<Token>,
    /// What `GET /v1/models` lists. Requests may name any model.
    pub models: Vec<String>,
    pub limits: Limits,
}

/// Sizes in bytes.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Of one message or HTTP body; larger ones are refused (G1.3).
    pub message: usize,
    /// Of all conversations one connection remembers.
    pub window: usize,
    /// The age from which a connection takes no further request.
    pub age: Duration,
    /// Silence in a response after which a `keepalive` is sent (G1.5).
    pub keepalive: Duration,
    /// Between the pings on an idle connection; two unanswered ones end it (G1.5).
    pub ping: Duration,
    /// Named lanes of one connection (G5.2).
    pub lanes: usize,
    /// Responses under way on one connection (G5.2).
    pub in_flight: usize,
    /// Requests that wait on one connection.
    pub waiting: usize,
    /// Open WebSockets.
    pub sockets: usize,
    /// How long a connection may be open before the token is shown on it.
    pub unknown: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message: 64 << 20,
            window: 64 << 20,
            age: Duration::from_secs(60 * 60),
            keepalive: Duration::from_secs(10),
            ping: Duration::from_secs(30),
            lanes: 32,
            in_flight: 16,
            waiting: 64,
            sockets: 64,
            unknown: Duration::from_secs(5),
        }
    }
}

/// The secret a client must show. Its `Debug` form does not tell it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// 256 random bits.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn random() -> std::io::Result<Self> {
        use fmt::Write as _;
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
        let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        Ok(Self(hex))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes as long for a wrong guess as for the right one.
    pub(crate) fn matches(&self, guess: &[u8]) -> bool {
        let token = self.0.as_bytes();
        let differing = token.iter().zip(guess).fold(0, |differing, (a, b)| differing | (a ^ b));
        std::hint::black_box(differing) == 0 && token.len() == guess.len() && !token.is_empty()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_itself_matches_and_it_is_not_shown() {
        let token = Token::new("abc");
        assert!(token.matches(b"abc"));
        for guess in ["", "ab", "abcd", "abd"] {
            assert!(!token.matches(guess.as_bytes()), "{guess}");
        }
        assert!(!Token::new("").matches(b""));
        assert_eq!(format!("{token:?}"), "Token(…)");
        let random = Token::random().unwrap();
        assert_eq!(random.as_str().len(), 64);
        assert_ne!(random, Token::random().unwrap());
    }
}
