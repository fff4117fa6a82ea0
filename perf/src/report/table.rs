//! The table of a row: a head, and a line for each contender from the best to the worst.

use crate::{
    report::columns::columns,
    results::{Contender, RowResults},
    rows::Figure,
};

/// A table of text.
pub struct Table {
    /// The columns' names.
    pub head: Vec<&'static str>,
    /// The lines.
    pub lines: Vec<Line>,
}

/// A line of a table.
pub struct Line {
    /// The cells, one for each column.
    pub cells: Vec<String>,
    /// The length of its bar, 0 to 1.
    pub bar: f64,
}

/// The table of a row.
pub fn table(row: &RowResults) -> Table {
    let columns = columns(row);
    let full = full_length(row);
    let line = |contender: &Contender| Line {
        cells: columns
            .iter()
            .map(|(_, cell)| cell(row, contender).unwrap_or_else(|| "-".into()))
            .collect(),
        bar: length(row, contender).map_or(0.0, |length| length / full),
    };
    Table {
        head: columns.iter().map(|(name, _)| *name).collect(),
        lines: row.ranked().into_iter().map(line).collect(),
    }
}

/// What a bar of full length stands for: the greatest value, but one core at least, so that nothing
/// looks like nothing.
fn full_length(row: &RowResults) -> f64 {
    let least = if row.row.figure() == Figure::Cores { 1.0 } else { f64::MIN_POSITIVE };
    row.contenders.iter().filter_map(|contender| length(row, contender)).fold(least, f64::max)
}

/// What the bar of a contender shows.
fn length(row: &RowResults, contender: &Contender) -> Option<f64> {
    contender.median(|measurement| measurement.value(row.row.figure()))
}
