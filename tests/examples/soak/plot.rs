//! A run as a picture, in SVG.

use std::fmt::{self, Write};

use crate::figures::{medians, range};
use crate::report::Run;
use crate::watch::Sample;

const WIDTH: f64 = 900.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const PANEL: f64 = 150.0;
const GAP: f64 = 64.0;
const TOP: f64 = 44.0;

/// What is read well on white and on black.
const INK: &str = "#7b828c";

/// A figure by the time.
struct Series {
    name: String,
    colour: &'static str,
    points: Vec<(f64, f64)>,
    /// Whether it is a straight line, and no samples.
    dashed: bool,
}

impl Series {
    fn of(run: &Run<'_>, name: &str, colour: &'static str, of: impl Fn(&Sample) -> f64) -> Self {
        let points = run.samples.iter();
        let points = points.map(|sample| (sample.at, of(sample)));
        Self {
            name: name.to_owned(),
            colour,
            points: points.collect(),
            dashed: false,
        }
    }

    /// How fast a count grows, by its differences.
    fn rate(run: &Run<'_>, name: &str, colour: &'static str, of: impl Fn(&Sample) -> u64) -> Self {
        let pairs = run.samples.windows(2);
        let points = pairs.filter_map(|pair| {
            let [before, after] = pair else {
                return None;
            };
            let more = of(after).saturating_sub(of(before)) as f64;
            Some((after.at, more / (after.at - before.at)))
        });
        Self {
            name: name.to_owned(),
            colour,
            points: points.collect(),
            dashed: false,
        }
    }
}

/// The picture of a run.
pub(crate) fn picture(run: &Run<'_>) -> Result<String, fmt::Error> {
    let (slope, start) = run.memory();
    let ends = [run.warm_up(), run.length];
    let line = Series {
        name: format!("least squares: {:+.2} MiB/h", slope * 3600.0),
        colour: "#e5604d",
        points: ends.map(|at| (at, start + slope * at)).to_vec(),
        dashed: true,
    };
    let panels = [
        (
            "MiB",
            vec![
                Series::of(run, "server's RSS", "#3b8eea", |sample| sample.server),
                line,
            ],
        ),
        (
            "",
            vec![
                Series::of(run, "server's file descriptors", "#b07be0", |sample| {
                    sample.descriptors
                }),
                Series::of(run, "its connections", "#d98e04", |sample| sample.open),
            ],
        ),
        (
            "1/s",
            vec![Series::rate(
                run,
                "requests answered",
                "#2da562",
                |sample| sample.answered,
            )],
        ),
        (
            "1/s",
            vec![Series::rate(run, "faults", "#e5604d", |sample| {
                sample.faults
            })],
        ),
    ];
    let height = TOP + panels.len() as f64 * (PANEL + GAP);
    let mut svg = String::new();
    writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\" fill=\"{INK}\">\n\
         <title>A server under churn, faults and load for {:.0} minutes</title>",
        run.length / 60.0
    )?;
    for (index, (unit, series)) in panels.iter().enumerate() {
        let top = TOP + index as f64 * (PANEL + GAP);
        panel(&mut svg, top, run.length, unit, series)?;
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}

fn panel(svg: &mut String, top: f64, length: f64, unit: &str, series: &[Series]) -> fmt::Result {
    let (bottom, right) = (top + PANEL, WIDTH - RIGHT);
    let points = series.iter().flat_map(|series| &series.points);
    let (_, most) = range(points.map(|point| point.1));
    let step = nice(most * 1.05 / 4.0);
    let most = (most * 1.05 / step).ceil() * step;
    let x = |at: f64| LEFT + at / length * (right - LEFT);
    let y = |value: f64| bottom - value / most * PANEL;

    let ticks = (most / step).round() as u32;
    for value in (0..=ticks).map(|tick| f64::from(tick) * step) {
        let at = y(value);
        writeln!(
            svg,
            "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"{INK}\" stroke-opacity=\"0.3\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            at + 4.0,
            short(value)
        )?;
    }
    let minutes = length / 60.0;
    let step = nice(minutes / 8.0);
    let ticks = (minutes / step + 1e-9) as u32;
    for minute in (0..=ticks).map(|tick| f64::from(tick) * step) {
        let at = x(minute * 60.0);
        writeln!(
            svg,
            "<path d=\"M{at:.1} {bottom}v4\" stroke=\"{INK}\"/>\
             <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{}{}</text>",
            bottom + 18.0,
            short(minute),
            if minute == 0.0 { " min" } else { "" }
        )?;
    }
    writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{unit}</text>",
        LEFT - 8.0,
        top - 14.0
    )?;
    let mut legend = LEFT;
    for Series {
        name,
        colour,
        points,
        dashed,
    } in series
    {
        let dashes = if *dashed {
            " stroke-dasharray=\"7 5\""
        } else {
            ""
        };
        let stroke = format!("fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.8\"{dashes}");
        writeln!(
            svg,
            "<path d=\"M{legend} {}h22\" {stroke}/><text x=\"{}\" y=\"{}\">{name}</text>",
            top - 18.0,
            legend + 28.0,
            top - 14.0
        )?;
        legend += 60.0 + 7.0 * name.len() as f64;
        if *dashed {
            writeln!(
                svg,
                "<path d=\"{}\" {stroke}/>",
                path(points.iter().copied(), x, y)?
            )?;
            continue;
        }
        // 300 spans: the range of each behind, and its median before it.
        let span = length / 300.0;
        let same = |a: &(f64, f64), b: &(f64, f64)| (a.0 / span).floor() == (b.0 / span).floor();
        let (mut upper, mut lower) = (Vec::new(), Vec::new());
        for points in points.chunk_by(same) {
            let Some((first, _)) = points.first() else {
                continue;
            };
            let middle = ((first / span).floor() + 0.5) * span;
            let (least, most) = range(points.iter().map(|point| point.1));
            upper.push((middle, most));
            lower.push((middle, least));
        }
        let around = upper.into_iter().chain(lower.into_iter().rev());
        let middle = medians(points, span).into_iter();
        writeln!(
            svg,
            "<path d=\"{}\" fill=\"{colour}\" fill-opacity=\"0.3\"/><path d=\"{}\" {stroke}/>",
            path(around, x, y)?,
            path(middle, x, y)?
        )?;
    }
    Ok(())
}

fn path(
    points: impl Iterator<Item = (f64, f64)>,
    x: impl Fn(f64) -> f64,
    y: impl Fn(f64) -> f64,
) -> Result<String, fmt::Error> {
    let mut path = String::new();
    for (index, (at, value)) in points.enumerate() {
        let letter = if index == 0 { 'M' } else { 'L' };
        write!(path, "{letter}{:.1} {:.1}", x(at), y(value))?;
    }
    Ok(path)
}

/// A number of a scale.
fn short(value: f64) -> String {
    let digits = format!("{value:.3}");
    digits
        .trim_end_matches('0')
        .trim_end_matches('.')
        .to_owned()
}

/// The least of 1, 2 and 5, times a power of ten, that is not below a number.
fn nice(least: f64) -> f64 {
    let least = least.max(1e-3);
    let power = 10f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0].map(|step| step * power);
    steps
        .into_iter()
        .find(|step| *step >= least)
        .unwrap_or(10.0 * power)
}
