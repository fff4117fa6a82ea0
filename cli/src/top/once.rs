//! One look, for scripts and for paper.

use std::io::{self, Write};

use crate::top::sheet::Sheet;
use crate::top::view::View;

/// Writes everything as JSON.
pub fn json(view: &View, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, view)?;
    writeln!(out)
}

/// Writes all tables that have rows, those rows that `filter` leaves.
pub fn tables(view: &View, filter: &str, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{} (pid {})", view.process.name, view.process.pid)?;
    for mut sheet in std::iter::once(view.rings()).chain(view.sheets()) {
        sheet.filter(filter);
        if !sheet.rows.is_empty() {
            table(&sheet, out)?;
        }
    }
    Ok(())
}

fn table(sheet: &Sheet, out: &mut impl Write) -> io::Result<()> {
    let names: Vec<_> = sheet.columns.iter().map(|column| column.name).collect();
    writeln!(out, "\n{}\n{}", sheet.title, line(sheet, &names))?;
    for row in &sheet.rows {
        let texts: Vec<_> = row.iter().map(|cell| cell.text.as_str()).collect();
        writeln!(out, "{}", line(sheet, &texts))?;
    }
    Ok(())
}

fn line(sheet: &Sheet, texts: &[&str]) -> String {
    let cells = texts.iter().zip(sheet.columns).zip(sheet.widths());
    let cells = cells.map(|((text, column), width)| match column.is_number {
        true => format!("{text:>width$}"),
        false => format!("{text:<width$}"),
    });
    cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}
