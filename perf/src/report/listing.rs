//! What `--list` prints.

use crate::{contenders, rows::ROWS};

/// Rows and contenders. A star marks what the default run has.
pub fn render() -> String {
    let star = |default: bool| if default { '*' } else { ' ' };
    let mut text = String::from("rows (* in the default run):\n");
    for row in ROWS {
        text += &format!("  {} {:<20} {}\n", star(row.default), row.name, row.title);
    }
    text += "\ncontenders:\n";
    for entry in contenders::all() {
        let promise = if entry.lossless { "lossless" } else { "lossy" };
        let rows = ROWS.iter().filter(|row| entry.run(row).is_some()).count();
        text += &format!(
            "  {} {:<22} {promise:<9} {rows:>2} rows  {}\n",
            star(entry.default),
            entry.name,
            entry.note
        );
    }
    text
}
