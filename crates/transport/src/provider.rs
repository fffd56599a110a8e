//! What is known in advance about the endpoints of each provider (protocol.md 5.1 and 8). What is not known is
//! found out by trying, and remembered.

use std::time::Duration;

const MIB: usize = 1 << 20;

/// The facts of one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// False where no WebSocket is known to be: it is not tried.
    pub socket: bool,
    /// A frame of this many bytes does not go on the socket (C1.1).
    pub frame_limit: usize,
    /// From this age on a connection is left when a turn begins.
    pub rotate_between_turns: Duration,
    /// From this age on it is left between two steps of a turn.
    pub rotate_between_steps: Duration,
    /// A second `response.create` waits for the first; elsewhere it is an error.
    pub queues: bool,
    /// Sends `OpenAI-Beta: responses_websockets=…`.
    pub beta_header: bool,
    /// Takes `response.steer` from models that can be steered (protocol.md 2.4).
    pub steers: bool,
    /// Takes `response.interrupt` (protocol.md 2.5).
    pub interrupts: bool,
    /// Takes lean frames from models that can read them (protocol.md 2.3).
    pub lean: bool,
}

impl Facts {
    const UNKNOWN: Self = Self {
        socket: true,
        frame_limit: 15 * MIB,
        rotate_between_turns: minutes(50),
        rotate_between_steps: minutes(55),
        queues: false,
        beta_header: false,
        steers: false,
        interrupts: false,
        lean: false,
    };

    const HTTP_ONLY: Self = Self { socket: false, ..Self::UNKNOWN };

    /// By host first, since a configured provider may have any name; then by provider.
    pub(crate) fn of(provider: &str, host: &str, port: u16) -> Self {
        let by_host =
            BY_HOST.iter().find(|(domain, _)| is_within(host, domain)).map(|(_, name)| *name);
        match by_host.unwrap_or(provider) {
            "openai" if by_host.is_some() => {
                Self { queues: true, beta_header: true, steers: true, lean: true, ..Self::UNKNOWN }
            }
            "chatgpt" => Self {
                queues: true,
                beta_header: true,
                steers: true,
                interrupts: true,
                lean: true,
                ..Self::UNKNOWN
            },
            "xai" => Self {
                queues: true,
                rotate_between_turns: minutes(20),
                rotate_between_steps: minutes(22),
                ..Self::UNKNOWN
            },
            "vercel" => Self {
                frame_limit: 7 * MIB / 2,
                rotate_between_turns: minutes(10),
                rotate_between_steps: minutes(12),
                ..Self::UNKNOWN
            },
            // What `agent gateway` serves; its users name the provider so, or take its address.
            "agent" => Self { queues: true, interrupts: true, lean: true, ..Self::UNKNOWN },
            "openrouter" | "anthropic" | "ollama" | "lmstudio" => Self::HTTP_ONLY,
            _ if matches!(port, 11434 | 1234) => Self::HTTP_ONLY,
            _ => Self::UNKNOWN,
        }
    }
}

const BY_HOST: [(&str, &str); 8] = [
    ("api.openai.com", "openai"),
    ("chatgpt.com", "chatgpt"),
    ("openai.azure.com", "azure"),
    ("api.x.ai", "xai"),
    ("ai-gateway.vercel.sh", "vercel"),
    ("openrouter.ai", "openrouter"),
    ("api.anthropic.com", "anthropic"),
    ("ollama.com", "ollama"),
];

fn is_within(host: &str, domain: &str) -> bool {
    host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_known_by_its_host_whatever_its_provider_is_called() {
        for (provider, host, port, socket, steps) in [
            ("openai", "api.openai.com", 443, true, 55),
            ("mine", "api.x.ai", 443, true, 22),
            ("azure", "res.openai.azure.com", 443, true, 55),
            ("mine", "ai-gateway.vercel.sh", 443, true, 12),
            ("mine", "evil-api.x.ai.example", 443, true, 55),
            ("ollama", "localhost", 11434, false, 55),
            ("mine", "localhost", 1234, false, 55),
            ("openai", "127.0.0.1", 8123, true, 55),
        ] {
            let facts = Facts::of(provider, host, port);
            assert_eq!(
                (facts.socket, facts.rotate_between_steps),
                (socket, minutes(steps)),
                "{host}"
            );
        }
        assert!(!Facts::of("openai", "127.0.0.1", 8123).beta_header);
        let limit = |host: &str| Facts::of("mine", host, 443).frame_limit;
        assert_eq!(
            limit("api.openai.com"),
            15_728_640,
            "1 MiB below what closes the socket (C1.1)"
        );
        assert_eq!(limit("ai-gateway.vercel.sh"), 3_670_016);
    }
}
