//! Progress of long work, on standard error, if that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of so many bytes.
pub fn bytes(total: u64, doing: &'static str) -> ProgressBar {
    bar(
        total,
        doing,
        "{msg} {wide_bar} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}",
    )
}

/// A bar of so many records.
pub fn records(total: u64, doing: &'static str) -> ProgressBar {
    bar(total, doing, "{msg} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}")
}

fn bar(total: u64, doing: &'static str, template: &str) -> ProgressBar {
    // A template that does not parse has the default bar instead.
    let style = ProgressStyle::with_template(template);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style).with_message(doing)
}
