//! What stands right above the region, row by row as it was written: what is finished, and what another size has left
//! of the region among it. From this and the place of the cursor follows what must go, and what is written again.

use std::collections::VecDeque;

use super::extent::{Extent, Fold};
use super::row::Said;

/// Rows that are remembered; few terminals are higher.
const MAX_ROWS: usize = 300;

#[derive(Debug)]
struct Row {
    extent: Extent,
    what: What,
}

#[derive(Debug)]
enum What {
    /// It is of no use any more.
    Left,
    /// The same, and what follows may be one line with it.
    Torn,
    Finished(Said),
    /// It was written for another size, and may be cut.
    Spoiled(Said),
}

impl Row {
    /// It has to go.
    fn is_left(&self) -> bool {
        !matches!(self.what, What::Finished(_))
    }

    /// It is perhaps broken together with what follows, and that makes a difference.
    fn may_join(&self, fold: Fold) -> bool {
        matches!(self.what, What::Torn) && !self.extent.fills_rows(fold.columns)
    }
}

/// The region down to the cursor.
#[derive(Clone, Debug, Default)]
pub(super) struct Upper {
    /// The rows above the cursor's.
    pub(super) rows: Vec<Extent>,
    /// The cursor's row.
    pub(super) own: Extent,
    pub(super) column: usize,
}

impl Upper {
    /// Rows of the cursor's own line above the cursor.
    fn own_above(&self, fold: Fold) -> usize {
        self.own.row_of(self.column, fold)
    }

    /// Rows above the cursor.
    fn count(&self, fold: Fold) -> usize {
        self.rows.iter().map(|row| row.rows(fold)).sum::<usize>() + self.own_above(fold)
    }

    /// So many rows of what a terminal makes of it, from the first on.
    fn first(&self, mut rows: usize, fold: Fold) -> Vec<Row> {
        let mut first = Vec::new();
        for row in self.rows.iter().chain([&self.own]) {
            let taken = row.rows(fold).min(rows);
            rows -= taken;
            if taken > 0 {
                let extent = row.first(taken, fold);
                let what = if extent == *row { What::Left } else { What::Torn };
                first.push(Row { extent, what });
            }
        }
        first
    }

    /// Cut at this width.
    fn cut(&mut self, columns: usize) {
        self.rows.iter_mut().chain([&mut self.own]).for_each(|row| row.cut(columns));
    }
}

/// A question that the terminal answers once it has done all that it was told before: what that was.
#[derive(Debug, Default)]
struct UnderWay {
    /// The region before a frame; none when there was no frame.
    before: Option<Upper>,
    /// Lines that became finished with it.
    finished: usize,
    /// And after it, with nothing asked.
    later: usize,
    /// So many rows above the cursor were cleared.
    cleared: usize,
}

#[derive(Debug, Default)]
pub(super) struct Above {
    /// The last stands right above the region.
    rows: VecDeque<Row>,
    /// What stands above these rows is ours too.
    goes_on: bool,
    under_way: VecDeque<UnderWay>,
    /// Something was drawn on so many columns that was meant for more.
    spoiled_at: Option<usize>,
    /// The size changed once more since: what the terminal made of it is not known.
    is_unsure: bool,
    /// So many rows may have been cleared that were none of those meant.
    endangered: usize,
}

/// What has to be done to begin anew.
#[derive(Debug, Default)]
pub(super) struct Rebuilt {
    /// So many rows above the cursor begins what must go.
    pub(super) up: usize,
    /// In their order.
    pub(super) again: Vec<Said>,
}

impl Above {
    /// Something else stands there now.
    pub(super) fn forget(&mut self) {
        self.rows.clear();
        self.begin_anew();
        self.goes_on = false;
    }

    fn begin_anew(&mut self) {
        (self.spoiled_at, self.is_unsure, self.endangered) = (None, false, 0);
        // The answers still come, and say nothing about what is drawn from here on.
        self.under_way.iter_mut().for_each(|asked| *asked = UnderWay::default());
    }

    /// A line became finished.
    pub(super) fn push(&mut self, said: Said) {
        self.rows.push_back(Row { extent: said.extent.clone(), what: What::Finished(said) });
    }

