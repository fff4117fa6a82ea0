//! The colours of what is printed. `anstream` takes them out where no terminal reads it, and where `NO_COLOR` is set.

use anstyle::{AnsiColor, Style};
use clap::builder::Styles;

/// The word `error`.
pub const ERROR: Style = AnsiColor::Red.on_default().bold();

/// The help.
pub const HELP: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());
