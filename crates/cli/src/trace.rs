//! `agent trace`: where the time and the bytes of a thread went, read from its rollout. Pure functions from records
//! to a trace and from a trace to what is shown.

#[cfg(test)]
mod sample;
mod table;
mod units;

pub(crate) use table::steps_table;
