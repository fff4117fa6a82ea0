//! Numbers for people, in few characters.

/// A number with three digits that count: `950`, `1.25 k`, `61.0 M`.
pub fn count(number: f64) -> String {
    let units = [(1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")];
    // What is rounded up to the next unit belongs there.
    let unit = units.into_iter().find(|(size, _)| number.abs() >= size * 0.999_5);
    match unit {
        Some((size, name)) => format!("{}{name}", digits(number / size)),
        None => format!("{number:.0}"),
    }
}

/// The same for what is counted exactly.
pub fn whole(number: u64) -> String {
    if number < 100_000 { number.to_string() } else { count(number as f64) }
}

/// A time given in seconds: `0`, `120 us`, `1.50 s`, `12.0 min`.
pub fn time(seconds: f64) -> String {
    match seconds {
        0.0 => "0".into(),
        seconds if seconds >= 7_200.0 => format!("{} h", digits(seconds / 3_600.0)),
        seconds if seconds >= 120.0 => format!("{} min", digits(seconds / 60.0)),
        seconds if seconds >= 0.999_5 => format!("{} s", digits(seconds)),
        seconds if seconds >= 0.999_5e-3 => format!("{} ms", digits(seconds * 1e3)),
        seconds if seconds >= 0.999_5e-6 => format!("{} us", digits(seconds * 1e6)),
        seconds => format!("{:.0} ns", seconds * 1e9),
    }
}

/// A share of one in per cent.
pub fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn digits(number: f64) -> String {
    match number.abs() {
        size if size >= 99.95 => format!("{number:.0}"),
        size if size >= 9.995 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        let written = [0.0, 7.0, 999.4, 999.6, 1_250.0, 61_000_000.0, 999_960.0].map(count);
        assert_eq!(written, ["0", "7", "999", "1.00 k", "1.25 k", "61.0 M", "1.00 M"]);
        assert_eq!([whole(99_999), whole(100_000)], ["99999", "100 k"]);
    }

    #[test]
    fn times_have_the_unit_that_fits() {
        let written = [0.0, 2e-8, 1.2e-4, 0.05, 1.5, 65.0, 720.0, 9_000.0].map(time);
        let expected =
            ["0", "20 ns", "120 us", "50.0 ms", "1.50 s", "65.0 s", "12.0 min", "2.50 h"];
        assert_eq!(written, expected);
    }
}
