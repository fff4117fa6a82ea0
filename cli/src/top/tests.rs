//! Screens, drawn without a terminal, of views made of real snapshots' text.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::Color;
use stentor::inspect::Snapshot;

use crate::top::app::{App, Next};
use crate::top::history::History;
use crate::top::screen;

/// Two snapshots of one process, a second apart, with everything in them.
fn snapshots() -> [Snapshot; 2] {
    [include_str!("testdata/first.json"), include_str!("testdata/second.json")]
        .map(|text| serde_json::from_str(text).expect("a snapshot"))
}

/// An app that has seen both.
fn app() -> App {
    let (mut history, mut app) = (History::default(), App::default());
    for snapshot in snapshots() {
        app.show(history.view(&snapshot));
    }
    app
}

fn drawn(app: &App, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| screen::draw(app, frame)).unwrap();
    terminal.backend().buffer().clone()
}

fn lines(buffer: &Buffer) -> Vec<String> {
    let width = usize::from(buffer.area.width);
    let symbols: Vec<_> = buffer.content.iter().map(|cell| cell.symbol()).collect();
    symbols.chunks(width).map(|line| line.concat().trim_end().to_owned()).collect()
}

fn screen_of(app: &App) -> String {
    lines(&drawn(app, 132, 16)).join("\n")
}

fn press(app: &mut App, keys: &[KeyCode]) -> Next {
    let press = |key| app.key(KeyEvent::new(key, KeyModifiers::NONE));
    keys.iter().copied().map(press).last().unwrap_or(Next::Go)
}

/// Presses keys with letters on them.
fn type_in(app: &mut App, keys: &str) -> Next {
    press(app, &keys.chars().map(KeyCode::Char).collect::<Vec<_>>())
}

#[test]
fn the_first_screen_has_the_rings_and_the_subscribers() {
    let screen = screen_of(&app());
    assert_eq!(screen, include_str!("testdata/screen.txt").trim_end(), "\n{screen}\n");
}

#[test]
fn eighty_columns_have_room_for_all_tables() {
    let tabs = lines(&drawn(&app(), 80, 24)).remove(4);
    assert_eq!(tabs, "1 Subscribers 3  2 Hand  3 Thr  4 Act  5 Sys  6 Dead  7 Req  8 Brk  9 Back");
}

#[test]
fn every_table_has_its_rows() {
    let mut app = app();
    let expected = [
        ("1", "audit"),
        ("2", "risk"),
        ("3", "desk-0"),
        ("4", "matcher"),
        ("5", "exchange"),
        ("6", "mailbox_full"),
        ("7", "answered/s"),
        ("8", "half_open"),
        ("9", "reconnecting"),
    ];
    for (key, text) in expected {
        type_in(&mut app, key);
        let screen = screen_of(&app);
        assert!(screen.contains(text), "table {key} without {text:?}:\n{screen}");
    }
}

#[test]
fn what_is_in_trouble_is_red() {
    let buffer = drawn(&app(), 132, 16);
    let is_red = |text: &str| {
        let (y, line) =
            lines(&buffer).into_iter().enumerate().find(|(_, line)| line.contains(text)).unwrap();
        let x = line[..line.find(text).unwrap()].chars().count();
        buffer[(x as u16, y as u16)].fg == Color::Red
    };
    assert!(is_red("evicted") && is_red("Breakers 2") && is_red("Backends 1"));
    assert!(!is_red("parked") && !is_red("Systems 1"));
}

#[test]
fn columns_sort_and_reverse() {
    let mut app = app();
    let names = |app: &App| -> Vec<String> {
        app.sheets()[0].rows.iter().map(|row| row[0].text.clone()).collect()
    };
    assert_eq!(names(&app), ["audit", "ticker", "guest"]);
    // The lag is the fourth.
    press(&mut app, &[KeyCode::Right; 4]);
    assert_eq!(names(&app), ["guest", "ticker", "audit"]);
    assert!(screen_of(&app).contains("lag▼"));
    type_in(&mut app, "r");
    assert_eq!(names(&app), ["audit", "ticker", "guest"]);
    press(&mut app, &[KeyCode::Left; 4]);
    assert_eq!(names(&app), ["audit", "ticker", "guest"]);
    assert!(!screen_of(&app).contains('▼') || screen_of(&app).contains("▼ "));
}

#[test]
fn a_filter_is_typed_kept_and_dropped() {
    let mut app = app();
    type_in(&mut app, "/tickq");
    press(&mut app, &[KeyCode::Backspace]);
    let screen = screen_of(&app);
    assert!(screen.contains("filter: tick_") && screen.contains("Subscribers 1"), "{screen}");
    press(&mut app, &[KeyCode::Enter]);
    assert!(screen_of(&app).contains("filter: tick "), "keys are commands again");
    type_in(&mut app, "/x");
    press(&mut app, &[KeyCode::Esc]);
    assert_eq!(app.filter, "tick", "what it was before");
    press(&mut app, &[KeyCode::Esc]);
    assert!(screen_of(&app).contains("Subscribers 3"));
}

#[test]
fn a_paused_screen_stays_as_it_is() {
    let [first, second] = snapshots();
    let (mut history, mut app) = (History::default(), App::default());
    app.show(history.view(&first));
    type_in(&mut app, "p");
    app.show(history.view(&second));
    assert_eq!(app.view.as_ref().unwrap().sequence, first.sequence);
    assert!(screen_of(&app).contains("PAUSED"));
    type_in(&mut app, "p");
    app.show(history.view(&second));
    assert_eq!(app.view.as_ref().unwrap().sequence, second.sequence);
}

#[test]
fn rows_scroll_and_the_last_stays_in_sight() {
    let mut app = app();
    press(&mut app, &[KeyCode::Down; 9]);
    let screen = screen_of(&app);
    assert!(screen.contains("guest") && !screen.contains("audit"), "{screen}");
    press(&mut app, &[KeyCode::Home]);
    assert!(screen_of(&app).contains("audit"));
}

#[test]
fn the_help_opens_and_any_key_closes_it() {
    let mut app = app();
    type_in(&mut app, "?");
    assert!(screen_of(&app).contains("how long ago the next message to be read was published"));
    assert_eq!(type_in(&mut app, "q"), Next::Go);
    assert!(!screen_of(&app).contains("any key closes it"));
    assert_eq!(type_in(&mut app, "q"), Next::Quit);
}

#[test]
fn control_c_quits_even_while_the_filter_is_written() {
    let mut app = app();
    type_in(&mut app, "/");
    assert_eq!(app.key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), Next::Quit);
}

#[test]
fn a_process_that_goes_away_leaves_its_last_screen() {
    let mut app = app();
    app.trouble = Some("the connection to /run/x.sock broke: end of file".into());
    let screen = screen_of(&app);
    assert!(screen.contains("/run/x.sock broke") && screen.contains("ticker"), "{screen}");
}

#[test]
fn no_terminal_is_too_small() {
    let mut app = app();
    for help in ["", "?"] {
        type_in(&mut app, help);
        for (width, height) in [(1, 1), (20, 5), (80, 24), (300, 80)] {
            drawn(&app, width, height);
        }
    }
    drawn(&App::default(), 80, 24);
}