    /// So many lines became finished with a frame, and the terminal is asked about it.
    pub(super) fn ask(&mut self, before: Option<Upper>, finished: usize) {
        self.under_way.push_back(UnderWay { before, finished, ..UnderWay::default() });
    }

    /// So many rows above the cursor were cleared, and the terminal is asked about it.
    pub(super) fn ask_about_cleared(&mut self, cleared: usize) {
        self.under_way.push_back(UnderWay { cleared, ..UnderWay::default() });
    }

    /// The same, and nothing is asked.
    pub(super) fn go_on(&mut self, finished: usize) {
        match self.under_way.back_mut() {
            Some(asked) => asked.later += finished,
            None => self.trim(),
        }
    }

    /// So many lines became finished just as they stand there. They are as good as the frames that drew them.
    pub(super) fn stands_already(&mut self, finished: usize) {
        match self.under_way.back_mut() {
            Some(asked) => asked.finished += finished,
            None => self.trim(),
        }
    }

    /// Questions that have no answer yet.
    pub(super) fn asked(&self) -> usize {
        self.under_way.len()
    }

    /// They will have none.
    pub(super) fn give_up(&mut self) {
        self.under_way.clear();
    }

    fn trim(&mut self) {
        let needed: usize = self.under_way.iter().map(|asked| asked.finished + asked.later).sum();
        let most = needed.max(MAX_ROWS);
        if self.rows.len() > most {
            self.rows.drain(..self.rows.len() - most);
            self.goes_on = true;
        }
    }

    /// The terminal has done what it was asked about first, with so many columns and rows; it was meant for others if
    /// `fold` is another width.
    pub(super) fn arrived(&mut self, fold: Fold, rows: u16, meant: u16) {
        let Some(asked) = self.under_way.pop_front() else { return };
        let UnderWay { before, finished, later, cleared } = asked;
        if cleared > 0 && fold.columns != usize::from(meant) {
            self.is_unsure = true;
            let since: usize = self.under_way.iter().map(|next| next.finished + next.later).sum();
            self.endangered += cleared + later + since;
        }
        if self.spoiled_at.is_some_and(|columns| columns != fold.columns) {
            self.is_unsure |= fold.reflows;
        }
        if let Some(before) = before {
            let after: usize = self.under_way.iter().map(|next| next.finished + next.later).sum();
            let end = self.rows.len().saturating_sub(after + later);
            let is_narrow = fold.columns < usize::from(meant);
            // What was drawn on too few columns was cut there.
            let reflows = fold.reflows && is_narrow && self.spoiled_at.is_none();
            let fold = Fold { reflows, ..fold };
            let most = usize::from(rows.saturating_sub(1)).min(before.rows.len());
            let missed = before.count(fold) - most;
            // What a frame leaves as it is was cut by the one before it.
            if missed > 0 || is_narrow || self.spoiled_at.is_some() {
                self.spoil(end.saturating_sub(finished)..end, &before, missed, fold);
            }
        }
        self.trim();
    }

    /// A frame left the first rows of the region as it was before, so many, above its finished ones.
    fn spoil(
        &mut self,
        finished: std::ops::Range<usize>,
        before: &Upper,
        missed: usize,
        fold: Fold,
    ) {
        self.spoiled_at.get_or_insert(fold.columns);
        for row in self.rows.range_mut(finished.clone()) {
            row.extent.cut(fold.columns);
            if let What::Finished(said) = std::mem::replace(&mut row.what, What::Left) {
                row.what = What::Spoiled(said);
            }
        }
        let after = self.rows.split_off(finished.start);
        self.rows.extend(before.first(missed, fold));
        self.rows.extend(after);
    }

