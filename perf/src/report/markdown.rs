//! The report as Markdown, in the form of perf/RESULTS.md.

use crate::{
    report::{head, table},
    results::{Results, RowResults},
};

/// The whole report.
pub fn render(results: &Results) -> String {
    let mut text = String::from(
        "# Results\n\nWritten by `cargo run --release -p perf -- --markdown FILE`.\n\n",
    );
    for (name, value) in head(results) {
        text += &format!("- {name}: {value}\n");
    }
    for warning in results.warnings() {
        text += &format!("- **warning**: {warning}\n");
    }
    for row in &results.rows {
        text += &render_row(row);
    }
    text
}

/// One row: its title and its table.
fn render_row(row: &RowResults) -> String {
    let table = table::table(row);
    let mut text =
        format!("\n## `{}`: {}\n\n| {} |\n", row.row.name, row.row.title, table.head.join(" | "));
    text += &format!("| --- |{}\n", " ---: |".repeat(table.head.len() - 1));
    for line in &table.lines {
        text += &format!("| {} |\n", line.cells.join(" | "));
    }
    text
}
