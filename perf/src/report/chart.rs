//! Charts as SVG: throughput over the number of subscribers, and the latency curve. The text in
//! them is left to whoever shows them, so no font is needed here.

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use plotters::{
    coord::{
        Shift,
        ranged1d::{AsRangedCoord, ValueFormatter},
    },
    prelude::*,
};

use crate::{
    results::{Contender, Results, RowResults},
    rows::{Figure, Kind, Row},
};

/// Width and height.
const SIZE: (u32, u32) = (960, 600);
/// The width of the legend, at the right.
const LEGEND: u32 = 190;
/// The font, for whoever shows the chart.
const FONT: &str = "sans-serif";

/// Where something is drawn.
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The lines of a chart: a contender and its points.
type Series = BTreeMap<&'static str, Vec<(f64, f64)>>;

/// A family of rows that differ in the number of subscribers, or actors, only.
struct Family {
    /// The file's name.
    file: &'static str,
    /// The title.
    title: &'static str,
    /// What there are more and more of.
    of: &'static str,
    /// Whether a row belongs to it.
    has: fn(&Row) -> bool,
}

/// The families: one publisher, unbatched.
const FAMILIES: &[Family] = &[
    Family {
        file: "throughput-thread.svg",
        title: "1 publisher, a thread per subscriber",
        of: "subscribers",
        has: |row| one(row, Kind::Thread),
    },
    Family {
        file: "throughput-poll.svg",
        title: "1 publisher, one thread polls all subscribers",
        of: "subscribers",
        has: |row| one(row, Kind::Poll),
    },
    Family {
        file: "throughput-async.svg",
        title: "1 publisher, tasks on two workers",
        of: "subscribers",
        has: |row| one(row, Kind::Async),
    },
    Family {
        file: "throughput-actors.svg",
        title: "1 task tells actors in turn, two workers",
        of: "actors",
        has: |row| one(row, Kind::ActorTell),
    },
];

/// Whether a row is of that kind, with one publisher, unbatched.
fn one(row: &Row, kind: Kind) -> bool {
    row.kind == kind && row.publishers == 1 && row.batch == 1
}

/// Draws all charts for which there are results, into `directory`; gives their paths.
///
/// # Errors
///
/// Those of the file system, and of the drawing.
pub fn draw(results: &Results, directory: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    fs::create_dir_all(directory)?;
    let mut drawn = Vec::new();
    for family in FAMILIES {
        let series = throughput(results, family);
        if !series.is_empty() {
            let path = directory.join(family.file);
            draw_throughput(&path, family, &series)?;
            drawn.push(path);
        }
    }
    for row in results.rows.iter().filter(|row| row.row.figure() == Figure::Latency) {
        let path = directory.join(format!("{}.svg", row.row.name));
        draw_latency(&path, row.row.title, &latency(row))?;
        drawn.push(path);
    }
    Ok(drawn)
}

/// The throughput of each contender over the number of subscribers, in millions.
fn throughput(results: &Results, family: &Family) -> Series {
    let mut series = Series::new();
    for row in results.rows.iter().filter(|row| (family.has)(row.row)) {
        for contender in &row.contenders {
            if let Some(rate) = contender.median(|each| Some(each.messages_per_second)) {
                series
                    .entry(contender.name)
                    .or_default()
                    .push((row.row.subscribers as f64, rate / 1e6));
            }
        }
    }
    series
}

/// The latency curve of each contender: how many times fewer messages are slower, and microseconds.
fn latency(row: &RowResults) -> Series {
    row.contenders
        .iter()
        .map(|contender| (contender.name, curve(contender)))
        .filter(|(_, points)| !points.is_empty())
        .collect()
}

/// The median over the rounds at each percentile.
fn curve(contender: &Contender) -> Vec<(f64, f64)> {
    let percentiles = contender.rounds.iter().flatten().find_map(|each| each.latency.as_ref());
    let Some(percentiles) = percentiles else {
        return Vec::new();
    };
    let point = |(index, (percentile, _)): (usize, &(f64, u64))| {
        let nanos =
            contender.median(|each| Some(each.latency.as_ref()?.curve.get(index)?.1 as f64))?;
        Some((100.0 / (100.0 - percentile), (nanos / 1e3).max(1e-3)))
    };
    percentiles.curve.iter().enumerate().filter_map(point).collect()
}

