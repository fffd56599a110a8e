//! Values that must not be written down.

const MARK: &str = "[secret removed]";

/// Shorter values would be found everywhere.
const SHORTEST: usize = 8;

/// Takes known secrets out of what is written. Prints none of them.
#[derive(Clone, Default)]
pub struct Redaction(Vec<String>);

impl Redaction {
    /// Values of fewer than 8 bytes are left out.
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        let secrets = secrets.into_iter().filter(|secret| secret.len() >= SHORTEST);
        let mut forms: Vec<_> = secrets.flat_map(|secret| forms(&secret)).collect();
        // The longest first: one may be part of another.
        forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        forms.dedup();
        Self(forms)
    }

    /// Of a JSON text, which stays one.
    pub(super) fn json(&self, json: &str) -> String {
        let mut json = json.to_owned();
        for secret in &self.0 {
            if json.contains(secret.as_str()) {
                json = json.replace(secret.as_str(), MARK);
            }
        }
        json
    }
}

/// As it may stand inside of a JSON string, and of one inside of another: arguments of a call are such.
fn forms(secret: &str) -> [String; 4] {
    let once = escaped(secret);
    let twice = escaped(&once);
    let slashed = [once.replace('/', r"\/"), twice.replace('/', r"\/")];
    let [slashed, slashed_twice] = slashed;
    [once, twice, slashed, slashed_twice]
}

fn escaped(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    json[1..json.len() - 1].to_owned()
}

impl std::fmt::Debug for Redaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redaction(…)")
    }
}
