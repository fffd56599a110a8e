//! Colour and style in force (`ESC [ … m`), without what hides text or blinks.

/// The parameters since the last reset, as they would have to be sent again.
#[derive(Debug, Default)]
pub(super) struct Sgr {
    active: Vec<String>,
}

/// More than this in force at once is nobody's style.
const MAX_ACTIVE: usize = 32;

impl Sgr {
    /// Takes the parameters of one sequence; returns what may be sent of it.
    pub(super) fn apply(&mut self, parameters: &str) -> Option<String> {
        if !parameters.bytes().all(|b| matches!(b, b'0'..=b';')) {
            return None;
        }
        let mut sent = Vec::new();
        let mut rest = parameters.split(';');
        while let Some(parameter) = rest.next() {
            let number = parameter.split(':').next().unwrap_or_default();
            match number.trim_start_matches('0') {
                "" => {
                    self.active.clear();
                    sent.push("0".to_owned());
                }
                // Blinking, and hidden text.
                "5" | "6" | "8" => {}
                "38" | "48" | "58" if !parameter.contains(':') => {
                    let Some(colour) = extended(parameter, &mut rest) else { break };
                    self.active.push(colour.clone());
                    sent.push(colour);
                }
                _ if parameter.len() <= 24 => {
                    self.active.push(parameter.to_owned());
                    sent.push(parameter.to_owned());
                }
                _ => {}
            }
        }
        let surplus = self.active.len().saturating_sub(MAX_ACTIVE);
        self.active.drain(..surplus);
        (!sent.is_empty()).then(|| format!("\x1b[{}m", sent.join(";")))
    }

    pub(super) fn is_set(&self) -> bool {
        !self.active.is_empty()
    }

    /// What brings this style about again.
    pub(super) fn sequence(&self) -> String {
        if self.is_set() { format!("\x1b[{}m", self.active.join(";")) } else { String::new() }
    }
}

/// `38;5;N` or `38;2;R;G;B`.
fn extended<'a>(first: &str, rest: &mut impl Iterator<Item = &'a str>) -> Option<String> {
    let kind = rest.next()?;
    let count = match kind {
        "5" => 1,
        "2" => 3,
        _ => return None,
    };
    let mut colour = format!("{first};{kind}");
    for _ in 0..count {
        let part = rest.next()?;
        part.parse::<u8>().ok()?;
        colour.push(';');
        colour.push_str(part);
    }
    Some(colour)
}
