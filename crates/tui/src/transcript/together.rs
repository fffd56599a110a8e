//! Which calls are shown as one: those of one step that follow each other and are of one kind. The records alone say it,
//! so that a thread that is read back looks as it did.

use agent_protocol::ItemDetails;

use super::Cell;

/// What calls have in common that are shown as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Commands,
    /// They only look at files.
    Looks,
}

impl Cell {
    /// The step and the kind of a call that may be shown together with others.
    pub(super) fn group(&self) -> Option<(u32, Kind)> {
        let Self::Item(item) = self else { return None };
        let kind = match &item.details {
            ItemDetails::CommandExecution(_) => Kind::Commands,
            ItemDetails::ToolCall { tool, .. }
                if matches!(tool.as_str(), "read_file" | "list_dir" | "grep_files") =>
            {
                Kind::Looks
            }
            _ => return None,
        };
        Some((item.step?, kind))
    }
}

/// How many of `cells`, from the first on, are shown as one.
pub(crate) fn together(cells: &[Cell]) -> usize {
    let Some((first, rest)) = cells.split_first() else { return 0 };
    let Some(group) = first.group() else { return 1 };
    1 + rest.iter().take_while(|cell| cell.group() == Some(group)).count()
}