    /// The size is certain again, and so many rows are above the cursor, if that is known. What is to be written again
    /// counts as written.
    pub(super) fn rebuild(
        &mut self,
        mut upper: Upper,
        fold: Fold,
        reach: Option<usize>,
    ) -> Rebuilt {
        if let Some(columns) = self.spoiled_at {
            upper.cut(columns);
            self.is_unsure |= fold.reflows && columns != fold.columns;
        }
        let rebuilt = match reach {
            None => Rebuilt { up: upper.count(fold), again: self.spoiled() },
            Some(reach) if self.is_unsure => self.rebuild_all(&upper, fold, reach),
            Some(reach) => self
                .rebuild_exactly(&upper, fold, reach)
                .unwrap_or_else(|| self.rebuild_all(&upper, fold, reach)),
        };
        self.begin_anew();
        rebuilt.again.iter().cloned().for_each(|said| self.push(said));
        self.trim();
        rebuilt
    }

    /// Lines whose rows are of no use: the last ones, as all goes wrong until the size is certain.
    fn spoiled(&mut self) -> Vec<Said> {
        let spoiled = self.rows.iter_mut().filter(|row| matches!(row.what, What::Spoiled(_)));
        spoiled.filter_map(|row| std::mem::replace(&mut row.what, What::Torn).said()).collect()
    }

    /// From the first row on that is of no use and can be reached; none when it is not certain where that is.
    fn rebuild_exactly(&mut self, upper: &Upper, fold: Fold, reach: usize) -> Option<Rebuilt> {
        let mut up = 0;
        let mut beyond = VecDeque::new();
        let own = (&upper.own, upper.own_above(fold));
        let above = upper.rows.iter().rev().map(|row| (row, row.rows(fold)));
        for (row, rows) in std::iter::once(own).chain(above) {
            let within = rows.min(reach - up);
            up += within;
            if within < rows {
                let extent = row.first(rows - within, fold);
                let what = if self.spoiled_at.is_some() { What::Torn } else { What::Left };
                beyond.push_front(Row { extent, what });
            }
        }
        if !beyond.is_empty() {
            let again = self.spoiled();
            self.rows.append(&mut beyond);
            return Some(Rebuilt { up, again });
        }
        let mut first = None;
        let mut above = up;
        for (at, row) in self.rows.iter().enumerate().rev() {
            let rows = row.extent.rows(fold);
            let within = rows.min(reach - above);
            above += within;
            if within > 0 && row.is_left() {
                if row.may_join(fold) {
                    return None;
                }
                first = Some((at, row.extent.first(rows - within, fold)));
                up = above;
            }
            if within < rows {
                break;
            }
        }
        let mut again = self.spoiled();
        if let Some((at, left)) = first {
            let gone = self.rows.split_off(at);
            again.splice(0..0, gone.into_iter().filter_map(|row| row.what.said()));
            let left = Some(left).filter(|left| !left.is_empty());
            self.rows.extend(left.map(|extent| Row { extent, what: What::Left }));
        }
        Some(Rebuilt { up, again })
    }

    /// All that may be on the screen: what of it is written again was not lost in between, and at worst is there twice.
    fn rebuild_all(&mut self, upper: &Upper, fold: Fold, reach: usize) -> Rebuilt {
        let region = upper.rows.len().min(reach);
        let mut sought = reach - region;
        let mut endangered = self.endangered;
        let mut first = self.rows.len();
        while let Some(at) = first.checked_sub(1).filter(|_| sought + endangered > 0) {
            let rows = match &self.rows[at].what {
                What::Left | What::Torn => 0,
                What::Spoiled(_) => 1,
                What::Finished(_) => self.rows[at].extent.rows(fold),
            };
            if endangered > 0 && rows > 0 {
                endangered -= 1;
            } else {
                sought = sought.saturating_sub(rows);
            }
            first = at;
        }
        let spoiled = self.rows.iter().position(|row| matches!(row.what, What::Spoiled(_)));
        first = spoiled.map_or(first, |spoiled| first.min(spoiled));
        let gone = self.rows.split_off(first);
        // Whether they went with it nobody knows.
        self.rows.retain(|row| !row.is_left());
        // Above the first row that we wrote is what somebody else did.
        let up = if self.goes_on { reach } else { reach.saturating_sub(sought) };
        Rebuilt { up, again: gone.into_iter().filter_map(|row| row.what.said()).collect() }
    }
}

impl What {
    fn said(self) -> Option<Said> {
        match self {
            Self::Left | Self::Torn => None,
            Self::Finished(said) | Self::Spoiled(said) => Some(said),
        }
    }
}
