//! What the screen looks like.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell as TableCell, Clear, Paragraph, Row, Table};

use crate::top::app::App;
use crate::top::sheet::{Alert, Order, Sheet};
use crate::top::view::View;
use crate::top::words::time;

/// Draws everything.
pub fn draw(app: &App, frame: &mut Frame<'_>) {
    let rings = app.view.as_ref().map(View::rings);
    let rows = rings.as_ref().map_or(0, |sheet| sheet.rows.len().clamp(1, 6) as u16 + 1);
    let parts = [
        Constraint::Length(1),
        Constraint::Length(rows),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(3),
        Constraint::Length(1),
    ];
    let [head, buses, _, tabs, table, foot] = Layout::vertical(parts).areas(frame.area());
    frame.render_widget(head_line(app), head);
    frame.render_widget(foot_line(app), foot);
    let Some(rings) = rings else {
        frame.render_widget(Paragraph::new(waiting(app)), table);
        return;
    };
    draw_sheet(frame, buses, &rings, Order::default(), 0);
    let sheets = app.sheets();
    frame.render_widget(tab_line(app, &sheets, tabs.width), tabs);
    draw_sheet(frame, table, &sheets[app.tab], app.order(), app.scroll);
    if app.is_helping {
        draw_help(frame);
    }
}

/// Which process, and how old what is shown is.
fn head_line(app: &App) -> Line<'static> {
    let mut spans = vec!["stentor top".bold(), "  ".into()];
    if let Some(view) = &app.view {
        let process = &view.process;
        spans.push(format!("{} (pid {})", process.name, process.pid).cyan());
        spans.push(format!("  {}", clock(view.unix_ns)).into());
        match view.over_seconds {
            Some(seconds) => spans.push(format!("  rates over {}", time(seconds)).dim()),
            None => spans.push("  rates come with the next snapshot".dim()),
        }
    }
    if app.is_paused {
        spans.push("  PAUSED".yellow().bold());
    }
    if let Some(trouble) = &app.trouble {
        spans.push(format!("  {trouble}").red().bold());
    }
    Line::from(spans)
}

/// The time of day, UTC.
fn clock(unix_ns: u64) -> String {
    let seconds = unix_ns / 1_000_000_000 % 86_400;
    format!("{:02}:{:02}:{:02} UTC", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

fn waiting(app: &App) -> &'static str {
    if app.trouble.is_some() { "" } else { "waiting for the first snapshot" }
}

/// The tables there are, with how much is in each and how it is; those that fit.
fn tab_line(app: &App, sheets: &[Sheet], width: u16) -> Line<'static> {
    let full = tab_spans(app, sheets, |sheet| format!("{} {}", sheet.title, sheet.rows.len()));
    if full.width() <= usize::from(width) {
        return full;
    }
    tab_spans(app, sheets, |sheet| match sheet.title == sheets[app.tab].title {
        true => format!("{} {}", sheet.title, sheet.rows.len()),
        false => sheet.short.to_owned(),
    })
}

fn tab_spans(app: &App, sheets: &[Sheet], label: impl Fn(&Sheet) -> String) -> Line<'static> {
    let mut spans = Vec::new();
    for (index, sheet) in sheets.iter().enumerate() {
        let style = match (index == app.tab, sheet.rows.is_empty()) {
            (true, _) => Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD),
            (false, true) => Style::new().add_modifier(Modifier::DIM),
            (false, false) => Style::new(),
        };
        let style = style.patch(alert_style(sheet.alert()));
        if index > 0 {
            spans.push("  ".into());
        }
        spans.push(Span::styled(format!("{} {}", index + 1, label(sheet)), style));
    }
    Line::from(spans)
}

fn foot_line(app: &App) -> Line<'static> {
    if app.is_editing() {
        let help = "   enter: keep   esc: as before".dim();
        return Line::from(vec!["filter: ".bold(), app.filter.clone().into(), "_".into(), help]);
    }
    let keys = "q quit  1-9 tab table  ◄ ► sort  r reverse  / filter  p pause  ▲ ▼ scroll  ? help";
    match app.filter.is_empty() {
        true => Line::from(keys.dim()),
        false => Line::from(vec![
            format!("filter: {} ", app.filter).bold().yellow(),
            "(esc: all)  ".into(),
            keys.dim(),
        ]),
    }
}

// ===== tables =====

fn draw_sheet(frame: &mut Frame<'_>, area: Rect, sheet: &Sheet, order: Order, scroll: usize) {
    let widths = sheet.widths();
    let head = sheet.columns.iter().zip(&widths).enumerate().map(|(index, (column, width))| {
        let is_sorted = order.column == Some(index);
        let mark = if order.is_descending { "▼" } else { "▲" };
        let name = format!("{}{}", column.name, if is_sorted { mark } else { "" });
        let style = if is_sorted { Style::new().fg(Color::Cyan) } else { Style::new() };
        TableCell::from(Span::styled(aligned(&name, *width, column.is_number), style))
    });
    let head = Row::new(head).style(Style::new().bold().underlined());
    let rows = sheet.rows.iter().skip(scroll).map(|row| {
        let cells = row.iter().zip(sheet.columns).zip(&widths);
        Row::new(cells.map(|((cell, column), width)| {
            let text = aligned(&cell.text, *width, column.is_number);
            TableCell::from(Span::styled(text, alert_style(cell.alert)))
        }))
    });
    let constraints = widths.iter().map(|width| Constraint::Length(*width as u16));
    let table = Table::new(rows, constraints).header(head).column_spacing(2);
    frame.render_widget(table, area);
}

fn aligned(text: &str, width: usize, is_number: bool) -> String {
    if is_number { format!("{text:>width$}") } else { text.to_owned() }
}

fn alert_style(alert: Alert) -> Style {
    match alert {
        Alert::None => Style::new(),
        Alert::Warning => Style::new().fg(Color::Yellow),
        Alert::Trouble => Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
    }
}

// ===== help =====

const HELP: &str = "\
1 - 9, tab     the table that is shown
left, right    the column it is sorted by
r              the other way round
/              only rows that have a text; esc: all
p, space       keep the screen as it is
up, down       scroll (also page up, page down, home)
q, ctrl-c      quit

lag        messages published and not read
lag time   how long ago the next message to be read was published
           (>: it was before stentor top began to look)
trend/s    by how many messages the lag grows (▲) or shrinks (▼)
fill       of the ring: the lag of the slowest subscriber

yellow: worth a look    red: in trouble";

fn draw_help(frame: &mut Frame<'_>) {
    let area = frame.area();
    let lines = HELP.lines().count() as u16;
    let width = HELP.lines().map(|line| line.chars().count()).max().unwrap_or(0) as u16;
    let (width, height) = ((width + 4).min(area.width), (lines + 2).min(area.height));
    let (x, y) = ((area.width - width) / 2, (area.height - height) / 2);
    let area = Rect { x, y, width, height };
    let block = Block::bordered().title(" help: any key closes it ");
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(HELP).block(block), area);
}
