//! The terminal: keys in, screens out, until the user has seen enough.

use std::io;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use stentor::inspect::Snapshot;

use crate::top::app::{App, Next};
use crate::top::history::History;
use crate::top::screen;

/// How long a new snapshot may wait for being drawn.
const BEAT: Duration = Duration::from_millis(50);

/// Shows snapshots until the user quits. Restores the terminal in any case.
pub fn run(snapshots: &Receiver<Result<Snapshot, String>>, app: App) -> io::Result<()> {
    let mut terminal = ratatui::try_init()?;
    let shown = show(&mut terminal, snapshots, app);
    ratatui::try_restore()?;
    shown
}

fn show(
    terminal: &mut DefaultTerminal,
    snapshots: &Receiver<Result<Snapshot, String>>,
    mut app: App,
) -> io::Result<()> {
    let mut history = History::default();
    let mut is_new = true;
    loop {
        match snapshots.try_recv() {
            Ok(Ok(snapshot)) => {
                app.show(history.view(&snapshot));
                is_new = true;
            }
            Ok(Err(trouble)) => {
                app.trouble = Some(trouble);
                is_new = true;
            }
            // After the last trouble.
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => {}
        }
        if std::mem::take(&mut is_new) {
            terminal.draw(|frame| screen::draw(&app, frame))?;
        }
        if event::poll(BEAT)? {
            is_new = true;
            let Event::Key(key) = event::read()? else { continue };
            if key.kind != KeyEventKind::Release && app.key(key) == Next::Quit {
                return Ok(());
            }
        }
    }
}
