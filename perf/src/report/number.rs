//! Numbers for people.

/// With three digits that count.
pub fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        size if size >= 0.0095 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.0e}"),
    }
}

/// Millions.
pub fn millions(value: f64) -> String {
    short(value / 1e6)
}

/// A time given in nanoseconds.
pub fn time(nanos: f64) -> String {
    match nanos {
        nanos if nanos >= 1e6 => format!("{} ms", short(nanos / 1e6)),
        nanos if nanos >= 1e3 => format!("{} us", short(nanos / 1e3)),
        nanos if nanos >= 10.0 => format!("{nanos:.0} ns"),
        nanos => format!("{nanos:.1} ns"),
    }
}

/// A share of one in per cent.
pub fn percent(share: f64) -> String {
    match share {
        share if share > 0.0 && share < 0.001 => "<0.1 %".into(),
        share => format!("{:.1} %", share * 100.0),
    }
}

/// How many times.
pub fn times(ratio: f64) -> String {
    format!("{} x", short(ratio))
}
