//! Lines as a picture, in SVG, for what benchmarks measure.

mod scale;

use std::fmt::{self, Write};
use std::io;
use std::path::Path;

use self::scale::{Scale, short};
use crate::figures::Spread;

/// The folder of all pictures.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/performance");

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 24.0;
/// Under it the scale and its name.
const BOTTOM: f64 = 56.0;
/// A line of the legend.
const LEGEND: f64 = 22.0;

/// What is read well on white and on black.
const INK: &str = "#7b828c";

/// Of one line after another.
const COLOURS: [&str; 6] = [
    "#3b8eea", "#2da562", "#b07be0", "#d98e04", "#e5604d", "#20a8b5",
];

/// A picture of lines over a common scale.
#[derive(Clone, Debug)]
pub struct Plot {
    title: String,
    x: Axis,
    y: Axis,
    lines: Vec<Line>,
}

/// A scale with its name, which says the unit.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    name: &'static str,
    is_log: bool,
}

/// A line through points, each with its least and its most.
#[derive(Clone, Debug)]
pub struct Line {
    name: String,
    points: Vec<(f64, Spread)>,
    colour: Option<usize>,
    is_dashed: bool,
}

impl Axis {
    /// With the same distance between numbers of the same difference, from zero.
    #[must_use]
    pub fn linear(name: &'static str) -> Self {
        let is_log = false;
        Self { name, is_log }
    }

    /// With the same distance between numbers of the same ratio. Points must be above zero:
    /// others are not drawn.
    #[must_use]
    pub fn log(name: &'static str) -> Self {
        let is_log = true;
        Self { name, is_log }
    }
}

impl Line {
    /// A line of something that is measured.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            points: Vec::new(),
            colour: None,
            is_dashed: false,
        }
    }

    /// A dashed line, of what others are compared with.
    #[must_use]
    pub fn dashed(name: impl Into<String>) -> Self {
        let is_dashed = true;
        Self {
            is_dashed,
            ..Self::new(name)
        }
    }

    /// In a colour of the six, by number, and not in the next one: lines that belong together.
    #[must_use]
    pub fn coloured(self, colour: usize) -> Self {
        let colour = Some(colour);
        Self { colour, ..self }
    }

    /// Goes on to a point.
    pub fn add(&mut self, x: f64, y: Spread) {
        self.points.push((x, y));
    }
}

impl Plot {
    /// An empty picture.
    #[must_use]
    pub fn new(title: impl Into<String>, x: Axis, y: Axis) -> Self {
        Self {
            title: title.into(),
            x,
            y,
            lines: Vec::new(),
        }
    }

    /// Draws a line on top of the others.
    pub fn add(&mut self, line: Line) {
        self.lines.push(line);
    }

    /// Writes the picture to a file of `docs/performance`, and says so.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&self, name: &str) -> io::Result<()> {
        let path = Path::new(FOLDER).join(name);
        std::fs::create_dir_all(FOLDER)?;
        std::fs::write(&path, self.svg().map_err(io::Error::other)?)?;
        println!("docs/performance/{name} is drawn");
        Ok(())
    }

    /// The picture.
    ///
    /// # Errors
    /// None: a string takes all of it.
    pub fn svg(&self) -> Result<String, fmt::Error> {
        let mut svg = String::new();
        writeln!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"system-ui, sans-serif\" font-size=\"13\" fill=\"{INK}\">\n\
             <title>{}</title>",
            Escaped(&self.title)
        )?;
        let legend = self.legend(&mut svg)?;
        let points = self.lines.iter().flat_map(|line| &line.points);
        let right = WIDTH - RIGHT;
        let bottom = HEIGHT - BOTTOM;
        let x = Scale::new(
            self.x.is_log,
            points.clone().map(|(x, _)| *x),
            (LEFT, right),
        );
        let heights = points.flat_map(|(_, y)| [y.least, y.most]);
        let y = Scale::new(self.y.is_log, heights, (bottom, legend + 34.0));
        writeln!(
            svg,
            "<text x=\"8\" y=\"{}\">{}</text>",
            legend + 14.0,
            Escaped(self.y.name)
        )?;
        for (at, value) in y.ticks() {
            writeln!(
                svg,
                "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"{INK}\" stroke-opacity=\"0.3\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                at + 4.0,
                short(value)
            )?;
        }
        for (at, value) in x.ticks() {
            writeln!(
                svg,
                "<path d=\"M{at:.1} {bottom}v4\" stroke=\"{INK}\"/>\
                 <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                bottom + 18.0,
                short(value)
            )?;
        }
        writeln!(
            svg,
            "<text x=\"{right}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            bottom + 40.0,
            Escaped(self.x.name)
        )?;
        for (index, line) in self.lines.iter().enumerate() {
            line.draw(&mut svg, index, &x, &y)?;
        }
        svg.push_str("</svg>\n");
        Ok(svg)
    }

    /// The lines' names. Returns where it ends.
    fn legend(&self, svg: &mut String) -> Result<f64, fmt::Error> {
        let (mut at, mut top) = (16.0, 24.0);
        for (index, line) in self.lines.iter().enumerate() {
            let width = 60.0 + 7.0 * line.name.chars().count() as f64;
            if at > 16.0 && at + width > WIDTH {
                at = 16.0;
                top += LEGEND;
            }
            writeln!(
                svg,
                "<path d=\"M{at} {}h22\" {}/><text x=\"{}\" y=\"{top}\">{}</text>",
                top - 4.0,
                line.stroke(index),
                at + 28.0,
                Escaped(&line.name)
            )?;
            at += width;
        }
        Ok(top + 6.0)
    }
}

