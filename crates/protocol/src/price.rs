//! What tokens cost. The numbers are the person's: providers change theirs.

use crate::Usage;

/// US dollars for a million tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Price {
    pub input: f64,
    /// Of input that the provider had in its cache.
    pub cached_input: f64,
    /// Of input that it put there.
    pub cache_write: f64,
    pub output: f64,
}

impl Price {
    /// US dollars.
    pub fn of(&self, usage: &Usage) -> f64 {
        let plain = usage
            .input_tokens
            .saturating_sub(usage.cached_input_tokens)
            .saturating_sub(usage.cache_write_input_tokens);
        let parts = [
            (plain, self.input),
            (usage.cached_input_tokens, self.cached_input),
            (usage.cache_write_input_tokens, self.cache_write),
            (usage.output_tokens, self.output),
        ];
        parts.iter().map(|(tokens, price)| *tokens as f64 * price / 1e6).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_token_has_its_price() {
        let price = Price { input: 2.0, cached_input: 0.2, cache_write: 2.5, output: 10.0 };
        let usage = Usage {
            input_tokens: 1_000_000,
            cached_input_tokens: 500_000,
            cache_write_input_tokens: 100_000,
            output_tokens: 100_000,
            ..Usage::default()
        };
        assert!((price.of(&usage) - (0.8 + 0.1 + 0.25 + 1.0)).abs() < 1e-9);
    }
}
