//! A table that can be sorted and filtered, whatever is in it.

use std::cmp::Ordering;

/// What a cell is sorted by.
#[derive(Clone, Debug, PartialEq)]
pub enum Key {
    Text(String),
    Number(f64),
}

/// How much something asks to be looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alert {
    #[default]
    None,
    /// It may be on its way to trouble.
    Warning,
    /// It is in trouble.
    Trouble,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    pub text: String,
    pub key: Key,
    pub alert: Alert,
}

impl Cell {
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { key: Key::Text(text.to_lowercase()), text, alert: Alert::None }
    }

    pub fn number(number: f64, text: impl Into<String>) -> Self {
        Self { text: text.into(), key: Key::Number(number), alert: Alert::None }
    }

    /// What is not known is less than all that is.
    pub fn maybe(number: Option<f64>, text: impl FnOnce(f64) -> String) -> Self {
        match number {
            Some(number) => Self::number(number, text(number)),
            None => Self::number(f64::NEG_INFINITY, "-"),
        }
    }

    pub fn alert(self, alert: Alert) -> Self {
        Self { alert, ..self }
    }

    /// Marks it where this holds.
    pub fn alert_if(self, alert: Alert, holds: bool) -> Self {
        if holds { self.alert(alert) } else { self }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub name: &'static str,
    /// Numbers stand at the right.
    pub is_number: bool,
}

/// A column of text.
pub const fn text(name: &'static str) -> Column {
    Column { name, is_number: false }
}

/// A column of numbers.
pub const fn number(name: &'static str) -> Column {
    Column { name, is_number: true }
}

/// A table.
#[derive(Clone, Debug, PartialEq)]
pub struct Sheet {
    pub title: &'static str,
    /// The title where there is little room.
    pub short: &'static str,
    pub columns: &'static [Column],
    pub rows: Vec<Vec<Cell>>,
}

/// By which column a sheet is sorted, and which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order {
    pub column: Option<usize>,
    pub is_descending: bool,
}

impl Sheet {
    /// The worst of its rows.
    pub fn alert(&self) -> Alert {
        let cells = self.rows.iter().flatten();
        cells.map(|cell| cell.alert).max().unwrap_or_default()
    }

    /// Keeps the rows that have this in one of their texts, in whatever case.
    pub fn filter(&mut self, filter: &str) {
        let filter = filter.to_lowercase();
        self.rows.retain(|row| row.iter().any(|cell| cell.text.to_lowercase().contains(&filter)));
    }

    /// Sorts it; equal rows stay in the order in which they were.
    pub fn sort(&mut self, order: Order) {
        let Some(column) = order.column else { return };
        self.rows.sort_by(|left, right| {
            let ordering = compare(&left[column].key, &right[column].key);
            if order.is_descending { ordering.reverse() } else { ordering }
        });
    }

    /// The width of each column, its name included.
    pub fn widths(&self) -> Vec<usize> {
        let width = |(index, column): (usize, &Column)| {
            let cells = self.rows.iter().map(|row| row[index].text.chars().count());
            cells.max().unwrap_or(0).max(column.name.chars().count() + 1)
        };
        self.columns.iter().enumerate().map(width).collect()
    }
}

fn compare(left: &Key, right: &Key) -> Ordering {
    match (left, right) {
        (Key::Number(left), Key::Number(right)) => left.total_cmp(right),
        (Key::Text(left), Key::Text(right)) => left.cmp(right),
        (Key::Number(_), Key::Text(_)) => Ordering::Less,
        (Key::Text(_), Key::Number(_)) => Ordering::Greater,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[text("name"), number("lag")];

    fn sheet() -> Sheet {
        let row = |name: &str, lag: Option<f64>| {
            vec![Cell::text(name), Cell::maybe(lag, |lag| format!("{lag}"))]
        };
        let rows = vec![row("Audit", Some(10.0)), row("desk", None), row("monitor", Some(9.0))];
        Sheet { title: "subscribers", short: "subs", columns: COLUMNS, rows }
    }

    fn names(sheet: &Sheet) -> Vec<&str> {
        sheet.rows.iter().map(|row| row[0].text.as_str()).collect()
    }

    #[test]
    fn numbers_are_sorted_as_numbers_and_the_unknown_is_least() {
        let mut sheet = sheet();
        sheet.sort(Order { column: Some(1), is_descending: true });
        assert_eq!(names(&sheet), ["Audit", "monitor", "desk"]);
        sheet.sort(Order { column: Some(1), is_descending: false });
        assert_eq!(names(&sheet), ["desk", "monitor", "Audit"]);
    }

    #[test]
    fn a_filter_looks_at_all_texts() {
        let mut by_name = sheet();
        by_name.filter("AUD");
        assert_eq!(names(&by_name), ["Audit"]);
        let mut by_number = sheet();
        by_number.filter("9");
        assert_eq!(names(&by_number), ["monitor"]);
    }
}
