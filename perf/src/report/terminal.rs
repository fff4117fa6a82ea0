//! The report that is printed: a table and a picture for each row.

use crate::{
    report::{head, table},
    results::{Results, RowResults},
};

/// The width of the longest bar.
const BAR: usize = 24;

/// The whole report.
pub fn render(results: &Results) -> String {
    let mut text = String::new();
    for (name, value) in head(results) {
        text += &format!("{name:>9}: {value}\n");
    }
    for warning in results.warnings() {
        text += &format!("  WARNING: {warning}\n");
    }
    for row in &results.rows {
        text += &render_row(row);
    }
    text
}

/// One row: its title, and its table with bars.
fn render_row(row: &RowResults) -> String {
    let table = table::table(row);
    let lines = std::iter::once(table.head.iter().map(|name| (*name).to_owned()).collect())
        .chain(table.lines.iter().map(|line| line.cells.clone()))
        .collect::<Vec<Vec<String>>>();
    let widths = widths(&lines);
    let mut text = format!("\n{} [{}]\n", row.row.title, row.row.name);
    text += &format!("  {}\n", align(&lines[0], &widths));
    for (line, cells) in table.lines.iter().zip(&lines[1..]) {
        text += &format!("  {}  {}\n", align(cells, &widths), bar(line.bar));
    }
    text
}

/// The width of each column.
fn widths(lines: &[Vec<String>]) -> Vec<usize> {
    let width =
        |column: usize| lines.iter().map(|cells| cells[column].chars().count()).max().unwrap_or(0);
    (0..lines[0].len()).map(width).collect()
}

/// Cells in their columns: names to the left, figures to the right.
fn align(cells: &[String], widths: &[usize]) -> String {
    let cell = |(column, (text, width)): (usize, (&String, &usize))| match column {
        0 => format!("{text:<width$}"),
        _ => format!("{text:>width$}"),
    };
    cells.iter().zip(widths).enumerate().map(cell).collect::<Vec<_>>().join("  ")
}

/// A bar, in eighths of a character.
fn bar(length: f64) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (length.clamp(0.0, 1.0) * (BAR * 8) as f64).round() as usize;
    "█".repeat(eighths / 8) + PARTS[eighths % 8]
}