impl Line {
    fn colour(&self, index: usize) -> &'static str {
        let index = self.colour.unwrap_or(index) % COLOURS.len();
        COLOURS.get(index).copied().unwrap_or(INK)
    }

    fn stroke(&self, index: usize) -> String {
        let colour = self.colour(index);
        let dashes = match self.is_dashed {
            true => " stroke-dasharray=\"7 5\"",
            false => "",
        };
        format!("fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.8\"{dashes}")
    }

    /// Draws it, and from the least to the most at each point.
    fn draw(&self, svg: &mut String, index: usize, x: &Scale, y: &Scale) -> fmt::Result {
        let (mut path, mut bars) = (String::new(), String::new());
        for (at, spread) in &self.points {
            let (Some(at), Some(median)) = (x.place(*at), y.place(spread.median)) else {
                continue;
            };
            let letter = if path.is_empty() { 'M' } else { 'L' };
            write!(path, "{letter}{at:.1} {median:.1}")?;
            if let (Some(least), Some(most)) = (y.place(spread.least), y.place(spread.most)) {
                write!(bars, "M{at:.1} {least:.1}V{most:.1}")?;
            }
        }
        writeln!(
            svg,
            "<path d=\"{bars}\" stroke=\"{}\" stroke-width=\"5\" stroke-opacity=\"0.3\"/>\
             <path d=\"{path}\" {}/>",
            self.colour(index),
            self.stroke(index)
        )
    }
}

/// Text between tags.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '&' => f.write_str("&amp;"),
            _ => f.write_char(character),
        })
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn lines_have_names_colours_and_points() {
        let mut plot = Plot::new("a & b", Axis::log("in flight"), Axis::log("1/s"));
        let mut floor = Line::dashed("<floor>");
        let mut ours = Line::new("ours");
        for x in [0.0, 1.0, 10.0, 100.0] {
            floor.add(x, Spread::of([x * 10.0]));
            ours.add(x, Spread::of([x * 8.0, x * 9.0]));
        }
        plot.add(floor);
        plot.add(ours);
        let svg = plot.svg().unwrap();
        assert!(svg.contains("<title>a &amp; b</title>"));
        assert!(svg.contains(">&lt;floor&gt;</text>"));
        for colour in &COLOURS[..2] {
            let line = format!("\" fill=\"none\" stroke=\"{colour}\"");
            assert_eq!(svg.matches(&line).count(), 2, "the legend and the line");
        }
        // Zero has no place.
        let lines = svg.lines().filter(|line| line.starts_with("<path d=\"M7"));
        assert!(lines.clone().count() >= 2);
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn nothing_is_drawn_without_lines() {
        let plot = Plot::new("", Axis::linear("x"), Axis::log("y"));
        let svg = plot.svg().unwrap();
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }
}
