//! A picture of cost against number of policies, both on logarithmic axes, as SVG.
//!
//! Draws what it is given and nothing between or beyond: single figures stay single points.

use std::fmt::Write as _;

/// One kind of measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What it is.
    pub label: String,
    /// Colour, as CSS has it.
    pub color: &'static str,
    /// Whether neighbouring points were measured in one run and may be joined.
    pub joined: bool,
    /// Policies and µs per decision, by policies.
    pub points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 560.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 70.0;
const TOP: f64 = 46.0;
const BOTTOM: f64 = 190.0;

/// Decades of policies.
const DECADES_X: (i32, i32) = (0, 5);

/// Decades of µs: 0.1 µs to 1 s.
const DECADES_Y: (i32, i32) = (-1, 6);

/// The picture.
///
/// # Panics
/// Never: a string takes everything.
#[must_use]
pub fn svg(title: &str, series: &[Series]) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"26\" font-size=\"16\">{}</text>\n",
        escaped(title)
    );
    axes(&mut svg);
    for (i, series) in series.iter().enumerate() {
        draw(&mut svg, series);
        let y = HEIGHT - BOTTOM + 62.0 + 20.0 * i as f64;
        writeln!(
            svg,
            "<circle cx=\"{}\" cy=\"{}\" r=\"4\" fill=\"{}\"/><text x=\"{}\" y=\"{y}\">{}</text>",
            LEFT + 6.0,
            y - 4.0,
            series.color,
            LEFT + 18.0,
            escaped(&series.label)
        )
        .expect("a string");
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw(svg: &mut String, series: &Series) {
    let places: Vec<(f64, f64)> =
        series.points.iter().map(|(policies, micros)| (x(*policies), y(*micros))).collect();
    if series.joined {
        let line: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>",
            line.join(" "),
            series.color
        )
        .expect("a string");
    }
    for ((x, y), (_, micros)) in places.iter().zip(&series.points) {
        writeln!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{color}\"/><text x=\"{:.1}\" \
             y=\"{:.1}\" font-size=\"11\" fill=\"{color}\">{}</text>",
            x + 6.0,
            y - 6.0,
            time(*micros),
            color = series.color
        )
        .expect("a string");
    }
}

fn axes(svg: &mut String) {
    let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    for decade in DECADES_X.0..=DECADES_X.1 {
        let (value, x) = (10_f64.powi(decade), x(10_f64.powi(decade)));
        writeln!(
            svg,
            "<path d=\"M{x:.1} {TOP}V{bottom}\" stroke=\"#ddd\"/><text x=\"{x:.1}\" y=\"{}\" \
             text-anchor=\"middle\">{}</text>",
            bottom + 18.0,
            policies(value)
        )
        .expect("a string");
    }
    for decade in DECADES_Y.0..=DECADES_Y.1 {
        let (value, y) = (10_f64.powi(decade), y(10_f64.powi(decade)));
        writeln!(
            svg,
            "<path d=\"M{LEFT} {y:.1}H{right}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{:.1}\" \
             text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            y + 4.0,
            time(value)
        )
        .expect("a string");
    }
    writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">policies</text>",
        f64::midpoint(LEFT, right),
        bottom + 36.0
    )
    .expect("a string");
}

fn x(policies: f64) -> f64 {
    place(policies, DECADES_X) * (WIDTH - LEFT - RIGHT) + LEFT
}

fn y(micros: f64) -> f64 {
    HEIGHT - BOTTOM - place(micros, DECADES_Y) * (HEIGHT - TOP - BOTTOM)
}

/// Where a value lies between the first and the last decade, 0 to 1.
fn place(value: f64, (first, last): (i32, i32)) -> f64 {
    (value.log10() - f64::from(first)) / f64::from(last - first)
}

/// A time with three digits, e.g. `8.52 ms`.
#[must_use]
pub fn time(micros: f64) -> String {
    let (value, unit) = match micros {
        value if value < 1e3 => (value, "µs"),
        value if value < 1e6 => (value / 1e3, "ms"),
        value => (value / 1e6, "s"),
    };
    match value {
        value if value < 10.0 => format!("{} {unit}", trimmed(&format!("{value:.2}"))),
        value if value < 100.0 => format!("{} {unit}", trimmed(&format!("{value:.1}"))),
        value => format!("{value:.0} {unit}"),
    }
}

fn trimmed(number: &str) -> &str {
    number.trim_end_matches('0').trim_end_matches('.')
}

fn policies(value: f64) -> String {
    if value < 1e3 { format!("{value}") } else { format!("{} K", value / 1e3) }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