/// Draws throughput over the number of subscribers.
fn draw_throughput(path: &Path, family: &Family, series: &Series) -> Result<(), Box<dyn Error>> {
    let (x, y) = bounds(series);
    let axes = Axes {
        title: family.title,
        x: family.of,
        y: "million messages per second",
        label: |x| format!("{x:.0}"),
    };
    draw_lines(
        path,
        &axes,
        series,
        ((x.0 * 0.9)..(x.1 * 1.1).max(x.0 * 2.0)).log_scale(),
        ((y.0 * 0.8)..(y.1 * 1.25)).log_scale(),
    )
}

/// Draws latency over percentiles.
fn draw_latency(path: &Path, title: &str, series: &Series) -> Result<(), Box<dyn Error>> {
    let (x, y) = bounds(series);
    let axes = Axes { title, x: "percentile", y: "microseconds", label: percentile };
    draw_lines(path, &axes, series, (x.0..x.1).log_scale(), ((y.0 * 0.8)..(y.1 * 1.25)).log_scale())
}

/// The percentile that a place on the axis stands for.
fn percentile(fewer: &f64) -> String {
    let percentile = 100.0 - 100.0 / fewer;
    format!("{}", (percentile * 1e4).round() / 1e4)
}

/// The least and the greatest x and y.
fn bounds(series: &Series) -> ((f64, f64), (f64, f64)) {
    let points = || series.values().flatten();
    let range = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::MAX, f64::MIN), |(min, max), value| (min.min(value), max.max(value)))
    };
    (range(&mut points().map(|point| point.0)), range(&mut points().map(|point| point.1)))
}

/// What stands beside a chart.
struct Axes<'a> {
    /// Above it.
    title: &'a str,
    /// Below it.
    x: &'static str,
    /// To its left.
    y: &'static str,
    /// How places on the x axis are written.
    label: fn(&f64) -> String,
}

/// Draws lines.
fn draw_lines<X, Y>(
    path: &Path,
    axes: &Axes<'_>,
    series: &Series,
    x: X,
    y: Y,
) -> Result<(), Box<dyn Error>>
where
    X: AsRangedCoord<Value = f64, CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>>,
    Y: AsRangedCoord<Value = f64, CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>>,
{
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let (plot, side) = area.split_horizontally(SIZE.0 - LEGEND);
    let mut chart = ChartBuilder::on(&plot)
        .caption(axes.title, (FONT, 20))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(x, y)?;
    let label = axes.label;
    chart.configure_mesh().x_desc(axes.x).y_desc(axes.y).x_label_formatter(&label).draw()?;
    for (index, (name, points)) in series.iter().enumerate() {
        let line = LineSeries::new(points.iter().copied(), style(index, name));
        chart.draw_series(line.point_size(3))?;
    }
    draw_legend(&side, series)?;
    area.present()?;
    Ok(())
}

/// Draws the legend: the lines from the top to the bottom, as they end at the right.
fn draw_legend(area: &Area<'_>, series: &Series) -> Result<(), Box<dyn Error>> {
    let end = |points: &[(f64, f64)]| points.last().map_or(0.0, |point| point.1);
    let mut lines: Vec<_> = series.iter().enumerate().collect();
    lines.sort_by(|(_, (_, left)), (_, (_, right))| end(right).total_cmp(&end(left)));
    for (y, (index, (name, _))) in (0..).map(|place| 52 + 22 * place).zip(lines) {
        area.draw(&PathElement::new([(4, y), (28, y)], style(index, name)))?;
        area.draw(&Text::new(*name, (36, y - 7), (FONT, 14)))?;
    }
    Ok(())
}

/// How the line of a contender is drawn: ours is thicker.
fn style(index: usize, name: &str) -> ShapeStyle {
    color(index).stroke_width(if name == "stentor" { 4 } else { 2 })
}

/// A colour for each line, well apart.
fn color(index: usize) -> HSLColor {
    let lightness = if index.is_multiple_of(2) { 0.35 } else { 0.55 };
    HSLColor((index as f64 * 0.618_034).fract(), 0.75, lightness)
}
