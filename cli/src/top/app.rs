//! What the user has chosen to see, and what keys do to it.

use std::mem;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::top::sheet::{Order, Sheet};
use crate::top::view::View;

/// What is on the screen.
#[derive(Default)]
pub struct App {
    /// What is shown, once there is something.
    pub view: Option<View>,
    /// Why there is nothing new.
    pub trouble: Option<String>,
    /// It stays as it is.
    pub is_paused: bool,
    /// The table that is shown.
    pub tab: usize,
    /// How each table is sorted.
    orders: [Order; 9],
    /// Only rows that have this.
    pub filter: String,
    /// The filter is being written; what it was before.
    editing: Option<String>,
    /// Rows above the first that is shown.
    pub scroll: usize,
    /// The help is open.
    pub is_helping: bool,
}

/// What a key leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Go,
    Quit,
}

impl App {
    /// With nothing to show yet.
    pub fn filtered(filter: String) -> Self {
        Self { filter, ..Self::default() }
    }

    /// Takes a new view, unless it is paused.
    pub fn show(&mut self, view: View) {
        self.trouble = None;
        if !self.is_paused {
            self.view = Some(view);
        }
    }

    /// The tables, filtered and sorted.
    pub fn sheets(&self) -> Vec<Sheet> {
        let mut sheets = self.view.as_ref().map(View::sheets).unwrap_or_default();
        for (sheet, order) in sheets.iter_mut().zip(self.orders) {
            sheet.filter(&self.filter);
            sheet.sort(order);
        }
        sheets
    }

    /// How the table on the screen is sorted.
    pub fn order(&self) -> Order {
        self.orders[self.tab]
    }

    pub fn is_editing(&self) -> bool {
        self.editing.is_some()
    }

    // ===== keys =====

    pub fn key(&mut self, key: KeyEvent) -> Next {
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            return Next::Quit;
        }
        if self.editing.is_some() {
            self.edit(key.code);
            return Next::Go;
        }
        if mem::take(&mut self.is_helping) {
            return Next::Go;
        }
        self.command(key.code)
    }

    /// A key while the filter is written.
    fn edit(&mut self, key: KeyCode) {
        match key {
            KeyCode::Char(letter) => self.filter.push(letter),
            KeyCode::Backspace => drop(self.filter.pop()),
            KeyCode::Enter => self.editing = None,
            KeyCode::Esc => self.filter = self.editing.take().unwrap_or_default(),
            _ => {}
        }
        self.scroll = 0;
    }

    fn command(&mut self, key: KeyCode) -> Next {
        match key {
            KeyCode::Char('q') => return Next::Quit,
            KeyCode::Char('?' | 'h') => self.is_helping = true,
            KeyCode::Char('p' | ' ') => self.is_paused ^= true,
            KeyCode::Char('/') => self.editing = Some(self.filter.clone()),
            KeyCode::Esc => self.filter.clear(),
            KeyCode::Tab => self.go(1),
            KeyCode::BackTab => self.go(self.orders.len() - 1),
            KeyCode::Char(digit @ '1'..='9') => self.open(digit as usize - '1' as usize),
            KeyCode::Right | KeyCode::Char('s' | '>') => self.sort_next(1),
            KeyCode::Left | KeyCode::Char('<') => self.sort_next(-1),
            KeyCode::Char('r') => self.orders[self.tab].is_descending ^= true,
            KeyCode::Down | KeyCode::Char('j') => self.scroll_by(1),
            KeyCode::Up | KeyCode::Char('k') => self.scroll = self.scroll.saturating_sub(1),
            KeyCode::PageDown => self.scroll_by(10),
            KeyCode::PageUp => self.scroll = self.scroll.saturating_sub(10),
            KeyCode::Home => self.scroll = 0,
            _ => {}
        }
        Next::Go
    }

    fn go(&mut self, steps: usize) {
        self.open((self.tab + steps) % self.orders.len());
    }

    fn open(&mut self, tab: usize) {
        (self.tab, self.scroll) = (tab, 0);
    }

    fn scroll_by(&mut self, rows: usize) {
        let shown = self.sheets().get(self.tab).map_or(0, |sheet| sheet.rows.len());
        self.scroll = (self.scroll + rows).min(shown.saturating_sub(1));
    }

    /// Sorts by the column beside; beyond the last, as things come. Numbers begin with the greatest.
    fn sort_next(&mut self, step: isize) {
        let Some(sheet) = self.sheets().into_iter().nth(self.tab) else { return };
        let places = sheet.columns.len() as isize + 1;
        let order = &mut self.orders[self.tab];
        // Place 0: as things come.
        let place = order.column.map_or(0, |column| column as isize + 1);
        let place = (place + step).rem_euclid(places);
        order.column = (place as usize).checked_sub(1);
        order.is_descending = order.column.is_some_and(|column| sheet.columns[column].is_number);
    }
}
