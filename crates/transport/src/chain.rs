//! What the server of one connection remembers (protocol.md 5), and so what need not be sent again.

use agent_protocol::{Continue, FrameStyle, Request, SendReason, Settings, Window};

/// Of one connection; gone with it.
#[derive(Debug)]
pub(crate) enum Memory {
    /// The next request is a full send, for this reason.
    Nothing(SendReason),
    Chain(Chain),
}

/// The latest response, as a parent for the next request.
#[derive(Debug)]
pub(crate) struct Chain {
    response_id: String,
    /// What the server was sent …
    window: Window,
    /// … and how many items it made.
    made: usize,
    settings: Settings,
    style: FrameStyle,
}

impl Chain {
    /// After `request` was answered by `response_id` with `items` items. Taken at the terminal event, before the
    /// outputs of tools that are already done enter the window (C5.1).
    pub(crate) fn after(
        request: &Request,
        style: FrameStyle,
        response_id: String,
        items: usize,
    ) -> Self {
        let Request { settings, window } = request;
        Self { response_id, window: window.clone(), made: items, settings: settings.clone(), style }
    }

    /// Items of the window that the server has: none of them, and so no call it made, is sent to it again (C3.2).
    fn len(&self) -> usize {
        self.window.len() + self.made
    }

    /// No item is ever compared: the log is append-only within an epoch. A new field of `Request` does not compile
    /// here until it is judged.
    fn holds_for(&self, request: &Request, style: FrameStyle) -> Result<(), SendReason> {
        let Self { response_id: _, window: sent, made, settings: asked_before, style: before } =
            self;
        let Request { settings, window } = request;
        if settings != asked_before || style != *before {
            return Err(SendReason::SettingsChanged);
        }
        if !window.continues(sent, *made) {
            return Err(SendReason::HistoryRewritten);
        }
        Ok(())
    }
}

impl Memory {
    /// Where the answer to `request` continues from, and why.
    pub(crate) fn plan(&self, request: &Request, style: FrameStyle) -> (Continue<'_>, SendReason) {
        match self {
            Self::Nothing(reason) => (Continue::FromNothing, *reason),
            Self::Chain(chain) => match chain.holds_for(request, style) {
                Ok(()) => (
                    Continue::After { response_id: &chain.response_id, start: chain.len() },
                    SendReason::Chained,
                ),
                Err(reason) => (Continue::FromNothing, reason),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use agent_protocol::FrameStyle::{Classic, Lean};
    use agent_protocol::{Item, WindowLog};

    use super::*;
    use crate::fixture::settings;

    #[test]
    fn only_what_is_new_is_sent_while_settings_and_history_stay() {
        let mut log = WindowLog::default();
        log.push(Item::developer("a"));
        let request = |log: &WindowLog, instructions: &str| Request {
            settings: settings(instructions),
            window: log.window(),
        };
        let asked = request(&log, "i");
        let memory = Memory::Chain(Chain::after(&asked, Classic, "resp_1".to_owned(), 2));
        let chained = (Continue::After { response_id: "resp_1", start: 3 }, SendReason::Chained);
        let full = |reason| (Continue::FromNothing, reason);

        // The server made two items that the window lacks: it is another window.
        assert_eq!(memory.plan(&asked, Classic), full(SendReason::HistoryRewritten));
        log.push(Item::developer("made"));
        log.push(Item::developer("made"));
        assert_eq!(memory.plan(&request(&log, "i"), Classic), chained);
        let other_style = memory.plan(&request(&log, "i"), Lean);
        assert_eq!(other_style, full(SendReason::SettingsChanged));
        log.push(Item::developer("new"));
        assert_eq!(memory.plan(&request(&log, "i"), Classic), chained);
        assert_eq!(
            memory.plan(&request(&log, "other"), Classic),
            full(SendReason::SettingsChanged)
        );
        log.rewrite((0..9).map(|n| Item::developer(&n.to_string())));
        assert_eq!(memory.plan(&request(&log, "i"), Classic), full(SendReason::HistoryRewritten));
        let nothing = Memory::Nothing(SendReason::AfterError);
        assert_eq!(nothing.plan(&asked, Classic), full(SendReason::AfterError));
    }
}
